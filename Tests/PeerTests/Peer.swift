import DeckRig
import Foundation
import JSON
import Testing

/// What a peer says that it did, in the last line that it prints.
struct PeerReport: Decodable {
  /// Why it gave up; nil where it came to its end.
  var error: String?
  /// The status of the call that began the session, and of the one that ended it.
  var posted: Int?
  var deleted: Int?
  /// The connection's states, by the peer's own names.
  var states: [String]
  /// Pictures and packets of sound since the connection.
  var framesSent: Int
  var soundsSent: Int
  /// Pion only: how many RTCP packets of each kind came.
  var feedback: [String: Int]?
}

/// Somebody else's WebRTC endpoint, as a process that sends to a deck.
final class Peer {
  private let process = Process()
  private let scratch: Scratch
  private let program: String

  /// `program` and `arguments`: a command, found by its path or by name.
  init(_ program: String, _ arguments: [String], token: String) throws {
    self.program = program
    scratch = try Scratch()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(["DECK_TOKEN": token]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: URL(filePath: try scratch.write("", as: "out")))
    process.standardError = try FileHandle(forWritingTo: URL(filePath: try scratch.write("", as: "err")))
    try process.run()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  var isRunning: Bool { process.isRunning }

  /// Waits for its end; it ends by itself.
  func report() throws -> PeerReport {
    #expect(eventually(within: 90) { !isRunning }, "\(program) does not end")
    let last = Disk.text(scratch.path + "/out").split(separator: "\n").last ?? ""
    guard let report = try? JSONDecoder().decode(PeerReport.self, from: Data(last.utf8)) else {
      throw Tool.Failure(description: "\(program) reported \"\(last)\": \(Disk.text(scratch.path + "/err"))")
    }
    return report
  }
}

/// The folder of the peers' programs.
enum PeerPrograms {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().path + "/Peers"

  /// Debian's Python, which finds Debian's packages.
  static let python = "/usr/bin/python3"

  /// Whether Debian's Python runs these lines.
  static func hasPython(_ lines: String) -> Bool { (try? Tool.outcome(python, ["-c", lines]))?.code == 0 }

  static let hasAiortc = hasPython("import aiortc, av")
  static let hasGStreamer = hasPython(
    """
    import gi
    gi.require_version("Gst", "1.0"); gi.require_version("GstWebRTC", "1.0"); gi.require_version("GstSdp", "1.0")
    from gi.repository import Gst, GstSdp, GstWebRTC
    Gst.init(None)
    assert all(Gst.ElementFactory.find(name) for name in ("webrtcbin", "nicesink", "dtlssrtpenc", "vp8enc", "opusenc", "rtpvp8pay"))
    """)

  /// Where Debian has Go's libraries.
  private static let goPath = "/usr/share/gocode"
  static let hasPion = Disk.exists(goPath + "/src/github.com/pion/webrtc") && (try? Tool.outcome("go", ["version"]))?.code == 0

  /// Pion's peer, compiled. What the compiler made is kept beside the tests' own binary, so that only the first time takes its time.
  static let pion = Result { () throws -> String in
    let place = URL(filePath: Daemon.binary).deletingLastPathComponent().appending(path: "peers").path
    let program = place + "/pion"
    let environment = [
      "GOPATH": goPath, "GO111MODULE": "off", "GOCACHE": place + "/go-cache", "GOFLAGS": "", "CGO_ENABLED": "0",
    ]
    let done = try Tool.outcome("go", ["build", "-o", program, folder + "/pion/main.go"], environment: environment)
    guard done.code == 0 else { throw Tool.Failure(description: "go build: \(done.errors)") }
    return program
  }
}
