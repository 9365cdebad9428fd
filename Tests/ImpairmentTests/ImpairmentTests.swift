import Ground
import Impairment
import RTCP
import RTP
import Testing

/// A stream of packets 20 ms apart through an impairment.
@Suite struct ImpairmentTests {
  private static let origin = Instant(nanoseconds: 1_000_000_000_000)
  private static let audio = Impairment.Stream(ssrc: SSRC(11), isVideo: false, rate: ClockRate(48_000))
  private static let video = Impairment.Stream(
    ssrc: SSRC(22), isVideo: true, rate: ClockRate(90_000),
    repair: Impairment.Repair(ssrc: SSRC(33), types: [(PayloadType(96), PayloadType(97))]))

  private func stage(_ text: String) throws -> Impairment {
    Impairment(try ImpairmentSpecification(text), streams: [Self.audio, Self.video], origin: Self.origin)
  }

  private func packet(_ ssrc: UInt32, _ number: UInt16, timestamp: UInt32, type: UInt8 = 96) -> [UInt8] {
    RTPHeaderFields(
      payloadType: PayloadType(type), marker: true, sequenceNumber: SequenceNumber(number), timestamp: RTPTimestamp(timestamp),
      ssrc: SSRC(ssrc)
    ).packet(payload: [1, 2, UInt8(number >> 8), UInt8(number & 255)])
  }

  private func time(_ milliseconds: Int64) -> Instant { Self.origin + .milliseconds(milliseconds) }

  /// Sends `count` packets of a stream 20 ms apart; answers what arrives.
  private func run(_ stage: inout Impairment, ssrc: UInt32 = 11, ticks: UInt32 = 960, count: Int = 500) throws -> [(
    at: Instant, packet: RTPPacket
  )] {
    var out: [(at: Instant, packet: RTPPacket)] = []
    for i in 0..<count {
      let now = time(Int64(i) * 20)
      while let arrival = stage.pop(until: now) { out.append((arrival.at, try RTPPacket(parsing: arrival.bytes.span))) }
      stage.receive(packet(ssrc, UInt16(truncatingIfNeeded: i), timestamp: UInt32(i) &* ticks).span, tag: 3, at: now)
    }
    while let next = stage.nextDeadline, let arrival = stage.pop(until: next) {
      #expect(arrival.tag == 3 && arrival.at == next)
      out.append((arrival.at, try RTPPacket(parsing: arrival.bytes.span)))
    }
    return out
  }

  @Test func withoutEffectsEverythingPassesAtOnce() throws {
    var stage = try stage("")
    let out = try run(&stage)
    #expect(out.map(\.packet.sequenceNumber.value) == (0..<500).map { UInt16($0) })
    #expect(out.enumerated().allSatisfy { $1.at == time(Int64($0) * 20) })
    #expect(stage.counts[.audio].sent == 500 && stage.counts.lost == 0)
  }

  @Test(arguments: [("loss=10%", 10.0), ("loss=10%,burst=4", 10), ("gemodel=2%/18%/100%/0%", 10), ("loss=100%", 100)])
  func theShareOfLossIsWhatWasAskedFor(_ text: String, _ percent: Double) throws {
    var stage = try stage(text)
    let out = try run(&stage, count: 6_000)
    let lost = 6_000 - out.count
    #expect(stage.counts[.audio].lost == lost)
    #expect(abs(Double(lost) / 60 - percent) < 2)
    // How many losses follow one another.
    var runs = 0
    var last = -1
    for number in out.map({ Int($0.packet.sequenceNumber.value) }) {
      if number != last + 1 { runs += 1 }
      last = number
    }
    guard percent < 100 else { return }
    let mean = Double(lost) / Double(runs)
    let wanted = text.contains("burst") ? 4 : text.contains("gemodel") ? 5.5 : 1.1
    #expect(abs(mean - wanted) < 0.8)
  }

  @Test func theSameSeedGivesTheSameAndAnotherEffectChangesNoLoss() throws {
    func lost(_ text: String) throws -> Set<UInt16> {
      var stage = try stage(text)
      return Set(0..<500).subtracting(try run(&stage).map(\.packet.sequenceNumber.value))
    }
    let lost = try lost("loss=10%,seed=3")
    #expect(try self.stage("").counts.sent == 0)
    #expect(lost.count > 20)
    #expect(try lost == self.lost(of: "loss=10%,seed=3,reorder=20%,jitter=5ms,duplicate=10%"))
    #expect(try lost != self.lost(of: "loss=10%,seed=4"))
  }

  private func lost(of text: String) throws -> Set<UInt16> {
    var stage = try stage(text)
    return Set(0..<500).subtracting(try run(&stage).map(\.packet.sequenceNumber.value))
  }

  @Test func jitterKeepsTheOrderAndReorderingChangesIt() throws {
    var stage = try stage("delay=40ms,jitter=30ms")
    var out = try run(&stage)
    #expect(out.map(\.packet.sequenceNumber.value) == (0..<500).map { UInt16($0) })
    let delays = out.enumerated().map { ($1.at - time(Int64($0) * 20)).milliseconds }
    #expect(delays.allSatisfy { (10...70).contains($0) })
    #expect((delays.max() ?? 0) - (delays.min() ?? 0) > 40)

    stage = try self.stage("reorder=10%,reorder-by=50ms")
    out = try run(&stage)
    #expect(out.count == 500)
    let numbers = out.map { Int($0.packet.sequenceNumber.value) }
    let late = zip(numbers, numbers.dropFirst()).count { $1 < $0 }
    #expect((30...70).contains(late) && (30...70).contains(stage.counts.reordered))
    #expect(zip(out, out.dropFirst()).allSatisfy { $0.at <= $1.at })
  }

  @Test func duplicatesComeTwice() throws {
    var stage = try stage("duplicate=10%")
    let out = try run(&stage)
    #expect(out.count == 500 + stage.counts.duplicated)
    #expect((30...70).contains(stage.counts.duplicated))
  }

  @Test func effectsForOneKindSpareTheOther() throws {
    var stage = try stage("video.loss=100%,audio.delay=10ms")
    #expect(try run(&stage, ssrc: 22, count: 10).isEmpty)
    #expect(try run(&stage, ssrc: 11, count: 10).count == 10)
    stage = try self.stage("loss=100%,audio.loss=0%")
    #expect(try run(&stage, ssrc: 11, count: 10).count == 10)
    // What is not known to be sound or a picture is subject to what is said for all.
    #expect(try run(&stage, ssrc: 99, count: 10).isEmpty)
  }

  @Test func timestampsDrift() throws {
    var stage = try stage("audio.drift=200ppm")
    let out = try run(&stage, count: 5_001)
    #expect(out[0].packet.timestamp.value == 0)
    // 100 s at 48 kHz, and 200 parts of a million more.
    #expect(out[5_000].packet.timestamp.value == 4_800_960)
    #expect(try run(&stage, ssrc: 22, ticks: 1800, count: 100)[99].packet.timestamp.value == 99 * 1800)
  }

  @Test(arguments: [("stall=18s@2s", 18 * 48_000), ("freeze=18s@2s", 0), ("audio.stall=18s@2s", 18 * 48_000)])
  func aStalledSenderComesBackLater(_ text: String, _ ticks: Int) throws {
    var stage = try stage(text)
    let out = try run(&stage, count: 200)
    #expect(out.count == 200)
    #expect(out[99].at == time(1980) && out[100].at == time(20_000))
    #expect(out[99].packet.timestamp.value == 99 * 960)
    #expect(out[100].packet.timestamp.value == 100 * 960 + UInt32(ticks))
    #expect(stage.counts.stalls == 1)
  }

  @Test func timestampsJump() throws {
    var stage = try stage("audio.jump=-1s@1s")
    let out = try run(&stage, count: 100)
    #expect(out[49].packet.timestamp.value == 49 * 960 && out[50].packet.timestamp.value == 0)
    #expect(out[50].at == time(1000))
  }

  private func report(_ ssrc: UInt32, ntp: UInt64, rtp: UInt32) -> [UInt8] {
    var bytes: [UInt8] = [0x80, 200, 0, 6]
    bytes.appendU32(ssrc)
    bytes.appendU32(UInt32(ntp >> 32))
    bytes.appendU32(UInt32(truncatingIfNeeded: ntp))
    for word in [rtp, 1, 2] { bytes.appendU32(word) }
    return bytes
  }

  private func passed(_ stage: inout Impairment, _ bytes: [UInt8], at now: Instant) throws -> (report: SenderReport, at: Instant) {
    stage.receive(bytes.span, tag: 0, at: now)
    let arrival = try #require(stage.nextDeadline.flatMap { stage.pop(until: $0) })
    var reader = RTCPReader()
    guard case .senderReport(let report)? = try reader.next(in: arrival.bytes.span) else {
      Issue.record("no sender report")
      throw WireError.badLength
    }
    return (report, arrival.at)
  }

  @Test func reportsTellWhatTheImpairedSenderWould() throws {
    let second: UInt64 = 1 << 32
    var stage = try stage("sr-offset=250ms@1s")
    #expect(try passed(&stage, report(11, ntp: 5 * second, rtp: 7), at: time(0)).report.ntp.value == 5 * second)
    #expect(try passed(&stage, report(11, ntp: 5 * second, rtp: 7), at: time(1000)).report.ntp.value == 5 * second + second / 4)
    // The wall goes on while the sender sleeps; its RTP time does not.
    stage = try self.stage("freeze=10s@1s")
    var told = try passed(&stage, report(11, ntp: 5 * second, rtp: 7), at: time(2000))
    #expect(told.report.ntp.value == 15 * second && told.report.rtp.value == 7 && told.at == time(12_000))
    stage = try self.stage("stall=10s@1s")
    told = try passed(&stage, report(11, ntp: 5 * second, rtp: 7), at: time(2000))
    #expect(told.report.ntp.value == 15 * second && told.report.rtp.value == 480_007)
    stage = try self.stage("jump=-1s")
    #expect(try passed(&stage, report(22, ntp: 5 * second, rtp: 100_000), at: time(0)).report.rtp.value == 10_000)
    stage = try self.stage("drift=1000ppm")
    _ = try passed(&stage, report(22, ntp: 5 * second, rtp: 0), at: time(0))
    #expect(try passed(&stage, report(22, ntp: 5 * second, rtp: 90_000), at: time(1000)).report.rtp.value == 90_090)
    stage = try self.stage("sr-absurd=100%")
    let honest = report(22, ntp: 5 * second, rtp: 90_000)
    for i in 0..<20 {
      let told = try passed(&stage, honest, at: time(Int64(i) * 1000)).report
      #expect(told.ntp.value != 5 * second || told.rtp.value != 90_000)
    }
    #expect(stage.counts.absurdReports == 20)
  }

  private func nack(_ media: UInt32, _ first: UInt16, mask: UInt16 = 0) -> [UInt8] {
    var bytes: [UInt8] = [0x80, 201, 0, 1, 0, 0, 0, 9, 0x81, 205, 0, 3, 0, 0, 0, 9]
    bytes.appendU32(media)
    bytes.appendU16(first)
    bytes.appendU16(mask)
    return bytes
  }

  @Test func aSenderRepeatsWhatItIsAskedFor() throws {
    var stage = try stage("audio.loss=0%,nack=on,rtt=60ms")
    _ = try run(&stage, ssrc: 22, ticks: 1800, count: 10)
    _ = try run(&stage, ssrc: 11, count: 10)
    stage.receiveFeedback(nack(22, 4, mask: 0b10).span, at: time(300))
    #expect(stage.nextDeadline == time(360))
    var numbers: [UInt16] = []
    while let arrival = stage.pop(until: time(360)) {
      // RFC 4588: another SSRC, type and number; the original number before the payload.
      let packet = try RTPPacket(parsing: arrival.bytes.span)
      #expect(packet.ssrc == SSRC(33) && packet.payloadType == PayloadType(97) && arrival.tag == 3)
      var original: [UInt8] = []
      #expect(
        RTPRetransmission.restore(packet, in: arrival.bytes.span, payloadType: PayloadType(96), ssrc: SSRC(22), into: &original))
      let number = try RTPPacket(parsing: original.span).sequenceNumber.value
      #expect(original == self.packet(22, number, timestamp: UInt32(number) * 1800))
      numbers.append(number)
    }
    #expect(numbers == [4, 6])
    // What is under way already is not sent again; a stream without retransmissions repeats the packet itself.
    stage.receiveFeedback(nack(22, 4).span, at: time(340))
    #expect(stage.nextDeadline == nil)
    stage.receiveFeedback(nack(11, 5).span, at: time(400))
    #expect(stage.pop(until: time(460))?.bytes == packet(11, 5, timestamp: 5 * 960))
    stage.receiveFeedback(nack(11, 5_000).span, at: time(500))
    #expect(stage.counts.asked == 5 && stage.counts.repeated == 3 && stage.counts.notKept == 1)
    // A sender that does not answer.
    stage = try self.stage("")
    _ = try run(&stage, ssrc: 22, count: 10)
    stage.receiveFeedback(nack(22, 4).span, at: time(300))
    #expect(stage.nextDeadline == nil && stage.counts.asked == 0)
  }

  /// Whatever comes is passed on, and a broken report breaks nothing.
  @Test func strangeDatagramsPass() throws {
    var stage = try stage("drift=100ppm,stall=1s@0s,sr-absurd=100%,nack=on")
    let strange: [[UInt8]] = [
      [], [1], [0x80, 200, 0, 6, 0, 0], [0x80, 200, 0xff, 0xff, 0, 0, 0, 11], [0x81, 205, 0, 1, 0, 0, 0, 9],
      [0x80, 96] + [UInt8](repeating: 0, count: 10),
      [0x81, 205, 0, 2] + [UInt8](repeating: 0, count: 8),
    ]
    for bytes in strange {
      stage.receive(bytes.span, tag: 0, at: time(0))
      stage.receiveFeedback(bytes.span, at: time(0))
    }
    var count = 0
    while let next = stage.nextDeadline, stage.pop(until: next) != nil { count += 1 }
    #expect(count == strange.count)
  }
}
