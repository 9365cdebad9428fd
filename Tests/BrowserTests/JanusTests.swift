import Foundation
import Testing

extension BrowserTests {
  /// A real browser's media through a real Janus: the VideoRoom's subscriber is a source of a recording.
  @Suite(.enabled(if: Janus.isInstalled, "Janus is not installed"))
  struct JanusTests {
    /// How long the long take goes on; consent to send expires after 30 s, which it crosses in any case.
    private static let seconds = ProcessInfo.processInfo.environment["TAPEDECK_LONG_SECONDS"].flatMap { Double($0) } ?? 40
    private static let flags = ["--allow-loopback-in-peer-connection"]

    /// A recording that is one subscriber of the room.
    private struct Subscriber {
      let daemon: Daemon
      let handle: VideoRoomHandle
      private(set) var feeds: [Int]
      private(set) var recording = ""
      private var source = ""
      /// Janus's first description, and ours.
      let offer: String
      private(set) var answer = ""
      /// The states of the source and its round trip time, as they were seen after the first connection.
      private(set) var states: Set<String> = []
      private(set) var roundTrips: [Double] = []
      /// How often Janus has offered anew.
      private(set) var renegotiations = 0

      /// Subscribes to the room's first publisher, and starts a recording with Janus's offer.
      init(_ janus: Janus, _ daemon: Daemon) throws {
        self.daemon = daemon
        handle = try VideoRoomHandle(janus)
        feeds = []
        for _ in 0..<600 {
          feeds = try Subscriber.publishing(handle)
          if !feeds.isEmpty { break }
          usleep(50_000)
        }
        let joined = try handle.ask([
          "request": "join", "ptype": "subscriber", "room": Janus.room, "use_msid": true, "streams": feeds.map { ["feed": $0] },
        ])
        offer = try #require(VideoRoomHandle.offer(joined))
        let started = try daemon.call(
          "POST", "/v1/recordings",
          [
            "room": "janus", "source": ["type": "webrtc", "listenIp": "0.0.0.0", "offer": offer], "outputs": ["hls": NSNull()],
          ])
        recording = try #require(started["id"] as? String)
        let described = try #require((started["sources"] as? [[String: Any]])?.first)
        source = try #require(described["id"] as? String)
        answer = try #require(described["answer"] as? String)
        try handle.ask(["request": "start"], answer: answer)
      }

      /// Who publishes in the room now.
      private static func publishing(_ handle: VideoRoomHandle) throws -> [Int] {
        let event = try handle.ask(["request": "listparticipants", "room": Janus.room])
        let data = (event["plugindata"] as? [String: Any])?["data"] as? [String: Any]
        let present = data?["participants"] as? [[String: Any]] ?? []
        return present.filter { $0["publisher"] as? Bool == true }.compactMap { $0["id"] as? Int }
      }

      /// Looks once: subscribes to those who have come, takes Janus's offers, and notes the source's state.
      mutating func follow() throws {
        for feed in try Subscriber.publishing(handle) where !feeds.contains(feed) {
          feeds.append(feed)
          // Without an offer where Janus has another under way: then it comes later.
          let event = try handle.ask(["request": "subscribe", "streams": [["feed": feed]]])
          if VideoRoomHandle.offer(event) != nil { try renegotiate(event) }
        }
        if let event = handle.take({ VideoRoomHandle.offer($0) != nil }) { try renegotiate(event) }
        let source = try #require((try shown()["sources"] as? [[String: Any]])?.first)
        let state = source["state"] as? String ?? "?"
        if !states.isEmpty || state == "connected" { states.insert(state) }
        if let time = source["roundTripMilliseconds"] as? Double { roundTrips.append(time) }
      }

      private mutating func renegotiate(_ event: [String: Any]) throws {
        let offer = try #require(VideoRoomHandle.offer(event))
        renegotiations += 1
        let renewed = try daemon.call("PUT", "/v1/recordings/\(recording)/sources/\(source)/offer", ["offer": offer])
        try handle.ask(["request": "start"], answer: try #require(renewed["answer"] as? String))
      }

      func shown() throws -> [String: Any] { try daemon.call("GET", "/v1/recordings/\(recording)") }

      func stop() throws -> [String: Any] { try daemon.call("POST", "/v1/recordings/\(recording)/stop?wait=true") }

      var folder: String { daemon.folder.path + "/recordings/janus/\(recording)" }
    }

    /// Publishes and records until the page has reported, and answers both sides' accounts.
    private func run(_ publishers: [PatternPage.Publisher], _ janus: Janus) throws -> (Published, Subscriber, [String: Any]) {
      let daemon = try Daemon()
      let server = PageServer(page: PatternPage.page(publishers), control: daemon.control)
      defer { server.close() }
      let window = try Browser.open(server, flags: Self.flags)
      return try withExtendedLifetime(window) {
        var subscriber = try Subscriber(janus, daemon)
        var report: String?
        for _ in 0..<2400 where report == nil {
          try subscriber.follow()
          report = server.waitForResult(seconds: 1)
        }
        let recording = try subscriber.stop()
        let text = try #require(report, "the browser did not report")
        return (try JSONDecoder().decode(Published.self, from: Data(text.utf8)), subscriber, recording)
      }
    }

    @Test func everyPictureOfAPublisherIsOnTapeWhileOthersComeAndGo() throws {
      let janus = try Janus()
      let seconds = Self.seconds
      let (published, subscriber, recording) = try run(
        [
          PatternPage.Publisher(name: "101", seconds: seconds, exchange: PatternPage.videoRoom(janus.api, room: Janus.room, id: 101)),
          PatternPage.Publisher(
            name: "102", beginsAfter: 8, seconds: 8, exchange: PatternPage.videoRoom(janus.api, room: Janus.room, id: 102)),
          PatternPage.Publisher(
            name: "103", beginsAfter: 22, seconds: 8, exchange: PatternPage.videoRoom(janus.api, room: Janus.room, id: 103)),
        ], janus)
      #expect(published.error == nil)
      #expect(recording["status"] as? String == "completed")
      #expect(subscriber.states == ["connected"])
      for publisher in published.publishers {
        // Who joins late publishes for eight seconds, of which those go by that it takes to learn of it.
        try publisher.expectOnTape(recording, in: subscriber.folder, offsetCount: publisher.name == "101" ? 20 : 3)
      }
      print("Janus: \(subscriber.renegotiations) renegotiations in \(seconds) s")
    }

    /// A Janus that is lite checks no pair of addresses: we do, and our side controls.
    @Test func aLiteJanusIsMetByAFullAgent() throws {
      let janus = try Janus(isLite: true)
      let exchange = PatternPage.videoRoom(janus.api, room: Janus.room, id: 101)
      let (published, subscriber, recording) = try run([PatternPage.Publisher(name: "101", seconds: 10, exchange: exchange)], janus)
      #expect(published.error == nil)
      #expect(subscriber.offer.contains("a=ice-lite"))
      #expect(!subscriber.answer.contains("a=ice-lite"))
      #expect(recording["status"] as? String == "completed")
      #expect(subscriber.states == ["connected"])
      // Who checks knows how long the answers take.
      #expect(!subscriber.roundTrips.isEmpty)
      try published.publishers.first?.expectOnTape(recording, in: subscriber.folder, offsetCount: 5)
      print("Janus, lite: round trips of \(subscriber.roundTrips.min() ?? 0) to \(subscriber.roundTrips.max() ?? 0) ms")
    }
  }
}

extension BrowserTests.Daemon {
  /// A call of the control API by curl; throws with what the daemon said where it refused.
  @discardableResult func call(_ method: String, _ path: String, _ body: [String: Any]? = nil) throws -> [String: Any] {
    var words = ["curl", "-s", "--fail-with-body", "--unix-socket", control, "-X", method, "http://tapedeck" + path]
    if let body {
      let text = try JSONSerialization.data(withJSONObject: body)
      words += ["-H", "Content-Type: application/json", "--data-binary", String(decoding: text, as: UTF8.self)]
    }
    return try JSONSerialization.jsonObject(with: try Command.run(words)) as? [String: Any] ?? [:]
  }
}
