import Codecs
package import Ground
package import Peer
import RTCP
import RTP
import SRTP
import Timeline
import Track

/// One recording's media: datagrams and the time in, orders for the tape, RTCP and events out. Sans-I/O, for one thread.
///
/// After each call, take `orders`, `outgoing` and `events` with the `take…` methods.
package final class Take {
  struct TrackEntry {
    let id: String
    let specification: TrackSpecification
    let participant: Int
    let source: Int
    let leg: Int
    let lane: Int
    var receiver: TrackReceiver
    var hasStarted = false
    var isStalled = false
    var hasEnded = false
    /// Nothing of this video track goes to tape before its next key frame.
    var awaitsKeyFrame = false
    /// The index in its participant's current file.
    var fileTrack: Int?
    var lastTime: MediaTime?
    var timesAdjusted: UInt64 = 0
    let declaredSSRC: Bool
  }

  struct Participant {
    let id: String
    var clock = ParticipantClock()
    var interleaver = Interleaver()
    var tracks: [Int] = []
    var hasJoined = false
    var joinedAt: Instant?
    var leftAt: Instant?
    /// The formats of the file that is open.
    var formats: [TrackFormat] = []
    var isOpen = false
  }

  /// Reports go out once a second while someone sends.
  static let reportInterval = TimeSpan.milliseconds(1_000)
  /// How long the first frames wait for each other, so that the timeline's zero is the earliest of them.
  static let startPatience = TimeSpan.milliseconds(500)
  static let stallAfter = TimeSpan.milliseconds(3_000)
  static let maximumTracks = 256

  let ssrc: SSRC
  let cname: String
  let limits: Limits
  let startedAt: Instant
  let wallAtStart: WallTime
  var sources: [TakeSource] = []
  var tracks: [TrackEntry] = []
  var participants: [Participant] = []
  var timeline = TakeTimeline()
  let pool: BufferPool
  var firstFrameAt: Instant?
  var lastPacketAt: Instant?
  var reportAt: Instant?
  var lastAdvance: Instant?
  var nextHousekeeping: Instant
  var queuedBytes = 0
  var hasStopped = false
  var endTime = MediaTime.zero
  /// Frames that came before the timeline had its zero: those of the first half second.
  var early: [EarlyFrame] = []
  var writer = RTCPWriter()

  private(set) var orders: [TapeOrder] = []
  private(set) var outgoing: [OutgoingDatagram] = []
  private(set) var events: [TakeEvent] = []
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

  func order(_ order: TapeOrder) { orders.append(order) }
  func tell(_ type: String, at now: Instant, _ fields: [EventField] = []) { events.append(TakeEvent(type, at: now, fields)) }
  func send(_ datagram: OutgoingDatagram) { outgoing.append(datagram) }

  // MARK: Commands

  /// Adds a source; answers its index. Its tracks are declared with `addTracks`.
  package func addSource(id: String, _ specification: SourceSpecification) -> Int {
    sources.append(TakeSource(id: id, specification: specification))
    return sources.count - 1
  }

  /// Adds a port, or pair, to a source; answers its index there.
  package func addLeg(source: Int, peer: consuming RTPPeer, hasRTCPPort: Bool) -> Int {
    sources[source].legs.append(SourceLeg(peer: peer, hasRTCPPort: hasRTCPPort))
    return sources[source].legs.count - 1
  }

  /// Declares a track on a leg; answers its number. Tracks of a participant whose file is open join its next part.
  package func addTrack(_ specification: TrackSpecification, id: String, source: Int, leg: Int) -> Int {
    let participant = participantIndex(specification.participant)
    let clock = participants[participant].clock.addTrack(isAudio: specification.kind == .audio, rate: specification.clockRate)
    let lane = participants[participant].tracks.count
    participants[participant].interleaver.addLane()
    let number = tracks.count
    tracks.append(
      TrackEntry(
        id: id, specification: specification, participant: participant, source: source, leg: leg, lane: lane,
        receiver: TrackReceiver(codec: specification.codec, clockIndex: clock, ssrc: specification.ssrc),
        declaredSSRC: specification.ssrc != nil))
    participants[participant].tracks.append(number)
    sources[source].legs[leg].tracks.append(number)
    return number
  }

  private func participantIndex(_ id: String) -> Int {
    if let known = participants.firstIndex(where: { $0.id == id }) { return known }
    participants.append(Participant(id: id))
    return participants.count - 1
  }

  /// The source's tracks end; what they have is finished.
  package func removeSource(_ source: Int, at now: Instant) {
    guard !sources[source].isRemoved else { return }
    sources[source].isRemoved = true
    for number in tracks.indices where tracks[number].source == source { endTrack(number, at: now) }
    drain(at: now)
  }

  func endTrack(_ number: Int, at now: Instant) {
    guard !tracks[number].hasEnded else { return }
    tracks[number].hasEnded = true
    let participant = tracks[number].participant
    tracks[number].receiver.finish(clock: &participants[participant].clock, pool: pool)
    collect(number, at: now)
    if tracks[number].hasStarted { tell("track.ended", at: now, trackFields(number)) }
    let others = participants[participant].tracks.contains { !tracks[$0].hasEnded }
    if !others, participants[participant].hasJoined, participants[participant].leftAt == nil {
      participants[participant].leftAt = now
      tell("participant.left", at: now, [EventField("participant", participants[participant].id)])
    }
  }

  /// Pauses at `now`: frames captured from here on are discarded until the resume.
  package func pause(at now: Instant, mode: PauseMode) {
    timeline.pause(at: Int64(bitPattern: now.nanoseconds), mode: mode)
  }

  /// Resumes at `now`: sound goes on from here, pictures from the key frame that is asked for at once.
  package func resume(at now: Instant) {
    timeline.resume(at: Int64(bitPattern: now.nanoseconds))
    orderWallClock()
    for number in tracks.indices where tracks[number].specification.kind == .video && !tracks[number].hasEnded {
      tracks[number].awaitsKeyFrame = true
      tracks[number].receiver.needKeyFrame(at: now)
    }
    requestKeyFrames(at: now)
  }

  /// Ends the recording: everything whole is ordered onto the tape.
  package func stop(at now: Instant) {
    guard !hasStopped else { return }
    for number in tracks.indices { endTrack(number, at: now) }
    hasStopped = true
    drain(at: now)
  }

  /// The writer has put a queued frame away: `bytes` of the queue are free.
  package func written(bytes: Int) { queuedBytes -= bytes }

  /// A frame that was ordered did not reach its file.
  package func writeFailed(track: Int, packets: Int) { tracks[track].receiver.retract(packets: packets, cause: .writeFailed) }

  /// Tells which wall-clock time the timeline's zero stands for, as of now.
  func orderWallClock() {
    guard let zero = timeline.zero else { return }
    let offset = TimeSpan(nanoseconds: zero - Int64(bitPattern: startedAt.nanoseconds))
    order(.wallClock(zero: wallAtStart + offset + timeline.cutTotal))
  }

  func trackFields(_ number: Int) -> [EventField] {
    [
      EventField("track", tracks[number].id), EventField("participant", participants[tracks[number].participant].id),
      EventField("kind", tracks[number].specification.kind.rawValue),
    ]
  }
}
