import Foundation
import Glibc
import Testing

extension BrowserTests {
  /// A real browser that publishes by WHIP from a page of another origin.
  @Suite struct PublishTests {
    private static let token = "0123456789abcdef0123456789abcdef"

    /// A daemon whose API is on TCP, and the API's address.
    private func daemon() throws -> (Daemon, api: String) {
      let port = try freePort()
      let tokens = FileManager.default.temporaryDirectory.appendingPathComponent("tapedeck-tokens-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: tokens) }
      try Data(#"[{token: "\#(Self.token)", scope: "publish", rooms: ["studio"]}]"#.utf8).write(to: tokens)
      return (try Daemon(["--listen", "127.0.0.1:\(port)", "--tokens-file", tokens.path]), "http://127.0.0.1:\(port)")
    }

    /// A port that nobody had a moment ago.
    private func freePort() throws -> UInt16 {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let result = unsafe withUnsafeMutablePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
          unsafe bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
        }
      }
      try #require(result)
      return UInt16(bigEndian: address.sin_port)
    }

    /// The node's recordings, once all have ended.
    private func ended(_ daemon: Daemon) throws -> [[String: Any]] {
      var found: [[String: Any]] = []
      for _ in 0..<400 {
        let text = try Daemon.run(["list", "--json", "--control", daemon.control]).output
        let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        found = json?["recordings"] as? [[String: Any]] ?? []
        if found.allSatisfy({ $0["status"] as? String == "completed" }) { return found }
        usleep(50_000)
      }
      return found
    }

    @Test func aBrowserPublishesTricklesRestartsAndEnds() throws {
      let (daemon, api) = try daemon()
      let page = Publishing.page(api: api, token: Self.token, paths: ["/whip/studio?participant=ada"], restartsICE: true)
      let server = PageServer(page: page, control: daemon.control)
      defer { server.close() }
      let published = try #require(try Browser.send(server, Publishing.self), "the browser did not report")
      #expect(published.error == nil)
      #expect(published.refused == ["401", "Bearer realm=\"tapedeck\"", "unauthorized"])
      let publisher = try #require(published.publishers.first)
      #expect(publisher.post == 201)
      #expect(publisher.accepted == "application/trickle-ice-sdpfrag")
      #expect(publisher.location?.hasPrefix("/whip/studio/") == true)
      #expect(publisher.tags.count == 2 && publisher.tags[0] != nil && publisher.tags[0] != publisher.tags[1])
      #expect(publisher.trickled == [204, 204])
      #expect(publisher.restarted == 200)
      #expect(publisher.stale == 412)
      #expect(["connected", "completed"].contains(publisher.state))
      #expect(publisher.framesSent >= 60)
      #expect(publisher.deleted == 200)
      #expect(publisher.deletedAgain == 404)
      let recordings = try ended(daemon)
      #expect(recordings.count == 1)
      let recording = try #require(recordings.first)
      #expect(recording["status"] as? String == "completed")
      #expect(recording["startedBy"] as? String == "whip")
      let source = try #require((recording["sources"] as? [[String: Any]])?.first)
      let tracks = source["tracks"] as? [[String: Any]] ?? []
      #expect(tracks.map { $0["participant"] as? String } == ["ada", "ada"])
      let video = try #require(tracks.first { $0["kind"] as? String == "video" })
      // What was sent before the first connection stood is gone; nothing after it is.
      #expect(video["framesWritten"] as? Int ?? 0 >= publisher.framesSent - 5)
      #expect(video["packetsLost"] as? Int == 0)
    }

    @Test func theControlAPIOffersAndIsRenegotiated() throws {
      let daemon = try Daemon()
      let server = PageServer(page: Negotiating.page, control: daemon.control)
      defer { server.close() }
      let negotiated = try #require(try Browser.send(server, Negotiating.self), "the browser did not report")
      #expect(negotiated.error == nil)
      #expect(negotiated.calls == [201, 200, 200, 200, 200])
      #expect(negotiated.directions == [["recvonly", "recvonly"], ["recvonly", "inactive"], ["recvonly", "recvonly"]])
      let recording = try #require(try ended(daemon).first)
      #expect(recording["status"] as? String == "completed")
      let sources = recording["sources"] as? [[String: Any]] ?? []
      #expect(sources.count == 1)
      let video = (sources.first?["tracks"] as? [[String: Any]] ?? []).filter { $0["kind"] as? String == "video" }
      #expect(video.allSatisfy { $0["participant"] as? String == "ada" })
      let written = video.reduce(0) { $0 + ($1["framesWritten"] as? Int ?? 0) }
      #expect(negotiated.framesSent >= 60)
      #expect(written >= negotiated.framesSent - 5)
    }

    @Test func publishersOfARoomShareItsRecording() throws {
      let (daemon, api) = try daemon()
      let page = Publishing.page(api: api, token: Self.token, paths: ["/whip/studio", "/whip/studio"], restartsICE: false)
      let server = PageServer(page: page, control: daemon.control)
      defer { server.close() }
      let published = try #require(try Browser.send(server, Publishing.self), "the browser did not report")
      #expect(published.error == nil)
      #expect(published.publishers.map(\.post) == [201, 201])
      #expect(published.publishers.map(\.deleted) == [200, 200])
      let recordings = try ended(daemon)
      #expect(recordings.count == 1)
      let recording = try #require(recordings.first)
      #expect(recording["status"] as? String == "completed")
      let participants = (recording["participants"] as? [[String: Any]])?.compactMap { $0["id"] as? String } ?? []
      #expect(participants.sorted() == ["publisher", "publisher-2"])
      let files = (recording["files"] as? [[String: Any]] ?? []).filter { $0["kind"] as? String == "media" }
      #expect(Set(files.compactMap { $0["participant"] as? String }) == ["publisher", "publisher-2"])
    }
  }
}
