import Ground
import Jitter
import Testing

/// How long a missing packet's place is kept.
@Suite struct RepairDeadlineTests {
  private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: 1_000_000_000_000) + .milliseconds(milliseconds) }

  /// Lets `seconds` pass in steps of 50 ms.
  private func pass(_ deadline: inout RepairDeadline, from start: Int64, seconds: Int64, round: TimeSpan?) {
    for step in 0...seconds * 20 { deadline.advance(to: at(start + step * 50), round: round) }
  }

  @Test func withoutRepetitionItIsShort() {
    var deadline = RepairDeadline(repeats: false)
    #expect(deadline.span == RepairDeadline.shortest)
    pass(&deadline, from: 0, seconds: 60, round: nil)
    #expect(deadline.span == RepairDeadline.shortest)
  }

  @Test func itFollowsTheAnswersOfASender() {
    var deadline = RepairDeadline(repeats: true)
    #expect(deadline.span == .milliseconds(504))
    // Eight rounds of 100 ms, at once.
    deadline.advance(to: at(0), round: .milliseconds(100))
    #expect(deadline.span == .milliseconds(800))
    deadline.advance(to: at(50), round: .milliseconds(900))
    #expect(deadline.span == RepairDeadline.longest)
    // Slowly back: 20 ms a second.
    pass(&deadline, from: 100, seconds: 10, round: .milliseconds(20))
    #expect(abs(deadline.span.milliseconds - 1800) < 5)
    pass(&deadline, from: 10_200, seconds: 100, round: .milliseconds(20))
    #expect(deadline.span == RepairDeadline.shortest)
  }

  @Test func aSenderThatIsDeafIsNotWaitedFor() {
    var deadline = RepairDeadline(repeats: true)
    pass(&deadline, from: 0, seconds: 20, round: nil)
    #expect(deadline.span == RepairDeadline.shortest)
  }

  /// A packet that came too late raises it so that the next one like it is in time.
  @Test func latePacketsRaiseIt() {
    var deadline = RepairDeadline(repeats: false)
    deadline.advance(to: at(0), round: nil)
    deadline.observe(missingFor: .milliseconds(40))
    #expect(deadline.span == RepairDeadline.shortest)
    deadline.observe(missingFor: .milliseconds(400))
    #expect(deadline.span == .milliseconds(520))
    pass(&deadline, from: 50, seconds: 5, round: nil)
    #expect(abs(deadline.span.milliseconds - 420) < 5)
    // What nobody could wait for changes nothing.
    deadline.observe(missingFor: .seconds(3))
    #expect(deadline.span.milliseconds < 425)
    deadline.observe(missingFor: .milliseconds(1_990))
    #expect(deadline.span == RepairDeadline.longest)
  }

  @Test func aFixedOneStays() {
    var deadline = RepairDeadline(fixed: .milliseconds(120))
    deadline.observe(missingFor: .milliseconds(400))
    pass(&deadline, from: 0, seconds: 5, round: .milliseconds(100))
    #expect(deadline.span == .milliseconds(120))
  }
}
