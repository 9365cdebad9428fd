package import Codecs
package import Ground
package import Jitter
package import RTCP
package import RTP
package import Timeline

/// One stream of one participant: packets in, placed frames out.
package struct TrackReceiver: Sendable {
  /// What the stream carries.
  package let codec: Codec
  let isVideo: Bool
  /// The track's index in its participant's clock.
  package let clockIndex: Int
  /// The stream's SSRC, once known.
  package internal(set) var ssrc: SSRC?
  /// The track's numbers. At any time `packetsReceived` is `packetsInFrames` + all discarded + `packetsPending`.
  package internal(set) var counters = TrackCounters()
  /// What the last video key frame declared.
  package internal(set) var size: PictureSize?
  /// When a packet last came.
  package internal(set) var lastPacketAt: Instant?
  /// Whether the track's clock was still being learnt when the last packet had been taken in.
  package internal(set) var isSettling = false
  /// What receiver reports say.
  package internal(set) var statistics: ReceptionStatistics
  /// Whether a key frame must be asked for.
  package internal(set) var keyFrameRequest = KeyFrameRequest()

  /// The key frame is needed for upper temporal layers alone, which a sync frame heals as well.
  var needIsUpperLayers = false

  /// After so long without a picture that may pass, pictures pass although references are missing; nil: never.
  package var degradedAfter: TimeSpan?
  /// Since when pictures wait for a key frame because references are missing.
  var gatedSince: Instant?
  /// Under which ids packets bear their header extensions.
  package var extensions = RTPExtensionIDs() {
    didSet {
      readsOrientation = isVideo && extensions[.videoOrientation] != nil
      video.descriptorID = extensions[.dependencyDescriptor]
    }
  }
  private(set) var readsOrientation = false
  /// How the sender last said that its pictures must be turned.
  package internal(set) var rotation = PictureRotation.none
  /// And what the last frame was given out with.
  var toldRotation = PictureRotation.none

  /// Payload types that share the track's numbers: forward error correction, and wrapping that was not to be opened. Where `soundType` is
  /// known, all others do: comfort noise (RFC 3389), keys that were pressed (RFC 4733).
  package var soundType: PayloadType?
  package var otherSoundTypes: [PayloadType] = []
  package var correctionType: PayloadType?
  package var wrappingType: PayloadType?

  /// The numbers of the last packets of sound that were padding; `nextPadding` is the oldest one's place once there are enough.
  var paddingNumbers: [SequenceNumber] = []
  var nextPadding = 0

  /// How long missing packets are waited for.
  var repair: RepairDeadline
  var jitter: JitterBuffer
  var video: VideoDepacketizer
  /// What `video` has told and is not dealt with yet: empty between calls.
  var depacketized: [Depacketized] = []
  /// Before the gate is open: a key frame's first packet has come.
  var seesKeyFrame = false
  /// The timestamp of the last video frame that was not given out.
  var lastDropped: RTPTimestamp?
  /// Whole frames that wait for the clock to settle.
  var unplaced: [Unplaced] = []
  var unplacedBytes = 0
  /// In the order of the stream; taken from `outputHead`.
  var outputs: [TrackOutput] = []
  var outputHead = 0
  /// What is missing since the last frame that was given out.
  var missing = Missing()
  /// The place in the stream of the packet that was processed last.
  var lastTicks: Int64?
  /// Where the last placed frame ends on our clock; nil before the first.
  var lastPlaceEnd: Int64?
  /// Of a track of sound.
  var sound: SoundReader?
  let rate: ClockRate
  /// Packets of whole frames that wait for the clock to settle, or to be taken by `popOutput`.
  package internal(set) var packetsWaiting = 0

  struct Unplaced: Sendable {
    var frame: PlacedFrame
    var ticks: Int64
    var missing: Missing
  }

  /// What may wait for the clock: three seconds of a very fat stream.
  static let maximumUnplacedBytes = 16 << 20
  static let maximumUnplacedFrames = 4096
  /// Between two streams of one track less is no hole.
  static let longestSuccession: Int64 = 1_000_000_000

  /// A track of `codec`, whose clock is the participant's `clockIndex`. Without an SSRC, `latch` tells it. `repair`: how long a
  /// missing packet is waited for. `sound`: how a track of sound is coded, where it is not as its codec usually is. `parameterSets`:
  /// NAL units of H.264 or H.265 that were signalled beforehand; `hasOrderNumbers`: H.265's payloads were signalled to have decoding order
  /// numbers (RFC 7798 §7.1).
  package init(
    codec: Codec, clockIndex: Int, ssrc: SSRC?, repair: RepairDeadline = RepairDeadline(repeats: false), sound: SoundFormat? = nil,
    parameterSets: [[UInt8]] = [], hasOrderNumbers: Bool = false
  ) {
    self.codec = codec
    let format = sound ?? SoundFormat(codec: codec, channels: codec.usualChannels)
    rate = codec.kind == .audio ? format.clockRate : codec.clockRate
    if codec.kind == .audio { self.sound = SoundReader(format) }
    isVideo = codec.kind == .video
    self.clockIndex = clockIndex
    self.ssrc = ssrc
    self.repair = repair
    statistics = ReceptionStatistics(rate: rate)
    jitter = JitterBuffer(deadline: repair.span)
    video = VideoDepacketizer(codec, parameterSets: parameterSets, hasOrderNumbers: hasOrderNumbers)
  }

  // MARK: Facts

  /// Packets received that are neither in a frame given out nor discarded yet.
  package var packetsPending: Int { jitter.count + video.pendingPackets + packetsWaiting }

  /// Bytes kept for packets and frames that wait.
  package var keptBytes: Int { jitter.keptBytes + video.pendingBytes + unplacedBytes }

  /// How long a missing packet is waited for.
  package var repairSpan: TimeSpan { repair.span }

  /// Packets that carry media of the track and could have gone to tape. Mutating, so that the receiver is looked at where it is.
  package mutating func mediaPackets() -> UInt64 {
    counters.mediaPackets
  }

  /// When `advance` has something to do for missing packets, or nil. Frames that wait for the clock are looked after at every `advance`.
  package var nextDeadline: Instant? { jitter.nextDeadline }

  /// Where the last placed frame ends, on our clock in nanoseconds; nil before the first.
  package var placedEnd: Int64? { lastPlaceEnd }

  // MARK: World

  /// Takes in a packet of this track; answers whether `popOutput` has something to tell. `datagram` is only borrowed.
  @discardableResult package mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, at arrival: Instant, clock: inout ParticipantClock, pool: BufferPool
  ) -> Bool {
    counters.packetsReceived += 1
    counters.bytesReceived += UInt64(datagram.count)
    lastPacketAt = arrival
    keyFrameRequest.packetArrived()
    if isVideo {
      if !video.isOpen, !seesKeyFrame { seesKeyFrame = video.beginsKeyFrame(packet, datagram) }
    } else if packet.isPaddingOnly {
      notePadding(packet.sequenceNumber)
    }
    let overtakenSince = jitter.count > 0 ? jitter.overtakenSince(packet.sequenceNumber) : nil
    let admission = jitter.receive(packet.sequenceNumber, packet.timestamp, datagram: datagram, at: arrival, pool: pool)
    var isOfTheNumbering = true
    var mayRelease = true
    switch admission {
    case .next:
      mayRelease = false
      process(packet, datagram: datagram, at: arrival, clock: &clock, pool: pool)
    case .held, .heldOutOfOrder:
      if case .heldOutOfOrder = admission {
        counters.packetsReordered += 1
        noteMissing(since: overtakenSince, at: arrival)
      }
      // What it tells of the clock is known now, whenever its turn comes.
      if !packet.isPaddingOnly, isMedia(packet) { clock.glance(clockIndex, timestamp: packet.timestamp, arrival: arrival) }
    case .probation: isOfTheNumbering = false
    case .duplicate: counters.discard(.duplicate)
    case .duplicateAside:
      isOfTheNumbering = false
      counters.discard(.duplicate)
    case .late:
      counters.packetsReordered += 1
      counters.discard(.late)
      noteMissing(since: jitter.missedSince(packet.sequenceNumber), at: arrival)
    }
    // A packet of another numbering would be taken for thousands of losses.
    if isOfTheNumbering { statistics.observe(packet.sequenceNumber, packet.timestamp, at: arrival) }
    let strays = jitter.takeStrays()
    if strays > 0 { counters.discard(.strayed, strays) }
    if mayRelease { drain(at: arrival, clock: &clock, pool: pool) }
    isSettling = !clock.isSettled(clockIndex)
    return outputHead < outputs.count
  }

  /// Whether the packet may carry what the track is made of.
  func isMedia(_ packet: RTPPacket) -> Bool {
    guard packet.payloadType != correctionType else { return false }
    return soundType.map { $0 == packet.payloadType || otherSoundTypes.contains(packet.payloadType) } ?? true
  }

  /// Where a packet comes from that did not come by itself.
  package enum Restoration: Sendable {
    /// It was sent again (RFC 4588 §4).
    case repetition
    /// Another packet carried it along (RFC 2198).
    case redundancy
    /// It was rebuilt from those around it (RFC 5109).
    case correction
  }

  /// Takes in a packet that was restored. It says nothing of the path, so no report tells of it. Answers false where its place was filled
  /// or given up already: then nothing has changed.
  package mutating func receiveRestored(
    _ packet: RTPPacket, datagram: Span<UInt8>, from restoration: Restoration = .repetition, at arrival: Instant,
    clock: inout ParticipantClock, pool: BufferPool
  ) -> Bool {
    guard jitter.awaits(packet.sequenceNumber) else {
      noteMissing(since: jitter.missedSince(packet.sequenceNumber), at: arrival)
      return false
    }
    noteMissing(since: jitter.overtakenSince(packet.sequenceNumber), at: arrival)
    counters.packetsReceived += 1
    counters.packetsRecovered += 1
    switch restoration {
    case .repetition: break
    case .redundancy: counters.packetsFromRedundancy += 1
    case .correction: counters.packetsFromFEC += 1
    }
    counters.bytesReceived += UInt64(datagram.count)
    lastPacketAt = arrival
    if isVideo, !video.isOpen, !seesKeyFrame { seesKeyFrame = video.beginsKeyFrame(packet, datagram) }
    switch jitter.receive(packet.sequenceNumber, packet.timestamp, datagram: datagram, at: arrival, pool: pool) {
    case .next: process(packet, datagram: datagram, at: arrival, clock: &clock, pool: pool)
    case .held, .heldOutOfOrder, .probation: break
    case .duplicate, .duplicateAside: counters.discard(.duplicate)
    case .late: counters.discard(.late)
    }
    let strays = jitter.takeStrays()
    if strays > 0 { counters.discard(.strayed, strays) }
    if jitter.count > 0 { drain(at: arrival, clock: &clock, pool: pool) }
    isSettling = !clock.isSettled(clockIndex)
    return true
  }

  /// A packet came that was missing.
  private mutating func noteMissing(since: Instant?, at now: Instant) {
    guard let since, now > since else { return }
    repair.observe(missingFor: now - since)
    jitter.deadline = repair.span
  }

  /// Takes in a sender report about this track's SSRC.
  package mutating func receive(_ report: SenderReport, at arrival: Instant, clock: inout ParticipantClock) {
    counters.senderReports += 1
    statistics.observe(report, at: arrival)
    clock.observe(clockIndex, report, at: arrival)
  }

  /// Lets deadlines pass: gives up holes, places what waited for the clock. `round`: how long after a question for a missing packet the
  /// sender is asked once more; nil where it repeats none.
  package mutating func advance(to now: Instant, round: TimeSpan? = nil, clock: inout ParticipantClock, pool: BufferPool) {
    repair.advance(to: now, round: round)
    jitter.deadline = repair.span
    if let deadline = jitter.nextDeadline, now >= deadline { drain(at: now, clock: &clock, pool: pool) }
    placeWaiting(clock: &clock, pool: pool)
  }

  /// Whether pictures can be decoded: a key frame has come, or its first packet has and may wait for its turn.
  package var hasKeyFrame: Bool { video.isOpen || seesKeyFrame }

  // MARK: Commands

  /// When a packet was captured by the capturer's wall clock, where it says so.
  func captureTime(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> NTPTimestamp? {
    guard let time = packet.absoluteCaptureTime(extensions, in: datagram) else { return nil }
    return NTPTimestamp(time.ntp)
  }

  /// Takes the SSRC of the first packet: the client had not named one.
  package mutating func latch(_ ssrc: SSRC) { self.ssrc = ssrc }

  /// Asks for a key frame although the stream itself is whole: the tape needs one. `anew`: for another reason than before, so at once.
  package mutating func needKeyFrame(at now: Instant, anew: Bool = false) {
    guard isVideo else { return }
    needIsUpperLayers = false
    if anew { keyFrameRequest.needAnew(at: now) } else { keyFrameRequest.need(at: now) }
  }

  /// Asks whether a key frame must be requested now (see `KeyFrameRequest`).
  package mutating func shouldRequestKeyFrame(at now: Instant) -> Bool { keyFrameRequest.shouldAsk(at: now) }

  /// The block about this track for the next receiver report; nil before the first packet.
  package mutating func reportBlock(at now: Instant) -> ReportBlock? {
    guard let ssrc, statistics.hasReceived else { return nil }
    return statistics.block(for: ssrc, at: now)
  }

  /// A packet that the owner kept back or refuses for this track: received and discarded.
  package mutating func refuse(_ cause: PacketDiscard, bytes: Int, packets: Int = 1) {
    counters.packetsReceived += UInt64(packets)
    counters.bytesReceived += UInt64(bytes)
    counters.discard(cause, packets)
  }

  /// A packet came wrapped: its datagram had so many bytes more than what was taken in.
  package mutating func countWrapping(bytes: Int) { counters.bytesReceived += UInt64(max(0, bytes)) }

  /// A frame that was given out did not reach the file after all.
  package mutating func retract(packets: Int, cause: PacketDiscard) { counters.retract(packets: packets, cause: cause) }

  /// A gap was told.
  package mutating func countGap(_ span: TimeSpan) {
    counters.gaps += 1
    counters.gapDuration += span
  }

  /// The track goes on under another SSRC: everything of the old one is finished first.
  package mutating func changeSSRC(to ssrc: SSRC, at now: Instant, clock: inout ParticipantClock, pool: BufferPool) {
    let isFirst = self.ssrc == nil || counters.packetsReceived == 0
    self.ssrc = ssrc
    guard !isFirst else { return }
    beginAnew(at: now, clock: &clock, pool: pool)
    counters.ssrcChanges += 1
    // What was lost of the old sound is told by nothing; but pictures are missing where the new stream does not begin whole.
    if !isVideo { missing = Missing() }
    missing.isSuccession = true
  }

  /// The sender was lost, and another will go on: everything so far is finished, and what lies between is missing. `latch` tells the next
  /// stream's SSRC, which may be the same.
  package mutating func interrupt(at now: Instant, clock: inout ParticipantClock, pool: BufferPool) {
    ssrc = nil
    guard counters.packetsReceived > 0 else { return }
    beginAnew(at: now, clock: &clock, pool: pool)
    missing.wasAway = true
  }

  /// The track goes on from one that has ended: its first frame follows a hole that begins at `end`, on our clock in nanoseconds.
  package mutating func follow(end: Int64) {
    lastPlaceEnd = end
    missing.wasAway = true
  }

  private mutating func beginAnew(at now: Instant, clock: inout ParticipantClock, pool: BufferPool) {
    finish(clock: &clock, pool: pool)
    statistics = ReceptionStatistics(rate: rate)
    clock.restart(clockIndex)
    lastTicks = nil
    awaitKeyFrame(at: now)
  }

  /// A key frame is needed from now on, and nothing else is let through before it.
  private mutating func awaitKeyFrame(at now: Instant) {
    guard isVideo else { return }
    video.close()
    gatedSince = nil
    seesKeyFrame = false
    needIsUpperLayers = false
    keyFrameRequest.needAnew(at: now)
  }

  /// The stream ends: everything whole is given out, the rest is counted.
  package mutating func finish(clock: inout ParticipantClock, pool: BufferPool) {
    while let release = jitter.popFlushing() { handle(release, clock: &clock, pool: pool) }
    if jitter.takeAside(pool: pool) { counters.discard(.strayed) }
    dropAssembly(.incompleteFrame, clock: &clock, pool: pool)
    clock.settleNow(clockIndex)
    placeWaiting(clock: &clock, pool: pool)
    jitter = JitterBuffer(deadline: repair.span)
  }

  // MARK: To do

  /// The next frame, gap or change, in the order of the stream; nil when there is nothing.
  package mutating func popOutput() -> TrackOutput? {
    guard outputHead < outputs.count else {
      if outputHead > 0 {
        outputs.removeAll(keepingCapacity: true)
        outputHead = 0
      }
      return nil
    }
    // Swapped, not copied: the frame's bytes keep one owner, and their header is not touched.
    var output = TrackOutput.gap(TrackGap(from: 0, to: 0, packetsLost: 0, cause: .packetLoss))
    swap(&output, &outputs[outputHead])
    outputHead += 1
    if case .frame(let frame) = output {
      guard frame.packets > 0 else {
        counters.packetsFilled += 1
        counters.fillDuration += frame.duration
        return output
      }
      packetsWaiting -= frame.packets
      counters.packetsInFrames += UInt64(frame.packets)
      counters.frames += 1
      if frame.isKey, isVideo { counters.keyFrames += 1 }
      if frame.isDegraded { counters.framesDegraded += 1 }
    }
    return output
  }
}
