import Codecs
import Correction
import Ground
import Jitter
import RTP
import Timeline
import Track

/// One declared track of a take: what is known of it beside what its receiver knows.
struct TakeTrack {
  let id: String
  var specification: TrackSpecification
  let participant: Int
  let source: Int
  let leg: Int
  let lane: Int
  var receiver: TrackReceiver
  let declaredSSRC: Bool
  /// Asks for missing packets again; nil where the sender does not repeat any.
  var nack: NegativeAcknowledger?
  /// Rebuilds lost packets; nil where the sender makes no forward error correction.
  var corrector: ForwardErrorCorrector?
  /// Which simulcast layer goes to tape; nil without simulcast.
  var selector: LayerSelector?
  /// Key frames of better layers than the one on tape.
  var layerRequest = KeyFrameRequest()
  /// Whether key frames are asked for by full intra requests (RFC 5104), and the number of the next one.
  var usesFIR = false
  var nextFIR: UInt8 = 0
  /// A new SSRC that wants to follow the one that the track has.
  var candidate: SSRCCandidate?
  var hasStarted = false
  var isStalled = false
  var hasEnded = false
  var endedAt: Instant?
  /// Another track goes on where this one ended, in its place in the file.
  var isContinued = false
  /// Its clock goes on as another track's.
  var leavesClock = false
  /// Since when the track's clock is being learnt; its frames wait meanwhile, and others wait for them. Nil once it is known.
  var settlingSince: Instant?
  /// After a pause: of the frames captured from here on, on our clock in nanoseconds, none goes to tape before a key frame.
  var keyFrameFrom: Int64?
  /// What was left out since for want of one.
  var resumeHole: TapeHole?
  /// None came in time: what goes to tape refers to pictures of the pause.
  var passesDegraded = false
  /// The file has not what the next frame refers to: frames are discarded up to a key frame.
  var tapeNeedsKeyFrame = false
  /// Frames that were whole and did not go to tape, until one does again.
  var hole: TapeHole?
  /// The index in its participant's current file.
  var fileTrack: Int?
  /// How the pictures of that file must be turned; nil before the first.
  var fileRotation: PictureRotation?
  var pictures = PictureIndex()
  /// How it lay against the participant's sound when one of the two ended.
  var lastOffset: ParticipantClock.Offset?
  var lastTime: MediaTime?
  /// Where the track's first and last key frame lie.
  var firstKeyTime: MediaTime?
  var lastKeyTime: MediaTime?
  var timesAdjusted: UInt64 = 0
  /// What each file has of the track; the last one is being written.
  var parts = [TrackPart()]
  /// When the first payload came, and how much later than that the first frame lies.
  var firstPacketAt: Instant?
  var alarm = TrackAlarm()
  /// The client has said so.
  var isMuted = false
  /// Frames that went to the writer.
  var framesOrdered: UInt64 = 0
  var startDelay: TimeSpan?
  var gapEvents = EventBudget()
  var sizeEvents = EventBudget()

  /// What a packet led to.
  struct Receipt {
    /// The receiver has something to tell.
    var hasOutput: Bool
    /// It is the track's first payload.
    var begins: Bool
    /// The track's clock is being learnt, or was until now.
    var isSettling: Bool
    /// Lost packets may be known now.
    var mayRebuild: Bool
  }

  /// Packets of Opus up to so many bytes hold no sound: discontinuous transmission has up to two, and what an encoder makes of digital
  /// silence has three (RFC 6716 §2.1.9).
  private static let silentOpusBytes = 3

  /// Whether a packet's payload lies in redundancy (RFC 2198). Mutating, so that the track is looked at where it is and not copied.
  mutating func isWrapped(_ packet: RTPPacket) -> Bool {
    !packet.isPaddingOnly && specification.red?.payloadType == packet.payloadType
  }

  /// Takes in a packet whose payload is the track's own. In one call on the track: what is read of it piece by piece from outside would be
  /// copied as a whole for each packet.
  mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, at arrival: Instant, clock: inout ParticipantClock, pool: BufferPool
  ) -> Receipt {
    let hasOutput = receiver.receive(packet, datagram: datagram, at: arrival, clock: &clock, pool: pool)
    let wasAskedFor = nack?.observe(packet.sequenceNumber, at: arrival) ?? false
    // A sender without a stream of retransmissions repeats packets as they were.
    if wasAskedFor, specification.rtx == nil { receiver.countRepetition() }
    if specification.codec.kind == .audio, !packet.isPaddingOnly { noteLevel(packet, datagram, at: arrival) }
    let mayRebuild = corrector != nil && follow(packet, datagram)
    return Receipt(
      hasOutput: hasOutput, begins: !hasStarted && !packet.isPaddingOnly, isSettling: receiver.isSettling || settlingSince != nil,
      mayRebuild: mayRebuild)
  }

  /// Whether a packet of sound can be heard: by its level (RFC 6464) where it bears one, else by its size.
  private mutating func noteLevel(_ packet: RTPPacket, _ datagram: Span<UInt8>, at arrival: Instant) {
    let isHeard: Bool
    if let level = packet.audioLevel(receiver.extensions, in: datagram) {
      isHeard = level.decibelsBelowFull < 127
    } else {
      isHeard = specification.codec != .opus || packet.payloadEnd - packet.payloadStart > TakeTrack.silentOpusBytes
    }
    if isHeard || alarm.heardAt == nil { alarm.heardAt = arrival }
  }

  /// A file was opened that takes the track in.
  mutating func begin(part: Int) {
    if parts[parts.count - 1].part != nil {
      parts.append(TrackPart())
      parts[parts.count - 1].before = receiver.counters
    }
    parts[parts.count - 1].part = part
  }

  /// A frame goes to the file that is open.
  private mutating func extend(from start: MediaTime, to end: MediaTime) {
    let last = parts.count - 1
    if parts[last].start == nil { parts[last].start = start }
    parts[last].end = max(parts[last].end ?? end, end)
  }

  /// How long after a question for a missing packet the sender is asked once more; nil where it repeats none.
  /// Mutating as above.
  mutating func repairRound() -> TimeSpan? {
    guard let nack, !nack.isDeaf else { return nil }
    return nack.answerTime == nil ? RepairDeadline.unmeasuredRound : nack.repeatTime
  }

  /// The numbers to ask the sender for once more at `now`; empty where nothing is due or it repeats none.
  mutating func popDueRepairs(at now: Instant) -> [SequenceNumber] { hasEnded ? [] : nack?.popDue(at: now) ?? [] }

  /// Whether the track has just become silent for `span`. Mutating as above.
  mutating func stalls(after span: TimeSpan, at now: Instant) -> Bool {
    guard hasStarted, !isStalled, let last = receiver.lastPacketAt, now - last >= span else { return false }
    isStalled = true
    return true
  }

  /// Whether its participant's outputs wait for its clock. Mutating as above.
  mutating func isLearning() -> Bool { settlingSince != nil }

  /// The alarms that begin (true) or end (false) at `now`; `silence`: how long sound may be none.
  mutating func watch(isSettling: Bool, isPaused: Bool, silence: TimeSpan?, at now: Instant) -> [(kind: AlarmKind, isRaised: Bool)] {
    guard hasStarted, !hasEnded else { return [] }
    let facts = TrackAlarm.Facts(
      mediaPackets: receiver.mediaPackets(), framesOrdered: framesOrdered, isSettling: isSettling, isPaused: isPaused, isMuted: isMuted,
      silence: specification.kind == .audio ? silence : nil)
    return alarm.look(facts, at: now)
  }

  /// What a frame meets that is to go to the file.
  enum Passage {
    /// It may go.
    case open
    /// The same; frames before it could not.
    case afterHole
    /// The file has not what it refers to.
    case needsKeyFrame
    /// The writer cannot take it.
    case overflow
  }

  /// Whether the file can take a frame, as it is: `hasRoom` is the writer's word.
  mutating func passage(isKey: Bool, hasRoom: Bool) -> Passage {
    if tapeNeedsKeyFrame, !isKey { return .needsKeyFrame }
    guard hasRoom else {
      if specification.kind == .video { tapeNeedsKeyFrame = true }
      return .overflow
    }
    tapeNeedsKeyFrame = false
    return hole == nil ? .open : .afterHole
  }

  /// A frame goes to the file: it gets its track's number there.
  mutating func note(_ frame: inout EncodedFrame, packets: Int, end: MediaTime) {
    frame.track = fileTrack ?? 0
    if packets > 0 { framesOrdered += 1 }
    if specification.kind == .video {
      if fileRotation == nil { fileRotation = frame.rotation }
      if let size = frame.size { pictures.note(size, frame.rotation, at: frame.time) }
    }
    extend(from: frame.time, to: end)
  }

  /// For how long at most frames of other tracks wait for this one's; zero once it has ended. Mutating as above.
  mutating func patience() -> TimeSpan { hasEnded ? .zero : receiver.repairSpan + Take.interleavingMargin }

  /// Since when the track's clock is being learnt. Mutating as above.
  mutating func learning() -> Instant? { settlingSince }

  /// How a packet of a leg belongs to the track: by its SSRC, and then by its payload type.
  enum Claim {
    case none, own, repetition, unknownPayloadType
    /// The sender has changed to another codec.
    case change(TrackSpecification)
  }

  /// Whether the packet is the track's by its SSRC. Mutating as above.
  mutating func claim(_ packet: RTPPacket) -> Claim {
    guard receiver.ssrc == packet.ssrc, !hasEnded else { return .none }
    if !specification.alternatives.isEmpty, let next = specification.change(by: packet.payloadType) { return .change(next) }
    if specification.numbers(packet.payloadType) { return .own }
    // One SSRC for packets and their repetitions (RFC 4588 §5.2 forbids it, and it is sent all the same).
    return specification.repairs(packet.payloadType) ? .repetition : .unknownPayloadType
  }

  /// A packet is asked for as long as its place is kept.
  mutating func followRepairs() { nack?.patience = receiver.repairSpan - Take.repairMargin }

  /// The packets bear their header extensions under these ids from now on.
  mutating func setExtensions(_ ids: RTPExtensionIDs) {
    receiver.extensions = ids
    corrector?.extensions = ids
  }

  /// The stream goes on under other numbers.
  mutating func forgetNumbers() {
    nack?.reset()
    corrector?.reset()
  }

  mutating func noteKeyFrame(at time: MediaTime) {
    if firstKeyTime == nil { firstKeyTime = time }
    lastKeyTime = time
  }
}

/// Packets of a new SSRC on a track that has one, or of another codec: kept until the old one is seen to be silent.
struct SSRCCandidate {
  var ssrc: SSRC
  /// Of another codec on the same SSRC: which, and the number of the first packet.
  var payloadType: PayloadType?
  var first = SequenceNumber(0)
  var packets: [(datagram: [UInt8], arrival: Instant)] = []
  static let needed = 3
}

/// A stretch of whole frames that the tape could not take.
struct TapeHole {
  /// Where the first of them lies.
  var start: MediaTime
  var cause: PacketDiscard
  var frames = 0
  /// Where the last of them lies.
  var last = MediaTime.zero
}

/// How often an event of one kind may be told: what repeats faster is counted, and the count goes with the next one.
struct EventBudget {
  private static let burst = 50.0
  private static let perSecond = 10.0

  private var left = EventBudget.burst
  private var at: Instant?
  /// Events that were not told since the last one that was.
  private(set) var suppressed: Int64 = 0

  /// Whether to tell one now; the suppressed ones before it are then `takeSuppressed`'s.
  mutating func allows(at now: Instant) -> Bool {
    if let at { left = min(EventBudget.burst, left + max(0, (now - at).seconds) * EventBudget.perSecond) }
    at = now
    guard left >= 1 else {
      suppressed += 1
      return false
    }
    left -= 1
    return true
  }

  mutating func takeSuppressed() -> Int64 {
    defer { suppressed = 0 }
    return suppressed
  }
}
