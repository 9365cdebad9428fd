import Ground
import Testing
import Track

/// When a key frame is asked for: at once, with back-off, within a budget, and never without need.
@Suite struct KeyFrameRequestTests {
  private static func time(_ milliseconds: Int) -> Instant { Instant(nanoseconds: 1_000_000_000_000) + .milliseconds(Int64(milliseconds)) }

  /// When requests go out from `from` to `to`, looked at every 10 ms. A packet comes before each look where `isSending`.
  private func requests(
    _ request: inout KeyFrameRequest, _ range: Range<Int>, isSending: (Int) -> Bool = { _ in true }
  ) -> [Int] {
    stride(from: range.lowerBound, to: range.upperBound, by: 10).filter { now in
      if isSending(now) { request.packetArrived() }
      let isDue = request.nextDeadline.map { Self.time(now) >= $0 } ?? false
      let asks = request.shouldAsk(at: Self.time(now))
      // It never asks before the deadline that it told.
      #expect(isDue || !asks)
      return asks
    }
  }

  @Test func nothingIsAskedForWithoutNeed() {
    var request = KeyFrameRequest()
    #expect(!request.isPending && request.nextDeadline == nil)
    #expect(requests(&request, 0..<60_000).isEmpty)
  }

  @Test func backOffDoublesUpToFiveSeconds() {
    var request = KeyFrameRequest()
    request.need(at: Self.time(0))
    #expect(request.isPending)
    #expect(requests(&request, 0..<30_000) == [0, 200, 600, 1400, 3000, 6200, 11_200, 16_200, 21_200, 26_200])
    request.satisfied()
    #expect(!request.isPending && request.nextDeadline == nil)
    #expect(requests(&request, 30_000..<40_000).isEmpty)
  }

  @Test func aNeedThatIsToldAgainChangesNothing() {
    var request = KeyFrameRequest()
    request.need(at: Self.time(0))
    #expect(requests(&request, 0..<100) == [0])
    request.need(at: Self.time(100))
    #expect(requests(&request, 100..<700) == [200, 600])
  }

  @Test func eachNeedBeginsAtOnce() {
    var request = KeyFrameRequest()
    for start in [0, 5000, 10_000] {
      request.need(at: Self.time(start))
      #expect(requests(&request, start..<start + 700) == [start, start + 200, start + 600])
      request.satisfied()
      #expect(requests(&request, start + 700..<start + 5000).isEmpty)
    }
  }

  /// A new reason, a resume or another sender, does not wait for what an old one left.
  @Test func aNewReasonIsAskedForAtOnce() {
    var request = KeyFrameRequest()
    request.need(at: Self.time(0))
    #expect(requests(&request, 0..<7000).last == 6200)
    request.needAnew(at: Self.time(7000))
    #expect(requests(&request, 7000..<8000) == [7000, 7200, 7600])
    request.satisfied()
    request.needAnew(at: Self.time(9000))
    #expect(request.isPending && requests(&request, 9000..<9100) == [9000])
    // A sender that was silent is asked again too.
    var silent = KeyFrameRequest()
    silent.need(at: Self.time(0))
    #expect(requests(&silent, 0..<60_000, isSending: { _ in false }).count == 4)
    silent.needAnew(at: Self.time(60_000))
    #expect(requests(&silent, 60_000..<61_000, isSending: { _ in false }) == [60_000, 60_200, 60_600])
  }

  /// A stream that breaks again and again: eight requests, then one every two seconds.
  @Test func theBudgetHolds() {
    var request = KeyFrameRequest()
    var asked: [Int] = []
    for now in stride(from: 0, to: 20_000, by: 50) {
      request.satisfied()
      request.need(at: Self.time(now))
      asked += requests(&request, now..<now + 50)
    }
    #expect(asked.prefix(8) == [0, 50, 100, 150, 200, 250, 300, 350])
    // 20 seconds earn ten more.
    #expect((17...18).contains(asked.count))
    for (earlier, later) in zip(asked.dropFirst(8), asked.dropFirst(9)) { #expect((1950...2050).contains(later - earlier)) }
    // Rest fills it again, and no more than full.
    request.satisfied()
    request.need(at: Self.time(200_000))
    asked = requests(&request, 200_000..<200_010)
    for now in stride(from: 200_050, to: 201_000, by: 50) {
      request.satisfied()
      request.need(at: Self.time(now))
      asked += requests(&request, now..<now + 50)
    }
    #expect(asked.count == 8)
  }

  @Test func anEmptyBudgetPutsOffAndKeepsTheNeed() {
    var request = KeyFrameRequest()
    for now in 0..<8 {
      request.satisfied()
      request.need(at: Self.time(now * 10))
      #expect(requests(&request, now * 10..<now * 10 + 10).count == 1)
    }
    request.satisfied()
    request.need(at: Self.time(80))
    let asked = requests(&request, 80..<6000)
    #expect(request.isPending && asked.count >= 2)
    #expect((1900...2100).contains(asked[0]))
  }

  /// While nothing comes, four requests are enough; the first packet brings the next.
  @Test func aSilentSenderIsLeftAlone() {
    var request = KeyFrameRequest()
    request.need(at: Self.time(0))
    #expect(requests(&request, 0..<60_000, isSending: { _ in false }) == [0, 200, 600, 1400])
    #expect(request.isPending && request.nextDeadline == nil)
    #expect(requests(&request, 60_000..<61_000, isSending: { $0 >= 60_500 }) == [60_500])
    // A camera that goes off in between.
    var other = KeyFrameRequest()
    other.need(at: Self.time(0))
    #expect(requests(&other, 0..<60_000, isSending: { $0 < 500 }) == [0, 200, 600, 1400, 3000, 6200, 11_200])
  }
}
