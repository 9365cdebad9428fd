import Ground
import JSON
import Replay
import Testing

/// What `inspect` counts is what other tools counted of the same captures.
@Suite struct CaptureFactsTests {
  @Test func thereAreCaptures() {
    #expect(Captures.plain.count >= 8)
    #expect(!Captures.keyed.isEmpty)
  }

  @Test(arguments: Captures.plain)
  func agreesWithTheFacts(_ name: String) throws {
    let facts = Captures.facts(name)
    let hints = try CaptureHints(capture: Captures.path(name))
    let inspection = try CaptureInspection(of: Captures.path(name), hints: hints)
    #expect(inspection.damage == nil)
    #expect(inspection.description.origin == .facts)
    try compare(inspection, with: facts)
    #expect(inspection.datagrams == facts["packets_total"]?.integerValue.map(Int.init))
    #expect(inspection.skipped.total == 0)
    let counted = inspection.streams.reduce(0) { $0 + $1.packets } + inspection.other.values.reduce(0, +)
    #expect(counted + inspection.senderRTCP.datagrams + inspection.feedbackRTCP.datagrams == inspection.datagrams)
  }

  @Test(arguments: Captures.keyed)
  func agreesThroughEncryption(_ name: String) throws {
    let plain = try #require(Captures.facts(name)["plain_counterpart"]?.stringValue)
    let facts = Captures.facts(String(plain.dropLast(".pcap".count)))
    let hints = try CaptureHints(capture: Captures.path(name))
    let inspection = try CaptureInspection(of: Captures.path(name), hints: hints)
    #expect(inspection.description.srtp != nil)
    #expect(inspection.other[.notOpened] == nil)
    try compare(inspection, with: facts)
  }

  @Test(arguments: Captures.wires)
  func countsWhatIsOnTheWire(_ name: String) throws {
    let counts = try #require(Captures.facts(name)["counts"])
    let inspection = try CaptureInspection(of: Captures.path(name), hints: try CaptureHints(capture: Captures.path(name)))
    let stun = ["stun_requests", "stun_responses", "stun_other"].compactMap { counts[$0]?.integerValue }.reduce(0, +)
    #expect(inspection.other[.stun] ?? 0 == Int(stun))
    #expect(inspection.other[.dtls] ?? 0 == Int(counts["dtls_datagrams"]?.integerValue ?? 0))
    #expect(inspection.senderRTCP.datagrams + inspection.feedbackRTCP.datagrams == Int(counts["srtcp"]?.integerValue ?? 0))
    for field in counts["srtp"]?.fields ?? [] {
      let ssrc = SSRC(try #require(UInt32(field.name.dropFirst(2), radix: 16)))
      #expect(inspection.streams.first { $0.stream.ssrc == ssrc }?.packets == field.value.integerValue.map(Int.init))
    }
  }

  private func compare(_ inspection: CaptureInspection, with facts: JSONValue) throws {
    let streams = try #require(facts["streams"]?.arrayValue)
    #expect(inspection.streams.count == streams.count)
    for told in streams {
      let ssrc = SSRC(UInt32(try #require(told["ssrc"]?.integerValue)))
      let counted = try #require(inspection.streams.first { $0.stream.ssrc == ssrc }, "no stream \(ssrc)")
      func number(_ name: String) -> Int? { told[name]?.integerValue.map(Int.init) }
      let label = Comment("SSRC \(ssrc)")
      #expect(counted.packets == number("packets"), label)
      #expect(counted.payloadBytes == number("payload_bytes"), label)
      #expect(counted.missing == number("missing_seq"), label)
      #expect(counted.duplicates == number("duplicates"), label)
      #expect(counted.outOfOrder == number("out_of_order"), label)
      #expect(counted.paddingOnly == number("padding_only_packets"), label)
      #expect(counted.markers == number("markers"), label)
      #expect(counted.senderReports == number("sender_reports") ?? 0, label)
      #expect(Int(counted.firstSequenceNumber.value) == number("first_seq"), label)
      #expect(Int(counted.lastSequenceNumber.value) == number("last_seq"), label)
      #expect(abs(counted.mediaSpan.seconds - (told["ts_span_s"]?.doubleValue ?? 0)) < 0.0001, label)
      let json = try #require(inspection.json["streams"]?.arrayValue?.first { $0["ssrc"] == told["ssrc"] })
      #expect(json["firstSenderReport"]?["rtpTimestamp"] == told["sr_first"]?["rtp_ts"], label)
      // Facts of pictures hold after retransmission; they are those of the wire where nothing had to be repeated.
      guard let video = counted.video, told["rtx"]?["recovered"]?.integerValue ?? 0 == 0 else { continue }
      #expect(video.completeFrames == number("frames_complete"), label)
      #expect(video.incompleteFrames == number("frames_incomplete"), label)
      #expect(video.framesBeforeFirstKeyFrame == number("frames_before_first_keyframe"), label)
      #expect(video.keyFrames == number("keyframes"), label)
      #expect(json["sizes"]?.arrayValue == told["resolutions"]?.arrayValue?.compactMap { $0["wxh"] }, label)
    }
  }
}
