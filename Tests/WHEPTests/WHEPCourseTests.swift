import Ground
import Testing
import WHEP

/// When a server is asked again, and when no more.
@Suite struct WHEPCourseTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)
  private static let passing = WHEPRefusal("busy", .passing)

  private func course(grace: Double = 120, seed: UInt64 = 7) -> WHEPCourse {
    var configuration = WHEPCourse.Configuration()
    configuration.grace = .seconds(grace)
    return WHEPCourse(configuration, seed: seed, at: WHEPCourseTests.start)
  }

  private func at(_ seconds: Double) -> Instant { WHEPCourseTests.start + .seconds(seconds) }

  /// How long the course waits, in seconds; nil where it does not.
  private func wait(_ course: WHEPCourse, from now: Double) -> Double? {
    guard case .wait(let until) = course.step else { return nil }
    return (until - at(now)).seconds
  }

  @Test func theFirstAttemptIsAtOnce() {
    #expect(course().step == .ask)
  }

  @Test(arguments: [1, 2, 3, 99] as [UInt64])
  func delaysDoubleUpToHalfAMinute(seed: UInt64) throws {
    var course = course(grace: 86_400, seed: seed)
    var now = 0.0
    for nominal in [0.5, 1, 2, 4, 8, 16, 30, 30, 30] {
      course.asked()
      course.refused(WHEPCourseTests.passing, at: at(now))
      let delay = try #require(wait(course, from: now))
      #expect(delay >= nominal * 0.8 - 1e-6 && delay <= min(30, nominal * 1.2) + 1e-6, "\(delay) for \(nominal)")
      now += delay
      course.advance(to: at(now))
      #expect(course.step == .ask)
    }
  }

  @Test func thoseWhoAreThrownOutTogetherDoNotReturnTogether() {
    let delays = (1...20 as ClosedRange<UInt64>).map { seed in
      var course = course(seed: seed)
      course.asked()
      course.refused(WHEPCourseTests.passing, at: at(0))
      return wait(course, from: 0) ?? -1
    }
    #expect(Set(delays).count > 15)
  }

  @Test func theServersOwnDelayIsRespected() throws {
    var course = course()
    course.asked()
    course.refused(WHEPRefusal("busy", .passing, retryAfter: .seconds(20)), at: at(1))
    #expect(wait(course, from: 1) == 20)
    course.advance(to: at(20))
    #expect(wait(course, from: 1) == 20)
    course.advance(to: at(21))
    #expect(course.step == .ask)
  }

  @Test func aServerThatWantsToBeLeftAloneForLongerThanTheGraceTimeIsNotAskedAgain() {
    var course = course(grace: 10)
    course.asked()
    course.refused(WHEPRefusal("come back tomorrow", .passing, retryAfter: .seconds(3_600)), at: at(1))
    #expect(wait(course, from: 0) == 10)
    course.advance(to: at(10))
    #expect(course.step == .giveUp(reason: "come back tomorrow"))
  }

  @Test func theGraceTimeEndsWithALastAttempt() throws {
    var course = course(grace: 3)
    var now = 0.0
    var attempts = 0
    while attempts < 50 {
      course.asked()
      attempts += 1
      course.refused(WHEPRefusal("reason \(attempts)", .passing), at: at(now))
      guard let delay = wait(course, from: now) else { break }
      now += delay
      course.advance(to: at(now))
    }
    #expect(now == 3)
    #expect(course.step == .giveUp(reason: "reason \(attempts)"))
  }

  @Test func withoutGraceNothingIsTriedTwice() {
    var course = course(grace: 0)
    course.asked()
    course.refused(WHEPCourseTests.passing, at: at(0.1))
    #expect(course.step == .giveUp(reason: "busy"))
  }

  @Test func theGraceTimeIsCountedFromTheLoss() {
    var course = course(grace: 10)
    course.asked()
    course.connected(at: at(1))
    course.lost("gone", at: at(1_000))
    #expect((0.4...0.6).contains(wait(course, from: 1_000) ?? -1))
    course.advance(to: at(1_001))
    course.asked()
    course.refused(WHEPCourseTests.passing, at: at(1_009))
    #expect(wait(course, from: 1_009) != nil)
    course.refused(WHEPCourseTests.passing, at: at(1_010))
    #expect(course.step == .giveUp(reason: "busy"))
  }

  @Test func aConnectionThatDoesNotHoldKeepsTheDelaysGrowing() throws {
    var (brief, long) = (course(), course())
    for (course, held) in [(0, 1.0), (1, 60.0)] {
      var it = course == 0 ? brief : long
      for _ in 0..<4 {
        it.asked()
        it.refused(WHEPCourseTests.passing, at: at(0))
      }
      it.asked()
      it.connected(at: at(10))
      it.lost("gone", at: at(10 + held))
      if course == 0 { brief = it } else { long = it }
    }
    #expect(try #require(wait(brief, from: 11)) > 5)
    #expect(try #require(wait(long, from: 70)) < 1)
  }

  @Test func aDecisiveRefusalEndsIt() {
    var course = course()
    course.asked()
    course.connected(at: at(1))
    course.lost("gone", at: at(2))
    course.asked()
    course.refused(WHEPRefusal("no", .decisive), at: at(3))
    #expect(course.step == .giveUp(reason: "no"))
  }

  @Test func whatDecidesAtFirstIsPassingOnceThereWasAConnection() {
    var course = course()
    course.asked()
    course.refused(WHEPRefusal("no stream", .decisiveAtFirst), at: at(1))
    #expect(course.step == .giveUp(reason: "no stream"))
    course = self.course()
    course.asked()
    course.connected(at: at(1))
    course.lost("gone", at: at(2))
    course.asked()
    course.refused(WHEPRefusal("no stream", .decisiveAtFirst), at: at(3))
    #expect(wait(course, from: 3) != nil)
  }

  // MARK: Refusals

  @Test(arguments: [
    (401, WHEPRefusal.Weight.decisive), (403, .decisive), (404, .decisiveAtFirst), (406, .decisive), (409, .passing), (400, .decisive),
    (429, .passing), (500, .passing), (503, .passing), (201, .decisiveAtFirst), (204, .decisiveAtFirst), (302, .decisiveAtFirst),
  ])
  func answersThatAreNoSession(status: Int, weight: WHEPRefusal.Weight) {
    var response = WHEPResponse(status: status)
    response.retryAfter = .seconds(5)
    let refusal = WHEPRefusal(response)
    #expect(refusal.weight == weight)
    #expect(refusal.reason.hasPrefix("the server answered \(status): "))
    #expect(refusal.retryAfter == .seconds(5))
  }

  @Test func aDescriptionIsKnownByItsTypeAndItsFirstLine() {
    var response = WHEPResponse(status: 201)
    response.body = Array("v=0\r\n".utf8)
    #expect(response.description == "v=0\r\n")
    response.contentType = "text/html"
    #expect(response.description == nil)
    response.contentType = "application/sdp"
    #expect(response.description == "v=0\r\n")
    response.body = Array("<html>".utf8)
    #expect(response.description == nil)
    response.body = [0x76, 0x3d, 0x30, 0xff]
    #expect(response.description == nil)
  }

  @Test(arguments: [
    ("http://127.0.0.1:8080/whep", nil), ("https://sfu.example/whep/a?x=1", nil), ("http://[::1]:8080/", nil),
    ("ftp://sfu.example/whep", "this is no URL of http or https"), ("/whep", "this is no URL of http or https"),
    ("https://", "this is no URL of http or https"), ("sfu.example/whep", "this is no URL of http or https"),
    ("https://ada:secret@sfu.example/", "no user or password may stand in it; a bearer token goes into token"),
    ("https://sfu.example/a b", "only visible ASCII characters may stand in a URL"),
  ])
  func urls(text: String, fault: String?) {
    #expect(WHEPEndpointURL.fault(text) == fault)
  }
}
