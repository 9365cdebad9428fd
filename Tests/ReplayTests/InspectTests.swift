import Foundation
import Ground
import JSON
import Replay
import Testing

/// What `tapedeck inspect` prints and answers.
@Suite struct InspectTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private func run(_ options: Inspect.Options) -> (code: Int32, output: [String], errors: [String]) {
    var output: [String] = []
    var errors: [String] = []
    let code = Inspect.run(options, output: { output.append($0) }, errors: { errors.append($0) })
    return (code, output, errors)
  }

  @Test func printsATableForPeople() throws {
    let result = run(Inspect.Options(capture: Captures.committedPath("jan-vp8-opus")))
    #expect(result.code == 0)
    #expect(result.errors.isEmpty)
    let lines = result.output
    #expect(lines[0].hasSuffix("963 datagrams in 11.945 s from 2026-11-21T10:33:45.274Z; payload types from the facts beside it"))
    #expect(lines[1] == "p1 (WG7S7h3B0rJBnb6u): 127.0.0.1:46841 > 127.0.0.1:5002, 127.0.0.1:46841 > 127.0.0.1:5004")
    let heading = try #require(lines.first { $0.hasPrefix("stream") })
    let video = try #require(lines.first { $0.hasPrefix("p1 video") })
    #expect(heading.split(separator: " ").prefix(6) == ["stream", "SSRC", "PT", "codec", "packets", "bytes"])
    #expect(video.split(separator: " ").prefix(7) == ["p1", "video", "4241137713", "96", "VP8/90000", "361", "156621"])
    #expect(lines.contains { $0.contains("361 frames whole, 0 not; 1 key frame (320x240)") })
    #expect(lines.contains("4 datagrams: 12 bytes of zeros in place of RTCP"))
    #expect(lines.contains { $0.hasPrefix("RTCP feedback: 1 datagram: 1 PLI, 1 RR") })
    #expect(lines.contains { $0.contains("unknown by sender reports") })
    #expect(lines.allSatisfy { !$0.hasSuffix(" ") })
  }

  @Test func printsJSONForPrograms() throws {
    let result = run(Inspect.Options(capture: Captures.committedPath("gst-vp8-seqwrap"), json: true))
    #expect(result.code == 0)
    let json = try JSONValue(parsing: Array(result.output.joined(separator: "\n").utf8))
    #expect(json["participants"]?.arrayValue?.count == 1)
    let video = try #require(json["streams"]?.arrayValue?.first { $0["kind"] == "video" })
    #expect(video["firstSequenceNumber"] == 65400)
    #expect(video["lastSequenceNumber"] == 206)
    #expect(video["packetsLost"] == 0)
    #expect(video["codec"] == "VP8")
    #expect(json["rtcp"]?["fromSenders"]?["packets"]?["SR"] == 5)
    #expect(json["damage"] == .null)
  }

  @Test func whatIsNoCaptureIsOneLineAndExitCodeOne() throws {
    let path = try folder.write("no capture at all, for all that one can see", as: "c.pcap")
    let result = run(Inspect.Options(capture: path))
    #expect(result.code == 1)
    #expect(result.output.isEmpty)
    #expect(result.errors == ["\(path): unknown file format"])
  }

  @Test func aDamagedCaptureIsToldAsFarAsItIsWhole() throws {
    let frame = Frames.ethernet(Frames.ipv4(Frames.udp([1], from: Frames.a4, to: Frames.b4)), type: 0x0800)
    let whole = Frames.pcap([(0, frame), (1, frame)])
    let result = run(Inspect.Options(capture: try folder.write(Array(whole.dropLast()), as: "c.pcap")))
    #expect(result.code == 1)
    #expect(result.output.contains { $0.hasPrefix("1 datagram: neither RTP") })
    #expect(result.errors.count == 1)
    #expect(result.errors[0].contains("damaged after 1 frames"))
  }

  /// Two senders on one port, told apart by nothing but their SSRCs and times: concurrent streams are two tracks.
  @Test func streamsAtTheSameTimeAreTracksOfTheirOwn() throws {
    var frames: [(Int64, [UInt8])] = []
    for i in 0..<40 {
      for ssrc in [UInt32(1), 2] {
        let packet = Frames.rtp(
          type: 111, number: UInt16(i), timestamp: UInt32(i) * 960 &+ ssrc << 30, ssrc: ssrc, payload: [0x78, 1, 2, 3])
        let frame = Frames.ethernet(Frames.ipv4(Frames.udp(packet, from: Frames.a4, to: Frames.b4)), type: 0x0800)
        frames.append((Int64(i) * 20_000_000 + Int64(ssrc), frame))
      }
    }
    let path = try folder.write(Frames.pcap(frames), as: "c.pcap")
    let inspection = try CaptureInspection(of: path, hints: CaptureHints())
    #expect(inspection.description.tracks.map(\.ssrcs) == [[SSRC(1)], [SSRC(2)]])
    #expect(inspection.description.participants.count == 1)
    #expect(inspection.streams.map(\.jitterMilliseconds) == [0, 0])
    #expect(inspection.streams.map(\.soundDuration?.seconds) == [0.8, 0.8])
  }

  /// The counts of one stream with every fault that a path can have.
  @Test func countsLossDuplicatesAndReorder() throws {
    let numbers: [UInt16] = [65_534, 65_535, 1, 0, 0, 3, 4, 4, 6]
    let frames = numbers.enumerated().map { i, number -> (Int64, [UInt8]) in
      let steps = Int(number &- 65_534)
      let packet = Frames.rtp(
        type: 111, number: number, timestamp: UInt32(steps) * 960, ssrc: 5, payload: number == 6 ? [] : [0x78, 1])
      return (Int64(i) * 20_000_000, Frames.ethernet(Frames.ipv4(Frames.udp(packet, from: Frames.a4, to: Frames.b4)), type: 0x0800))
    }
    _ = try folder.write(#"{"payload_map": {"111": "opus/48000/2"}}"#, as: "c.json")
    let path = try folder.write(Frames.pcap(frames), as: "c.pcap")
    let inspection = try CaptureInspection(of: path, hints: try CaptureHints(capture: path))
    let stream = try #require(inspection.streams.first)
    #expect(stream.packets == 9)
    #expect(stream.missing == 2)
    #expect(stream.duplicates == 2)
    #expect(stream.outOfOrder == 2)
    #expect(stream.paddingOnly == 1)
    #expect(stream.firstSequenceNumber == SequenceNumber(65_534))
    #expect(stream.lastSequenceNumber == SequenceNumber(6))
  }

  @Test func namesFromTheWireCannotDriveATerminal() throws {
    let cname = Array("\u{1b}[2Jx".utf8)
    // A sender report, and a source description with the name.
    let report: [UInt8] = [0x80, 200, 0, 6, 0, 0, 0, 5] + [UInt8](repeating: 0, count: 20)
    let source: [UInt8] = [0x81, 202, 0, 3, 0, 0, 0, 5, 1, UInt8(cname.count)] + cname + [0]
    var frames = (0..<4).map { i in
      Frames.rtp(type: 111, number: UInt16(i), timestamp: UInt32(i) * 960, ssrc: 5, payload: [0x78, 1])
    }
    frames.append(report + source)
    let timed = frames.enumerated().map { i, packet in
      (Int64(i) * 20_000_000, Frames.ethernet(Frames.ipv4(Frames.udp(packet, from: Frames.a4, to: Frames.b4)), type: 0x0800))
    }
    let result = run(Inspect.Options(capture: try folder.write(Frames.pcap(timed), as: "c.pcap")))
    #expect(result.code == 0)
    #expect(result.output.contains { $0.hasPrefix("p1 (\\u{1b}[2Jx): ") })
    #expect(result.output.allSatisfy { !$0.unicodeScalars.contains("\u{1b}") })
  }

  /// Captures with damaged bytes anywhere are counted to the last frame, or end with an error; none traps.
  @Test(arguments: ["chr-vp8-opus", "jan-vp8-opus-srtp.enc", "gst-vp8-loss2-reorder"])
  func damageNeverTraps(_ name: String) throws {
    let hints = try CaptureHints(capture: Captures.committedPath(name))
    let bytes = Array(try Data(contentsOf: URL(filePath: Captures.committedPath(name))).prefix(60_000))
    var seed: UInt64 = 7
    func random(_ below: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(seed >> 33) % below
    }
    var counted = 0
    for round in 0..<60 {
      var damaged = bytes
      // The file's head stays, or nothing behind it would be read.
      for _ in 0..<200 { damaged[24 + random(damaged.count - 24)] = UInt8(random(256)) }
      let path = try folder.write(damaged, as: "c.pcap")
      let inspection = try CaptureInspection(of: path, hints: round % 2 == 0 ? hints : CaptureHints())
      let told = inspection.streams.reduce(0) { $0 + $1.packets } + inspection.other.values.reduce(0, +)
      #expect(told + inspection.senderRTCP.datagrams + inspection.feedbackRTCP.datagrams == inspection.datagrams)
      #expect(!inspection.lines.isEmpty)
      #expect(inspection.json.text().isEmpty == false)
      counted += inspection.datagrams
    }
    #expect(counted > 1_000)
  }
}
