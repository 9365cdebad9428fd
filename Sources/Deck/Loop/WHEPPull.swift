import Ground
import Peer
import Recording
import WHEP

/// Keeps one WHEP source supplied: asks its server for a session, and for the next one when that is lost. Lives on the WHEP thread.
final class WHEPPull: @unchecked Sendable {
  /// A session at the server: where it can be changed and ended.
  private struct Resource {
    var url: String
    var tag: String?
  }

  let source: String
  /// The source's index in its take and manifest.
  let index: Int
  private let specification: WebRTCSpecification
  private let whep: WHEPSpecification
  private let client: WHEPClient
  private unowned let recorder: Recorder
  private weak var entry: RecordingEntry?
  // On the WHEP thread.
  private var course: WHEPCourse
  private var session: WebRTCSession
  /// The session's offer has not been sent yet.
  private var isFresh = true
  private var hasConnected = false
  private var resource: Resource?
  private var hasEnded = false

  init?(_ session: WebRTCSession, source: String, index: Int, entry: RecordingEntry, recorder: Recorder, client: WHEPClient) {
    guard let whep = session.specification.whep else { return nil }
    self.source = source
    self.index = index
    self.session = session
    self.recorder = recorder
    self.client = client
    self.whep = whep
    self.entry = entry
    specification = session.specification
    var configuration = WHEPCourse.Configuration()
    configuration.grace = .seconds(whep.graceSeconds ?? recorder.configuration.whepGraceSeconds)
    course = WHEPCourse(configuration, seed: Identifiers.random64(), at: Clocks.now())
  }

  // MARK: From any thread

  func begin() { client.post { [self] in follow() } }

  /// The recording, or the source, is over: the server is told.
  func end() {
    client.post { [self] in
      hasEnded = true
      leave()
    }
  }

  func hear(_ change: PeerChange) {
    switch change {
    case .connected(index): client.post { [self] in connected() }
    case .lost(index, let reason): client.post { [self] in lost(reason) }
    default: break
    }
  }

  // MARK: On the WHEP thread

  private func follow() {
    guard !hasEnded else { return }
    switch course.step {
    case .ask: ask()
    case .attend: break
    case .wait(let until):
      client.schedule(at: until) { [self] in
        guard course.step == .wait(until: until) else { return }
        course.advance(to: until)
        follow()
      }
    case .giveUp(let reason):
      hasEnded = true
      leave()
      guard let entry else { return }
      recorder.failPull(self, reason: reason, entry)
    }
  }

  private func connected() {
    guard !hasEnded else { return }
    hasConnected = true
    course.connected(at: Clocks.now())
    recorder.logPull("a WHEP source is connected", self, entry, [])
  }

  private func lost(_ reason: String) {
    guard !hasEnded else { return }
    leave()
    course.lost(reason, at: Clocks.now())
    recorder.logPull("a WHEP source has lost its server", self, entry, [("reason", reason)])
    follow()
  }

  private func ask() {
    course.asked()
    if !isFresh {
      do throws(ControlError) {
        session = try recorder.nextSession(after: session, offers: true)
      } catch {
        return refuse(WHEPRefusal(error.message, .passing))
      }
    }
    isFresh = false
    var request = WHEPRequest(.post, whep.url, token: whep.token, tokenURL: whep.url)
    request.body = session.offer
    client.send(request) { [self] result in answered(result) }
  }

  private func answered(_ result: Result<WHEPResponse, WHEPFailure>) {
    let response: WHEPResponse
    switch result {
    case .failure(let failure): return refuse(WHEPRefusal(failure))
    case .success(let success): response = success
    }
    if let url = response.location { resource = Resource(url: url, tag: response.entityTag) }
    guard !hasEnded else { return leave() }
    switch (response.status, response.description) {
    case (200, let answer?), (201, let answer?): adopt(answer)
    case (406, let offer?): counter(offer)
    default: refuse(WHEPRefusal(response))
    }
  }

  private func adopt(_ answer: String) {
    guard let entry else { return }
    do throws(ControlError) {
      try recorder.adoptPull(self, session, answer: answer, entry)
    } catch {
      refuse(WHEPRefusal("the server's answer cannot be used: \(error.message)", .decisiveAtFirst))
    }
  }

  /// The server makes an offer of its own in place of taking ours: our answer goes to the session that it made for that.
  private func counter(_ offer: String) {
    guard let entry else { return }
    guard let resource else {
      return refuse(WHEPRefusal("the server answered 406 with an offer of its own, and no Location that takes an answer", .decisive))
    }
    let answer: String
    do throws(ControlError) {
      session = try recorder.nextSession(after: session, offers: false)
      answer = try Recorder.answer(try Recorder.description(offer, field: "offer"), session, field: "offer")
      // Before the server has the answer: its first checks are for this peer, and the one before would refuse them.
      try recorder.adoptPull(self, session, answer: nil, entry)
    } catch {
      return refuse(WHEPRefusal("the offer that the server makes in place of ours cannot be used: \(error.message)", .decisiveAtFirst))
    }
    var request = WHEPRequest(.patch, resource.url, token: whep.token, tokenURL: whep.url)
    request.body = answer
    request.ifMatch = resource.tag
    client.send(request) { [self] result in
      switch result {
      case .failure(let failure): refuse(WHEPRefusal(failure))
      case .success(let response):
        if hasEnded { leave() } else if !(200...299).contains(response.status) { refuse(WHEPRefusal(response)) }
      }
    }
  }

  private func refuse(_ refusal: WHEPRefusal) {
    leave()
    guard !hasEnded else { return }
    let now = Clocks.now()
    course.refused(refusal, at: now)
    if case .wait(let until) = course.step, let entry {
      let link = SourceLink(hasConnected ? .disconnected : .new, reason: refusal.reason)
      recorder.tellPull(self, link, attempt: course.attempts, retry: until - now, entry)
    }
    follow()
  }

  /// Ends the session at the server, if there is one.
  private func leave() {
    guard let resource = resource.take() else { return }
    client.send(WHEPRequest(.delete, resource.url, token: whep.token, tokenURL: whep.url)) { _ in }
  }
}
