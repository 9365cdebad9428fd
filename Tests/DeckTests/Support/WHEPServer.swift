import DeckRig
import Foundation
import JSON
import Testing

/// A WHEP server that sends sound and a moving picture: aiortc's peer behind an HTTP server of `Tests/Peers`.
final class WHEPServer {
  static let token = "sesame-\(UInt32.random(in: 0...UInt32.max))"
  private static let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Peers/whep-server.py").path

  let port: UInt16
  let scheme: String
  private let journal: String
  private let process = Process()

  /// `port`: that of a server that is no more, to stand in for it. With a certificate it speaks TLS.
  init(_ scratch: Scratch, port: UInt16 = 0, certificate: (file: String, key: String)? = nil) throws {
    journal = scratch.path + "/whep-journal"
    scheme = certificate == nil ? "http" : "https"
    let out = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/python3")
    process.arguments = [WHEPServer.script, "\(port)", WHEPServer.token, journal] + (certificate.map { [$0.file, $0.key] } ?? [])
    process.standardOutput = out
    let errors = scratch.path + "/whep-errors"
    _ = FileManager.default.createFile(atPath: errors, contents: nil)
    process.standardError = try FileHandle(forWritingTo: URL(filePath: errors))
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let line = String(decoding: out.fileHandleForReading.availableData, as: UTF8.self)
    self.port = try #require(UInt16(line.trimmingCharacters(in: .whitespacesAndNewlines)), "no WHEP server: \(Disk.text(errors))")
  }

  deinit { end(SIGKILL) }

  /// SIGTERM has it close its sessions; SIGKILL has it vanish.
  func end(_ signal: Int32) {
    guard process.isRunning else { return }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
  }

  func url(_ path: String = "/whep") -> String { "\(scheme)://127.0.0.1:\(port)\(path)" }

  /// The requests so far, of this server and of those whose place it took: `POST /whep 201`.
  var requests: [String] {
    EventText.parse(Disk.text(journal)).map { line in
      "\(line["method"]?.stringValue ?? "") \(line["path"]?.stringValue ?? "") \(line.count("status"))"
    }
  }

  func source(_ path: String = "/whep", token: String? = WHEPServer.token) -> JSONValue {
    let source: JSONValue = ["type": "whep", "url": .string(url(path)), "participant": "ada"]
    return token.map { source.with("token", .string($0)) } ?? source
  }
}
