import Feedback
import Ground
import RTCP
import Testing

@Suite struct FeedbackTests {
  private let ours = SSRC(1)
  private let theirs = SSRC(0x0a0b_0c0d)

  // MARK: Messages

  @Test(
    arguments: [
      [7], [7, 8, 9], [7, 23], [7, 24], [65534, 65535, 0, 1, 40], Array(100..<200), [3, 5000, 9000],
    ] as [[UInt16]])
  func lostPacketsAreNamed(_ lost: [UInt16]) {
    var writer = RTCPWriter()
    let taken = writer.negativeAcknowledgement(from: ours, media: theirs, lost: lost.map { SequenceNumber($0) })
    #expect(taken == lost.count)
    let packets = FeedbackReading.packets(writer.bytes)
    #expect(packets.count == 1)
    #expect(packets[0].type == 205 && packets[0].format == 1)
    #expect(FeedbackReading.word(packets[0].body, 0) == 1)
    #expect(FeedbackReading.word(packets[0].body, 4) == 0x0a0b_0c0d)
    #expect(FeedbackReading.lost(packets[0].body) == lost)
  }

  @Test func aNACKIsBounded() {
    var writer = RTCPWriter()
    let lost = (0..<1000).map { SequenceNumber(UInt16($0 * 20)) }
    let taken = writer.negativeAcknowledgement(from: ours, media: theirs, lost: lost)
    #expect(taken == RTCPWriter.nackEntries)
    #expect(writer.bytes.count < 1100)
    writer.reset()
    let none = writer.negativeAcknowledgement(from: ours, media: theirs, lost: [])
    #expect(none == 0)
    #expect(writer.bytes.isEmpty)
  }

  @Test func aKeyFrameIsCommanded() {
    var writer = RTCPWriter()
    writer.fullIntraRequest(from: ours, media: theirs, command: 9)
    #expect(writer.bytes == [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0x0a, 0x0b, 0x0c, 0x0d, 9, 0, 0, 0])
  }

  @Test(arguments: [0, 1000, 262_143, 262_144, 2_500_000, 10_000_000_000] as [UInt64])
  func aBitrateIsTold(_ bits: UInt64) {
    var writer = RTCPWriter()
    writer.receiverEstimatedMaximumBitrate(from: ours, bitsPerSecond: bits, streams: [theirs, SSRC(5)])
    let packet = FeedbackReading.packets(writer.bytes)[0]
    #expect(packet.type == 206 && packet.format == 15)
    #expect(Array(packet.body[8..<12]) == Array("REMB".utf8))
    let word = FeedbackReading.word(packet.body, 12)
    #expect(word >> 24 == 2)
    let told = UInt64(word & 0x3_ffff) << UInt64(word >> 18 & 63)
    // Rounded down by less than one part in 2^17.
    #expect(told <= bits && bits - told <= bits >> 17)
    #expect(FeedbackReading.word(packet.body, 16) == theirs.value && FeedbackReading.word(packet.body, 20) == 5)
  }

  // MARK: Transport-wide feedback

  /// A collector that expectations may ask.
  private final class Collector {
    var feedback = TransportFeedback()
    var nextDeadline: Instant? { feedback.nextDeadline }
    func observe(_ number: UInt16, at arrival: Instant) { feedback.observe(number, at: arrival) }
  }

  /// What `feedback` has to say now, message by message.
  private func told(_ collector: Collector, at now: Instant) -> [FeedbackReading.Transport] {
    var out: [FeedbackReading.Transport] = []
    var writer = RTCPWriter()
    while collector.feedback.write(into: &writer, from: ours, media: theirs, at: now) {
      let packets = FeedbackReading.packets(writer.bytes)
      #expect(packets.count == 1)
      #expect(packets[0].type == 205 && packets[0].format == 15)
      #expect(writer.bytes.count % 4 == 0 && writer.bytes.count < 1200)
      out.append(FeedbackReading.transport(packets[0].body))
      writer.reset()
    }
    return out
  }

  private func at(_ milliseconds: Double) -> Instant { Instant(nanoseconds: 5_000_000_000 + UInt64(milliseconds * 1e6)) }
  private func ticks(_ milliseconds: Double) -> Int64 { Int64(5_000_000_000 + milliseconds * 1e6) / 250_000 }

  @Test func arrivalsAreToldTenTimesASecond() {
    let feedback = Collector()
    #expect(feedback.nextDeadline == nil)
    for i in 0..<20 { feedback.observe(UInt16(truncatingIfNeeded: 65_530 + i), at: at(Double(i) * 4)) }
    #expect(feedback.nextDeadline == at(100))
    #expect(told(feedback, at: at(99)).isEmpty)
    let first = told(feedback, at: at(100))
    #expect(first.count == 1)
    #expect(first[0].count == 0)
    #expect(first[0].packets.map(\.number) == (0..<20).map { UInt16(truncatingIfNeeded: 65_530 + $0) })
    #expect(first[0].packets.map(\.arrival) == (0..<20).map { ticks(Double($0) * 4) })
    #expect(feedback.nextDeadline == nil)
    #expect(told(feedback, at: at(500)).isEmpty)
    feedback.observe(14, at: at(600))
    let second = told(feedback, at: at(700))
    #expect(second == [FeedbackReading.Transport(count: 1, packets: [(14, ticks(600))])])
  }

  @Test func whatIsMissingIsTold() {
    let feedback = Collector()
    let came = [10, 11, 15, 16, 17, 40, 41, 90]
    for (index, number) in came.enumerated() { feedback.observe(UInt16(number), at: at(Double(index) * 10)) }
    let message = told(feedback, at: at(100))
    #expect(message.count == 1)
    #expect(message[0].packets.map(\.number) == Array(10...90))
    #expect(message[0].packets.filter { $0.arrival != nil }.map { Int($0.number) } == came)
  }

  /// One that comes after it was told missing is told of again; a copy of one that came is not.
  @Test func lateAndRepeatedPackets() {
    let feedback = Collector()
    for (number, time) in [(1, 0.0), (2, 5), (4, 10)] { feedback.observe(UInt16(number), at: at(time)) }
    #expect(told(feedback, at: at(100))[0].packets.map(\.arrival) == [ticks(0), ticks(5), nil, ticks(10)])
    feedback.observe(2, at: at(120))
    #expect(told(feedback, at: at(300)).isEmpty)
    feedback.observe(3, at: at(310))
    let again = told(feedback, at: at(410))
    // Out of order in time: a negative difference.
    #expect(again[0].packets.map(\.number) == [3, 4])
    #expect(again[0].packets.map(\.arrival) == [ticks(310), ticks(10)])
  }

  @Test func longPausesAndManyPacketsNeedSeveralMessages() {
    let feedback = Collector()
    feedback.observe(1, at: at(0))
    feedback.observe(2, at: at(20_000))
    let pause = told(feedback, at: at(20_000))
    #expect(pause.count == 2)
    #expect(pause.flatMap { $0.packets.map(\.number) } == [1, 2])
    #expect(pause.map { $0.packets[0].arrival } == [ticks(0), ticks(20_000)])
    for i in 3..<1503 { feedback.observe(UInt16(i), at: at(20_000 + Double(i) / 10)) }
    let many = told(feedback, at: at(21_000))
    #expect(many.count == 4)
    #expect(many.flatMap { $0.packets.map(\.number) } == (3..<1503).map { UInt16($0) })
    #expect(zip(many, many.dropFirst()).allSatisfy { $0.count &+ 1 == $1.count })
  }

  @Test func aJumpBeginsAnew() {
    let feedback = Collector()
    feedback.observe(1, at: at(0))
    feedback.observe(20_000, at: at(1))
    #expect(told(feedback, at: at(200)).flatMap { $0.packets.map(\.number) } == [20_000])
  }

  /// Random loss, reordering and repeats: every packet that came is told with its first arrival.
  @Test(arguments: 1...8) func everyPacketThatCameIsTold(_ seed: UInt64) {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    func random() -> Double {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Double(state >> 11) / 9_007_199_254_740_992
    }
    var events: [(time: Double, number: Int)] = []
    for i in 0..<5000 where random() > 0.1 {
      let time = Double(i) * 1.7 + (random() < 0.1 ? random() * 300 : 0)
      events.append((time, i))
      if random() < 0.02 { events.append((time + random() * 50, i)) }
    }
    events.sort { $0.time < $1.time }
    let feedback = Collector()
    var first: [Int: Double] = [:]
    var heard: [UInt16: Int64] = [:]
    var next = 0.0
    for event in events {
      while next <= event.time {
        for message in told(feedback, at: at(next)) {
          for case (let number, let arrival?) in message.packets { heard[number] = arrival }
        }
        next += 20
      }
      feedback.observe(UInt16(truncatingIfNeeded: event.number), at: at(event.time))
      if first[event.number] == nil { first[event.number] = event.time }
    }
    for message in told(feedback, at: at(1e6)) {
      for case (let number, let arrival?) in message.packets { heard[number] = arrival }
    }
    #expect(heard.count == first.count)
    for (number, time) in first { #expect(heard[UInt16(number)] == ticks(time)) }
  }
}
