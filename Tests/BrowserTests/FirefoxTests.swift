import Foundation
import Testing

extension BrowserTests {
  /// A real Firefox publishes by WHIP, over a network of its own.
  @Suite(.enabled(if: Firefox.problem == nil, "\(Firefox.problem ?? "")"))
  struct FirefoxTests {
    private static let token = "0123456789abcdef0123456789abcdef"

    /// It tells its address by an mDNS name that means nothing to us, so that it is learnt from its checks; and its first DTLS message
    /// spans two datagrams.
    @Test func everyPictureIsOnTape() throws {
      let network = try NetworkNamespace()
      let tokens = FileManager.default.temporaryDirectory.appendingPathComponent("tapedeck-tokens-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: tokens) }
      try Data(#"[{token: "\#(Self.token)", scope: "publish"}]"#.utf8).write(to: tokens)
      let listen = "\(network.outside):\(try freePort())"
      let daemon = try Daemon(["--listen", listen, "--tokens-file", tokens.path, "--listen-ip", network.outside])
      let exchange = PatternPage.whip("http://\(listen)/whip/fox?participant=fox", token: Self.token)
      let page = PatternPage.page([PatternPage.Publisher(name: "fox", seconds: 10, exchange: exchange)])
      let server = PageServer(page: page, control: daemon.control, address: network.outside)
      defer { server.close() }
      let firefox = try Firefox("http://\(network.outside):\(server.port)/", in: network)
      let text = try #require(withExtendedLifetime(firefox) { server.waitForResult(seconds: 120) }, "the browser did not report")
      let published = try JSONDecoder().decode(Published.self, from: Data(text.utf8))
      #expect(published.error == nil)
      let publisher = try #require(published.publishers.first)
      #expect(publisher.agent.contains("Firefox"))
      let listed = try daemon.call("GET", "/v1/recordings")["recordings"] as? [[String: Any]] ?? []
      #expect(listed.count == 1)
      // The publisher's end ends the recording.
      let id = try #require(listed.first?["id"] as? String)
      let recording = try daemon.call("POST", "/v1/recordings/\(id)/stop?wait=true")
      #expect(recording["status"] as? String == "completed")
      let start = try publisher.expectOnTape(recording, in: daemon.folder.path + "/recordings/fox/\(id)", offsetCount: 5)
      #expect(start == 0, "Firefox codes nothing before it is connected")
    }
  }
}
