import Ground
import Jitter
import Testing

@Suite struct NegativeAcknowledgerTests {
  /// An acknowledger that expectations may ask.
  private final class Asker {
    private var nack: NegativeAcknowledger
    init(_ nack: NegativeAcknowledger) { self.nack = nack }
    var count: Int { nack.count }
    var nextDeadline: Instant? { nack.nextDeadline }
    var answerTime: TimeSpan? { nack.answerTime }
    @discardableResult func observe(_ number: SequenceNumber, isAnswer: Bool = false, at now: Instant) -> Bool {
      nack.observe(number, isAnswer: isAnswer, at: now)
    }
    func popDue(at now: Instant) -> [SequenceNumber] { nack.popDue(at: now) }
    func reset() { nack.reset() }
  }

  private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: 1_000_000_000_000) + .milliseconds(milliseconds) }
  private func made(_ patience: Int64 = 500) -> Asker { Asker(NegativeAcknowledger(patience: .milliseconds(patience))) }
  private func numbers(_ due: [SequenceNumber]) -> [UInt16] { due.map(\.value) }

  @Test func asksAtOnceForWhatIsMissing() {
    let nack = made()
    for number in [65_533, 65_534] as [UInt16] { nack.observe(SequenceNumber(number), at: at(0)) }
    #expect(nack.popDue(at: at(0)).isEmpty)
    #expect(nack.nextDeadline == nil)
    nack.observe(SequenceNumber(2), at: at(10))
    #expect(nack.nextDeadline == at(10))
    #expect(numbers(nack.popDue(at: at(10))) == [65_535, 0, 1])
    #expect(nack.popDue(at: at(11)).isEmpty)
    #expect(nack.count == 3)
  }

  @Test func aPacketThatOnlyOvertookIsNotAwaitedLonger() {
    let nack = made()
    for number in [1, 3] as [UInt16] { nack.observe(SequenceNumber(number), at: at(0)) }
    #expect(!nack.observe(SequenceNumber(2), at: at(1)))
    #expect(nack.popDue(at: at(5)).isEmpty)
    #expect(nack.count == 0)
  }

  /// Ten times, each after one and a half round trips, and never after the patience is over.
  @Test func asksAgainAndGivesUp() {
    let nack = made(10_000)
    for number in [1, 3] as [UInt16] { nack.observe(SequenceNumber(number), at: at(0)) }
    var asked: [Int64] = []
    for time in stride(from: Int64(0), through: 3000, by: 5) where !nack.popDue(at: at(time)).isEmpty { asked.append(time) }
    #expect(asked.count == NegativeAcknowledger.tries)
    #expect(zip(asked, asked.dropFirst()).allSatisfy { $1 - $0 == 60 })
    #expect(nack.count == 0)

    let hasty = made(200)
    for number in [1, 3] as [UInt16] { hasty.observe(SequenceNumber(number), at: at(0)) }
    var last: Int64 = 0
    for time in stride(from: Int64(0), through: 3000, by: 5) where !hasty.popDue(at: at(time)).isEmpty { last = time }
    #expect(last <= 200)
    #expect(hasty.count == 0)
  }

  @Test func learnsHowLongAnAnswerTakes() {
    let nack = made(10_000)
    nack.observe(SequenceNumber(0), at: at(0))
    for i in 1...40 {
      let time = Int64(i) * 1000
      nack.observe(SequenceNumber(UInt16(i * 2)), at: at(time))
      #expect(numbers(nack.popDue(at: at(time))) == [UInt16(i * 2 - 1)])
      #expect(nack.observe(SequenceNumber(UInt16(i * 2 - 1)), isAnswer: true, at: at(time + 8)))
    }
    #expect(nack.answerTime.map { abs($0.milliseconds - 8) < 0.5 } == true)
    nack.observe(SequenceNumber(100), at: at(50_000))
    #expect(nack.popDue(at: at(50_000)).count == 19)
    // One and a half times eight, but no sooner than twenty.
    #expect(nack.popDue(at: at(50_019)).isEmpty)
    #expect(nack.popDue(at: at(50_020)).count == 19)
  }

  /// What came twice, or was never missing, was not asked for.
  @Test func answersThatNobodyAwaits() {
    let nack = made()
    #expect(!nack.observe(SequenceNumber(5), isAnswer: true, at: at(0)))
    for number in [6, 7, 9] as [UInt16] { nack.observe(SequenceNumber(number), at: at(0)) }
    #expect(!nack.observe(SequenceNumber(7), isAnswer: true, at: at(1)))
    #expect(!nack.observe(SequenceNumber(8), isAnswer: true, at: at(1)))
    // A probe that repeats the newest packets tells of no hole.
    #expect(!nack.observe(SequenceNumber(30), isAnswer: true, at: at(2)))
    #expect(nack.count == 0)
  }

  @Test func aHoleTooLargeIsNotAskedFor() {
    let nack = made()
    nack.observe(SequenceNumber(0), at: at(0))
    nack.observe(SequenceNumber(UInt16(NegativeAcknowledger.capacity + 1)), at: at(1))
    #expect(nack.count == NegativeAcknowledger.capacity)
    nack.observe(SequenceNumber(UInt16(NegativeAcknowledger.capacity + 3)), at: at(2))
    #expect(nack.count == 0)
    nack.observe(SequenceNumber(UInt16(NegativeAcknowledger.capacity + 5)), at: at(3))
    #expect(numbers(nack.popDue(at: at(3))) == [UInt16(NegativeAcknowledger.capacity + 4)])
  }

  @Test func manyAreAskedForInSeveralMessages() {
    let nack = made()
    nack.observe(SequenceNumber(0), at: at(0))
    nack.observe(SequenceNumber(601), at: at(1))
    #expect([nack.popDue(at: at(1)).count, nack.popDue(at: at(1)).count, nack.popDue(at: at(1)).count] == [250, 250, 100])
    nack.reset()
    #expect(nack.count == 0 && nack.nextDeadline == nil)
  }
}
