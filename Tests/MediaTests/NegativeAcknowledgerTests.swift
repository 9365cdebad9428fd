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
    func withdraw(_ number: SequenceNumber) { nack.withdraw(number) }
    func wait(_ grace: TimeSpan) { nack.grace = grace }
  }

  private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: 1_000_000_000_000) + .milliseconds(milliseconds) }
  private func made(_ patience: Int64 = 500, answersPlainly: Bool = false) -> Asker {
    Asker(NegativeAcknowledger(patience: .milliseconds(patience), answersPlainly: answersPlainly))
  }
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

  /// Something else may bring a packet back: it is asked for a little later, or not at all, and that is no answer.
  @Test func whatComesFromElsewhereIsNotAskedFor() {
    let nack = made(answersPlainly: true)
    nack.wait(.milliseconds(10))
    for number in [1, 4] as [UInt16] { nack.observe(SequenceNumber(number), at: at(0)) }
    #expect(nack.nextDeadline == at(10))
    #expect(nack.popDue(at: at(9)).isEmpty)
    nack.withdraw(SequenceNumber(2))
    #expect(numbers(nack.popDue(at: at(10))) == [3])
    nack.withdraw(SequenceNumber(3))
    #expect(nack.count == 0 && nack.answerTime == nil)
  }

  @Test func aPacketThatOnlyOvertookIsNotAwaitedLonger() {
    let nack = made()
    for number in [1, 3] as [UInt16] { nack.observe(SequenceNumber(number), at: at(0)) }
    #expect(!nack.observe(SequenceNumber(2), at: at(1)))
    #expect(nack.popDue(at: at(5)).isEmpty)
    #expect(nack.count == 0)
  }

  /// Ten times, ever less often where no answer comes, and never after the patience is over.
  @Test func asksAgainAndGivesUp() {
    let nack = made(10_000)
    for number in [1, 3] as [UInt16] { nack.observe(SequenceNumber(number), at: at(0)) }
    var asked: [Int64] = []
    for time in stride(from: Int64(0), through: 8000, by: 5) where !nack.popDue(at: at(time)).isEmpty { asked.append(time) }
    #expect(asked.count == NegativeAcknowledger.tries)
    #expect(zip(asked, asked.dropFirst()).map { $1 - $0 } == [60, 60, 60, 240, 480, 960, 1000, 1000, 1000])
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

  /// An answer takes longer than the first wait: which question it answers is not known, but the waits grow until it is.
  @Test(arguments: [100, 300, 600] as [Int64])
  func learnsALongRoundTrip(_ roundTrip: Int64) {
    let nack = made(2_000)
    var answers: [Int64: UInt16] = [:]
    var asks = 0
    nack.observe(SequenceNumber(0), at: at(0))
    for time in stride(from: Int64(0), through: 60_000, by: 20) {
      if let number = answers[time] { nack.observe(SequenceNumber(number), isAnswer: true, at: at(time)) }
      if time % 1000 == 0 { nack.observe(SequenceNumber(UInt16(time / 500 + 2)), at: at(time)) }
      for number in numbers(nack.popDue(at: at(time))) {
        // The sender does not repeat what is under way.
        if time >= 40_000 { asks += 1 }
        if !answers.values.contains(number) { answers[time + roundTrip] = number }
      }
    }
    #expect(nack.answerTime.map { abs($0.milliseconds - Double(roundTrip)) <= Double(roundTrip) / 5 + 20 } == true)
    // Each packet is asked for once.
    #expect(asks <= 25)
  }

  /// A sender without a stream of retransmissions repeats packets as they were.
  @Test func aPlainRepetitionIsAnAnswer() {
    let nack = made(answersPlainly: true)
    for number in [1, 3] as [UInt16] { nack.observe(SequenceNumber(number), at: at(0)) }
    #expect(numbers(nack.popDue(at: at(0))) == [2])
    #expect(nack.observe(SequenceNumber(2), at: at(30)))
    #expect(nack.answerTime == .milliseconds(30))
  }

  /// A sender that begins its numbers anew is asked for what is missing of the new ones.
  @Test(arguments: [100, 40_000, 10_100] as [UInt16])
  func aNewNumberingIsFollowed(_ first: UInt16) {
    let nack = made()
    for number in [20_000, 20_001, 20_003] as [UInt16] { nack.observe(SequenceNumber(number), at: at(0)) }
    #expect(numbers(nack.popDue(at: at(0))) == [20_002])
    nack.observe(SequenceNumber(first), at: at(20))
    nack.observe(SequenceNumber(first + 1), at: at(40))
    nack.observe(SequenceNumber(first + 3), at: at(60))
    #expect(numbers(nack.popDue(at: at(60))) == [first + 2])
    // One stray packet changes nothing.
    nack.observe(SequenceNumber(first &+ 20_000), at: at(70))
    nack.observe(SequenceNumber(first + 5), at: at(80))
    #expect(numbers(nack.popDue(at: at(80))) == [first + 4])
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
