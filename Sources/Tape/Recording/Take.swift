import Codecs
package import Ground
package import Peer
import Jitter
import RTCP
import Timeline
import Track

/// One recording's media: datagrams and the time in, orders for the tape, RTCP and events out. Sans-I/O, for one thread.
///
/// After each call, take `orders`, `outgoing` and `events` with the `take…` methods.
package final class Take {
  /// Reports go out once a second.
  static let reportInterval = TimeSpan.milliseconds(1_000)
  /// How long the first frames wait for each other, so that the timeline's zero is the earliest of them.
  static let startPatience = TimeSpan.milliseconds(500)
  /// And how long for a track whose clock is still being learnt.
  static let longestStart = ParticipantClock.longestSettling + startPatience
  /// The most bytes of frames that wait for the timeline's zero.
  static let maximumEarlyBytes = 8 << 20
  /// A wall clock that is put forward or back by less is being slewed.
  static let wallStep = TimeSpan.milliseconds(200)
  static let stallAfter = TimeSpan.milliseconds(3_000)
  /// By how much earlier than its place is given up a missing packet is asked for the last time: nothing comes back sooner.
  static let repairMargin = TimeSpan.milliseconds(20)
  /// By how much longer other tracks' frames wait for a track than its packets do.
  static let interleavingMargin = TimeSpan.milliseconds(100)

  let ssrc: SSRC
  let cname: String
  let limits: Limits
  let startedAt: Instant
  let wallAtStart: WallTime
  var sources: [TakeSource] = []
  var tracks: [TakeTrack] = []
  var participants: [TakeParticipant] = []
  var timeline = TakeTimeline()
  let pool: BufferPool
  var firstFrameAt: Instant?
  var lastPacketAt: Instant?
  /// Since when no source is left.
  var departedAt: Instant?
  var reportAt: Instant?
  var lastAdvance: Instant?
  var nextHousekeeping: Instant
  var queuedBytes = 0
  /// By how much our wall clock was put forward since the start.
  var wallShift = TimeSpan.zero
  var hasStopped = false
  var endTime = MediaTime.zero
  /// What came before the timeline had its zero.
  var early: [EarlyOutput] = []
  var earlyBytes = 0
  /// By how much longer than usual frames wait for those of other tracks, because a track waits long for missing packets.
  var longWait = TimeSpan.zero
  var writer = RTCPWriter()
  /// How long the segments of a presentation are that takes pictures as they come; nil without one.
  package var copiedSegment: TimeSpan?
  /// How long a track of sound may be silent before that is told; nil: for ever.
  package var silenceAlarm: TimeSpan?
  /// Room for a packet that a retransmission repeats.
  var restored: [UInt8] = []
  /// Room for a packet taken out of redundancy.
  var unwrapped: [UInt8] = []
  /// Room for a packet that was rebuilt.
  var rebuilt: [UInt8] = []

  private(set) var orders: [TapeOrder] = []
  private(set) var outgoing: [OutgoingDatagram] = []
  private(set) var events: [TakeEvent] = []
  var peerChanges: [PeerChange] = []
  package internal(set) var limitReached: LimitReached?

  /// The most bytes of frames that may wait for the writer; what comes beyond is discarded as `writerOverflow`.
  package static let maximumQueuedBytes = 16 << 20

  /// `ssrc` and `cname` are our own, in RTCP.
  /// `wall` is the wall clock at `now`.
  package init(limits: Limits, ssrc: SSRC, cname: String, pool: BufferPool, at now: Instant, wall: WallTime) {
    wallAtStart = wall
    self.limits = limits
    self.ssrc = ssrc
    self.cname = cname
    self.pool = pool
    startedAt = now
    nextHousekeeping = now
  }

  // MARK: To do

  /// The participants by number.
  package var participantIDs: [String] { participants.map(\.id) }

  /// Whether the first frame has its place.
  package var hasMedia: Bool { timeline.zero != nil }

  package var hasOrders: Bool { !orders.isEmpty }

  /// Swaps the orders out against an empty array whose storage is used again.
  package func takeOrders(into other: inout [TapeOrder]) { swap(&orders, &other) }
  package func takeEvents() -> [TakeEvent] {
    guard !events.isEmpty else { return [] }
    defer { events.removeAll() }
    return events
  }
  package func takeOutgoing() -> [OutgoingDatagram] {
    guard !outgoing.isEmpty else { return [] }
    defer { outgoing.removeAll() }
    return outgoing
  }

  func order(_ order: consuming TapeOrder) { orders.append(order) }
  func tell(_ type: String, at now: Instant, _ fields: [EventField] = []) { events.append(TakeEvent(type, at: now, fields)) }
  func send(_ datagram: OutgoingDatagram) { outgoing.append(datagram) }

  // MARK: Commands

  /// Adds a source; answers its index. Its tracks are declared with `addTrack`.
  package func addSource(id: String, _ specification: SourceSpecification) -> Int {
    sources.append(TakeSource(id: id, specification: specification))
    return sources.count - 1
  }

  /// Adds a port, or pair, to a source; answers its index there.
  package func addLeg(source: Int, peer: consuming RTPPeer, hasRTCPPort: Bool) -> Int {
    sources[source].legs.append(SourceLeg(peer: peer, hasRTCPPort: hasRTCPPort))
    sources[source].legs[sources[source].legs.count - 1].router.ids = sources[source].specification.extensions
    return sources[source].legs.count - 1
  }

  /// Declares a track on a leg; answers its number. Tracks of a participant whose file is open join its next part.
  package func addTrack(_ specification: TrackSpecification, id: String, source: Int, leg: Int) -> Int {
    addTrack(specification, id: id, source: source, leg: leg, onClock: nil)
  }

  /// The same; `known`: the participant's clock that its timestamps go on by.
  func addTrack(_ specification: TrackSpecification, id: String, source: Int, leg: Int, onClock known: Int?) -> Int {
    let participant = participantIndex(specification.participant)
    let clock =
      known ?? participants[participant].clock.addTrack(isAudio: specification.kind == .audio, rate: specification.clockRate)
    let lane = participants[participant].tracks.count
    participants[participant].interleaver.addLane()
    let number = tracks.count
    tracks.append(
      TakeTrack(
        id: id, specification: specification, participant: participant, source: source, leg: leg, lane: lane,
        receiver: TrackReceiver(
          codec: specification.codec, clockIndex: clock, ssrc: specification.ssrc,
          repair: RepairDeadline(repeats: specification.repeatsPackets),
          sound: specification.kind == .audio ? specification.sound : nil, parameterSets: specification.parameterSets,
          hasOrderNumbers: specification.hasOrderNumbers),
        declaredSSRC: specification.ssrc != nil))
    tracks[number].receiver.degradedAfter = limits.degradedAfter
    expectWrapping(number)
    if specification.repeatsPackets {
      tracks[number].nack = NegativeAcknowledger(
        patience: tracks[number].receiver.repairSpan - Take.repairMargin, answersPlainly: specification.rtx == nil)
    }
    tracks[number].setExtensions(sources[source].legs[leg].router.ids)
    participants[participant].tracks.append(number)
    sources[source].legs[leg].tracks.append(number)
    return number
  }

  private func participantIndex(_ id: String) -> Int {
    if let known = participants.firstIndex(where: { $0.id == id }) { return known }
    participants.append(TakeParticipant(id: id))
    return participants.count - 1
  }

  /// The source's tracks end; what they have is finished.
  package func removeSource(_ source: Int, at now: Instant) {
    guard !hasStopped, !sources[source].isRemoved else { return }
    closePeers(source, at: now)
    sources[source].isRemoved = true
    for number in tracks.indices where tracks[number].source == source { endTrack(number, at: now) }
    drain(at: now)
  }

  func endTrack(_ number: Int, at now: Instant) {
    guard !tracks[number].hasEnded else { return }
    keepOffsets(of: tracks[number].participant)
    tracks[number].hasEnded = true
    tracks[number].endedAt = now
    dropCandidate(number)
    let participant = tracks[number].participant
    tracks[number].receiver.end(clock: &participants[participant].clock, pool: pool)
    collect(number, at: now)
    if !tracks[number].leavesClock { participants[participant].clock.end(tracks[number].receiver.clockIndex) }
    if tracks[number].hasStarted { tell("track.ended", at: now, trackFields(number)) }
    let others = participants[participant].tracks.contains { !tracks[$0].hasEnded }
    if !others, participants[participant].hasJoined, participants[participant].leftAt == nil {
      participants[participant].leftAt = now
      tell("participant.left", at: now, [EventField("participant", participants[participant].id)])
    }
  }

  /// What lies against a track that ends is not known any more after it.
  private func keepOffsets(of participant: Int) {
    for number in participants[participant].tracks {
      if let offset = participants[participant].clock.facts(tracks[number].receiver.clockIndex).offset {
        tracks[number].lastOffset = offset
      }
    }
  }

  /// Pauses at `now`: frames captured from here on are discarded until the resume. Nothing happens where it is paused already.
  package func pause(at now: Instant, mode: PauseMode) {
    timeline.pause(at: Int64(bitPattern: now.nanoseconds), mode: mode)
  }

  /// Resumes at `now`: sound goes on from here, pictures from the key frame that is asked for at once. Nothing happens where it is not
  /// paused.
  package func resume(at now: Instant) {
    guard !hasStopped, timeline.isPaused else { return }
    let place = Int64(bitPattern: now.nanoseconds)
    timeline.resume(at: place)
    orderWallClock()
    for number in tracks.indices where tracks[number].specification.kind == .video && !tracks[number].hasEnded {
      tracks[number].keyFrameFrom = place
      tracks[number].receiver.needKeyFrame(at: now, anew: true)
    }
    requestKeyFrames(at: now)
  }

  /// Ends the recording: everything whole is ordered onto the tape.
  package func stop(at now: Instant) {
    guard !hasStopped else { return }
    for number in tracks.indices { endTrack(number, at: now) }
    for source in sources.indices { closePeers(source, at: now) }
    hasStopped = true
    drain(at: now)
    for number in tracks.indices {
      closeHole(number, at: nil, now)
      closeResumeHole(number, at: nil, isDegraded: false, now)
    }
  }

  /// The writer has put a queued frame away: `bytes` of the queue are free.
  package func written(bytes: Int) { queuedBytes -= bytes }

  /// A frame that was ordered did not reach its file.
  package func writeFailed(track: Int, packets: Int) { tracks[track].receiver.retract(packets: packets, cause: .writeFailed) }

  /// Takes in what our wall clock shows. Places are by the monotonic clock, and wall-clock times go on from the start's, so that a clock that
  /// is set moves nothing; it is told.
  package func observe(wall: WallTime, at now: Instant) {
    let shift = wall - self.wall(at: Int64(bitPattern: now.nanoseconds))
    let amount = shift - wallShift
    guard !hasStopped, abs(amount.nanoseconds) > Take.wallStep.nanoseconds else { return }
    tell(
      "clock.corrected", at: now,
      [
        EventField("cause", "ourWallClock"), EventField("amountMilliseconds", amount.milliseconds),
        EventField("beforeMilliseconds", wallShift.milliseconds), EventField("afterMilliseconds", shift.milliseconds),
      ])
    wallShift = shift
  }

  /// Tells which wall-clock time the timeline's zero stands for, as of now.
  func orderWallClock() {
    guard let zero = timeline.zero else { return }
    order(.wallClock(zero: wall(at: zero) + timeline.cutTotal))
  }

  /// The wall clock's time at a place on our clock, as the start had them both.
  func wall(at place: Int64) -> WallTime { wallAtStart + TimeSpan(nanoseconds: place - Int64(bitPattern: startedAt.nanoseconds)) }

  func trackFields(_ number: Int) -> [EventField] {
    [
      EventField("track", tracks[number].id), EventField("participant", participants[tracks[number].participant].id),
      EventField("kind", tracks[number].specification.kind.rawValue),
    ]
  }
}
