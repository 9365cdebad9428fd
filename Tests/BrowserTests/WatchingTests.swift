import Foundation
import Testing

extension BrowserTests {
  /// A picture whose size changes on the way, and a phone that is held upright, recorded by a real daemon and watched in real browsers from
  /// start to end.
  @Suite struct WatchingTests {
    /// What is recorded, and how it must look.
    private struct Program {
      var room: String
      var codec: Footage.Codec
      var scenes: [Footage.Scene]
      var container: String?
      var canvas: String?
      /// The sizes that players tell, of the file and of HLS.
      var sizes: [String]
      var hlsSizes: [String]
      var isTurned: Bool { scenes.contains { $0.rotation != 0 } }
    }
    private struct Recorded {
      var program: Program
      var file: String
      var playlist: String
      /// Of the file, in seconds.
      var duration: Double
    }

    private static let ramp = [
      Footage.Scene(width: 320, height: 180, seconds: 1.6), Footage.Scene(width: 1280, height: 720, seconds: 1.6),
      Footage.Scene(width: 640, height: 360, seconds: 1.6),
    ]
    private static let rampSizes = ["320x180", "1280x720", "640x360"]
    private static let phone = [Footage.Scene(width: 320, height: 180, rotation: 90, seconds: 4.8)]

    private static let programs = [
      Program(room: "ramp-vp8", codec: .vp8, scenes: ramp, sizes: rampSizes, hlsSizes: rampSizes),
      Program(room: "ramp-canvas", codec: .vp8, scenes: ramp, canvas: "640x360", sizes: rampSizes, hlsSizes: ["640x360"]),
      Program(room: "ramp-h264", codec: .h264, scenes: ramp, container: "mp4", sizes: rampSizes, hlsSizes: rampSizes),
      Program(room: "phone-vp8", codec: .vp8, scenes: phone, sizes: ["180x320"], hlsSizes: ["180x320"]),
      Program(room: "phone-h264", codec: .h264, scenes: phone, container: "mp4", sizes: ["180x320"], hlsSizes: ["180x320"]),
    ]

    /// All of them, at the same time and at their own pace.
    private func record(_ programs: [Program], on daemon: Daemon) throws -> [Recorded] {
      var started: [(id: String, port: UInt16)] = []
      var made: [String: Footage] = [:]
      let footage = try programs.map { program in
        let key = "\(program.codec) \(program.scenes)"
        let footage = try made[key] ?? Footage(program.scenes, codec: program.codec)
        made[key] = footage
        return footage
      }
      for program in programs {
        var outputs: [String: Any] = ["hls": ["segmentSeconds": 1, "canvas": program.canvas as Any?].compactMapValues { $0 }]
        if let container = program.container { outputs["file"] = ["container": container] }
        let answer = try daemon.call(
          "POST", "/v1/recordings",
          [
            "room": program.room, "outputs": outputs,
            "source": [
              "type": "rtp", "headerExtensions": [["uri": "urn:3gpp:video-orientation", "id": 4]],
              "tracks": [
                ["participant": "ada", "kind": "audio", "codec": "opus", "payloadType": 111, "ssrc": 66],
                ["participant": "ada", "kind": "video", "codec": program.codec.rawValue, "payloadType": 96, "ssrc": 77],
              ],
            ],
          ])
        let source = try #require((answer["sources"] as? [[String: Any]])?.first, "\(answer)")
        let port = try #require((source["ports"] as? [[String: Any]])?.first?["port"] as? Int)
        started.append((try #require(answer["id"] as? String), UInt16(port)))
      }
      Footage.send(Array(zip(footage, started.map(\.port))).map { (footage: $0.0, port: $0.1) })
      // All at once: where the one's stop waits for its presentation, the others' would go on in black meanwhile.
      for recording in started { try daemon.call("POST", "/v1/recordings/\(recording.id)/stop") }
      return try zip(programs, started).map { program, recording in
        let ended = try daemon.call("POST", "/v1/recordings/\(recording.id)/stop?wait=true")
        #expect(ended["status"] as? String == "completed")
        let files = ended["files"] as? [[String: Any]] ?? []
        let media = files.filter { $0["kind"] as? String == "media" }
        #expect(media.count == 1, "\(program.room): \(media)")
        let base = "/v1/recordings/\(recording.id)/"
        return Recorded(
          program: program, file: base + "files/" + (media.first?["path"] as? String ?? ""), playlist: base + "hls/master.m3u8",
          duration: media.first?["durationSeconds"] as? Double ?? 0)
      }
    }

    private func paths(_ recorded: [Recorded]) -> [String] { recorded.flatMap { [$0.file, $0.playlist] } }

    /// Each was played from start to end, in the sizes in which it was sent, and upright.
    private func expectWatched(_ all: [Watched], _ recorded: [Recorded], readsProjections: Bool) {
      for one in recorded {
        for watched in all where watched.path == one.file || watched.path == one.playlist {
          let name = "\(one.program.room), \(watched.path.split(separator: "/").last ?? ""), by the \(watched.player)"
          #expect(watched.error == nil, "\(name)")
          // Where sound goes on after the last picture, HLS does, with black.
          let isWhole = watched.path == one.file ? abs(watched.time - one.duration) < 0.4 : watched.time > one.duration - 0.4
          #expect(watched.ended && isWhole, "\(name): \(watched.time) of \(watched.duration ?? -1), recorded \(one.duration)")
          let isSideways = one.program.isTurned && watched.path.hasSuffix(".webm") && !readsProjections
          let upright = watched.path == one.file ? one.program.sizes : one.program.hlsSizes
          #expect(watched.sizes == (isSideways ? ["320x180"] : upright), "\(name)")
          #expect(Set(watched.corners) == [isSideways ? "rbwg" : Footage.corners], "\(name): \(watched.sights)")
        }
      }
      #expect(all.count == paths(recorded).count)
    }

    /// Both browsers watch what one daemon has recorded.
    @Test func theRampAndThePhonePlayToTheEndUpright() throws {
      let daemon = try Daemon()
      let recorded = try record(Self.programs, on: daemon)
      let page = Watched.page(paths(recorded))
      let server = PageServer(page: page, control: daemon.control)
      defer { server.close() }
      let text = try #require(try Browser.result(of: server, seconds: 120), "Chromium did not report")
      let chromium = try JSONDecoder().decode([Watched].self, from: Data(text.utf8))
      expectWatched(chromium, recorded, readsProjections: true)
      guard Firefox.problem == nil else {
        print("browser: not watched in Firefox: \(Firefox.problem ?? "")")
        return
      }
      let network = try NetworkNamespace()
      let outside = PageServer(page: page, control: daemon.control, address: network.outside)
      defer { outside.close() }
      let firefox = try Firefox("http://\(network.outside):\(outside.port)/", in: network)
      let told = try #require(withExtendedLifetime(firefox) { outside.waitForResult(seconds: 120) }, "Firefox did not report")
      expectWatched(try JSONDecoder().decode([Watched].self, from: Data(told.utf8)), recorded, readsProjections: false)
    }
  }
}
