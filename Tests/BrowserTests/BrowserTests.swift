import Foundation
import Glibc
import Testing

/// The files that a real daemon makes, in a real browser, over the daemon's own API.
@Suite(.serialized, .enabled(if: Browser.path != nil, "Chromium is not installed"))
struct BrowserTests {
  /// A daemon with a recording of a real browser behind Janus, sent in real time.
  final class Daemon {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tapedeck-\(UUID().uuidString)")
    let process = Process()
    var control: String { folder.path + "/c.sock" }

    static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    /// The program lies beside the tests' own.
    static let program: String = {
      let tests = URL(filePath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0])
      return tests.deletingLastPathComponent().appending(path: "tapedeck").path
    }()

    /// `flags`: of `serve`, beside the ones that every test needs.
    init(_ flags: [String] = []) throws {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      process.executableURL = URL(fileURLWithPath: Daemon.program)
      process.arguments = ["serve", "--control", control, "--root", folder.path + "/recordings", "--log-level", "error"] + flags
      try process.run()
      for _ in 0..<200 {
        if (try? Daemon.run(["node", "--control", control]))?.status == 0 { return }
        usleep(50_000)
      }
    }

    deinit {
      if process.isRunning {
        process.terminate()
        process.waitUntilExit()
      }
      try? FileManager.default.removeItem(at: folder)
    }

    static func start(_ arguments: [String]) throws -> Process {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: program)
      process.arguments = arguments
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      return process
    }

    @discardableResult static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: program)
      process.arguments = arguments
      let pipe = Pipe()
      process.standardOutput = pipe
      process.standardError = FileHandle.nullDevice
      try process.run()
      let data = pipe.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return (process.terminationStatus, String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Starts a recording on one port; answers its id and the port.
    func record() throws -> (id: String, port: Int) {
      let id = try Daemon.run(
        ["start", "--control", control, "--room", "browser", "--audio", "111", "--video", "96", "--segment-seconds", "1", "-q"]
      ).output
      let shown = try Daemon.run(["show", "--control", control, "--json", id]).output
      let json = try JSONSerialization.jsonObject(with: Data(shown.utf8)) as? [String: Any]
      let source = (json?["sources"] as? [[String: Any]])?.first
      let port = (source?["ports"] as? [[String: Any]])?.first?["port"] as? Int
      return (id, try #require(port))
    }
  }

  private func expectPlays(_ playback: Playback, live: Bool) {
    #expect(playback.error == nil)
    #expect(playback.advanced >= 4)
    // Thirty a second were recorded; a busy machine may show fewer of them.
    #expect(playback.frames >= 20)
    #expect(playback.width == 320 && playback.height == 240)
    if !live { #expect(abs((playback.duration ?? 0) - 12) < 0.5) }
  }

  @Test func theTapeAndTheFinalPresentationPlayAndSeek() throws {
    let daemon = try Daemon()
    let capture = Daemon.package.path + "/captures/chr-vp8-opus.pcap"
    let (second, secondPort) = try daemon.record()
    try Daemon.run(["replay", capture, "--to", "127.0.0.1:\(secondPort)"])
    #expect(try Daemon.run(["stop", "--control", daemon.control, second]).status == 0)
    for path in ["files/recording.webm", "hls/master.m3u8"] {
      let server = PageServer(page: Playback.page("/v1/recordings/\(second)/\(path)", seekTo: 8), control: daemon.control)
      defer { server.close() }
      let playback = try #require(try Browser.play(server), "\(path): the browser did not report")
      expectPlays(playback, live: false)
      #expect(abs((playback.seekedTo ?? 0) - 8) < 1, "\(path)")
    }
  }

  @Test func theLivePresentationPlaysWhileItGrows() throws {
    let daemon = try Daemon()
    let (id, port) = try daemon.record()
    let sender = try Daemon.start(["replay", Daemon.package.path + "/captures/chr-vp8-opus.pcap", "--to", "127.0.0.1:\(port)"])
    let playlist = daemon.folder.path + "/recordings/browser/\(id)/hls/master.m3u8"
    for _ in 0..<400 {
      if FileManager.default.fileExists(atPath: playlist) { break }
      usleep(50_000)
    }
    let server = PageServer(page: Playback.page("/v1/recordings/\(id)/hls/master.m3u8"), control: daemon.control)
    defer { server.close() }
    let playback = try #require(try Browser.play(server), "the browser did not report")
    #expect(sender.isRunning || playback.advanced >= 4)
    expectPlays(playback, live: true)
    sender.terminate()
    sender.waitUntilExit()
    try Daemon.run(["cancel", "--control", daemon.control, id])
  }
}
