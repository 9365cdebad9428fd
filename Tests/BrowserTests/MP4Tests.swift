import Foundation
import Testing

extension BrowserTests {
  /// A tape in MP4, fragmented while it grows and ordinary afterwards, in a real browser, over the daemon's own API.
  @Suite struct MP4Tests {
    @Test func itPlaysWhileItGrowsAndSeeksWhenItIsDone() throws {
      let daemon = try Daemon()
      let id = try Daemon.run([
        "start", "--control", daemon.control, "--room", "browser", "--track", "participant=ada,codec=opus,pt=111", "--track",
        "participant=ada,codec=H264,pt=102", "--participant", "ada", "--container", "mp4", "--no-hls", "-q",
      ]).output
      let shown = try daemon.call("GET", "/v1/recordings/\(id)")
      let source = (shown["sources"] as? [[String: Any]])?.first
      let port = try #require((source?["ports"] as? [[String: Any]])?.first?["port"] as? Int)
      let sent = try Daemon.run(["replay", Daemon.package.path + "/captures/chr-h264.pcap", "--to", "127.0.0.1:\(port)"])
      #expect(sent.status == 0)
      try expectPlays(daemon, id, seekTo: nil)
      #expect(try Daemon.run(["stop", "--control", daemon.control, id]).status == 0)
      try expectPlays(daemon, id, seekTo: 7)
    }

    private func expectPlays(_ daemon: Daemon, _ id: String, seekTo: Double?) throws {
      let server = PageServer(
        page: Playback.page("/v1/recordings/\(id)/files/recording.mp4", seekTo: seekTo), control: daemon.control)
      defer { server.close() }
      let playback = try #require(try Browser.play(server), "the browser did not report")
      #expect(playback.error == nil)
      #expect(playback.advanced >= 4)
      #expect(playback.frames >= 20)
      #expect(playback.width == 320 && playback.height == 240)
      guard let seekTo else { return }
      #expect(abs((playback.duration ?? 0) - 10) < 0.5)
      #expect(abs((playback.seekedTo ?? 0) - seekTo) < 1)
    }
  }
}
