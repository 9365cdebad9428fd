package import Codecs
package import Ground
import Jitter
package import RTCP
package import RTP
package import Timeline

/// A whole, decodable frame with its place on our clock.
package struct PlacedFrame: Sendable {
  package var bytes: [UInt8]
  /// When it was captured, on our clock, in nanoseconds.
  package var place: Int64
  /// When its first packet came.
  package var arrival: Instant
  package var packets: Int
  package var isKey: Bool
  package var duration: TimeSpan
  package var size: PictureSize?
}

/// What a track has to tell, in the order of the stream.
package enum TrackOutput: Sendable {
  case frame(PlacedFrame)
  /// Media is missing between two places on our clock, in nanoseconds.
  case gap(from: Int64, to: Int64, packetsLost: Int64)
  /// A key frame of another size than before.
  case resized(PictureSize)
}

/// One stream of one participant: packets in, placed frames out.
package struct TrackReceiver: Sendable {
  package let codec: Codec
  package let clockIndex: Int
  package internal(set) var ssrc: SSRC?
  package internal(set) var counters = TrackCounters()
  package internal(set) var size: PictureSize?
  package internal(set) var lastPacketAt: Instant?
  package internal(set) var statistics: ReceptionStatistics
  package internal(set) var keyFrameRequest = KeyFrameRequest()

  var jitter: JitterBuffer
  var assembler = VP8Assembler()
  var gate = VP8Gate()
  /// Whole frames that wait for the clock to settle.
  var unplaced: [Unplaced] = []
  var unplacedBytes = 0
  /// In the order of the stream; taken from `outputHead`.
  var outputs: [TrackOutput] = []
  var outputHead = 0
  /// Where the stream broke off, until it goes on: the last frame's end and what was lost.
  var openGap: (from: Int64, packetsLost: Int64)?
  var lostSinceFrame: Int64 = 0
  var lastPlaceEnd: Int64?
  /// Packets inside `outputs` and `unplaced`.
  package internal(set) var packetsWaiting = 0

  struct Unplaced: Sendable {
    var frame: PlacedFrame
    var ticks: Int64
    var lostBefore: Int64
  }

  /// What may wait for the clock: three seconds of a very fat stream.
  static let maximumUnplacedBytes = 16 << 20

  package init(codec: Codec, clockIndex: Int, ssrc: SSRC?, deadline: TimeSpan = .milliseconds(500)) {
    self.codec = codec
    self.clockIndex = clockIndex
    self.ssrc = ssrc
    statistics = ReceptionStatistics(rate: codec.clockRate)
    jitter = JitterBuffer(deadline: deadline)
  }

  // MARK: Facts

  /// Packets received that are neither in a frame given out nor discarded yet.
  package var packetsPending: Int { jitter.count + assembler.packets + packetsWaiting }

  /// When `advance` has something to do, or nil.
  package var nextDeadline: Instant? { jitter.nextDeadline }

  // MARK: World

  /// Takes in a packet of this track. `datagram` is only borrowed.
  package mutating func receive(
    _ packet: RTPPacket, datagram: Span<UInt8>, at arrival: Instant, clock: inout ParticipantClock, pool: BufferPool
  ) {
    counters.packetsReceived += 1
    counters.bytesReceived += UInt64(datagram.count)
    lastPacketAt = arrival
    statistics.observe(packet.sequenceNumber, packet.timestamp, at: arrival)
    keyFrameRequest.packetArrived()
    let admission = jitter.receive(packet.sequenceNumber, datagram: datagram, at: arrival)
    switch admission {
    case .next: process(packet, datagram: datagram, at: arrival, clock: &clock, pool: pool)
    case .held:
      counters.packetsReordered += 1
      // What it tells of the clock is known now, whenever its turn comes.
      if !packet.isPaddingOnly { _ = clock.observe(clockIndex, timestamp: packet.timestamp, arrival: arrival) }
    case .probation: break
    case .duplicate: counters.discard(.duplicate)
    case .late: counters.discard(.late)
    }
    let strays = jitter.takeStrays()
    if strays > 0 { counters.discard(.strayed, strays) }
    if admission == .held || jitter.count > 0 { drain(at: arrival, clock: &clock, pool: pool) }
  }

  /// Takes in a sender report about this track's SSRC.
  package mutating func receive(_ report: SenderReport, at arrival: Instant, clock: inout ParticipantClock) {
    counters.senderReports += 1
    statistics.observe(report, at: arrival)
    clock.observe(clockIndex, report)
  }

  /// Lets deadlines pass: gives up holes, places what waited for the clock.
  package mutating func advance(to now: Instant, clock: inout ParticipantClock, pool: BufferPool) {
    if let deadline = jitter.nextDeadline, now >= deadline { drain(at: now, clock: &clock, pool: pool) }
    placeWaiting(clock: &clock)
  }

  /// Whether `popOutput` has something to tell.
  package var hasOutput: Bool { outputHead < outputs.count }

  /// Whether a key frame has come since the stream began.
  package var hasKeyFrame: Bool { gate.isOpen }

  // MARK: Commands

  /// Takes the SSRC of the first packet: the client had not named one.
  package mutating func latch(_ ssrc: SSRC) { self.ssrc = ssrc }

  /// Asks for a key frame although the stream itself is whole: the tape needs one.
  package mutating func needKeyFrame(at now: Instant) {
    guard codec.kind == .video else { return }
    keyFrameRequest.need(at: now)
  }

  /// A key frame is needed from now on, and nothing else is let through before it.
  package mutating func awaitKeyFrame(at now: Instant) {
    guard codec.kind == .video else { return }
    gate.close()
    keyFrameRequest.need(at: now)
  }

  package mutating func countPLI() { counters.pliSent += 1 }

  /// Asks whether a key frame must be requested now (see `KeyFrameRequest`).
  package mutating func shouldRequestKeyFrame(at now: Instant) -> Bool { keyFrameRequest.shouldAsk(at: now) }

  package mutating func reportBlock(at now: Instant) -> ReportBlock? {
    guard let ssrc, statistics.hasReceived else { return nil }
    return statistics.block(for: ssrc, at: now)
  }

  package mutating func discard(_ cause: PacketDiscard, _ packets: Int = 1) { counters.discard(cause, packets) }

  /// A packet that the owner kept back or refuses for this track: received and discarded.
  package mutating func refuse(_ cause: PacketDiscard, bytes: Int, packets: Int = 1) {
    counters.packetsReceived += UInt64(packets)
    counters.bytesReceived += UInt64(bytes)
    counters.discard(cause, packets)
  }

  package mutating func retract(packets: Int, cause: PacketDiscard) { counters.retract(packets: packets, cause: cause) }
  package mutating func countGap(_ span: TimeSpan) {
    counters.gaps += 1
    counters.gapDuration += span
  }

  /// The track goes on under another SSRC: everything of the old one is finished first.
  package mutating func changeSSRC(to ssrc: SSRC, at now: Instant, clock: inout ParticipantClock, pool: BufferPool) {
    let isFirst = self.ssrc == nil || counters.packetsReceived == 0
    self.ssrc = ssrc
    guard !isFirst else { return }
    finish(clock: &clock, pool: pool)
    counters.ssrcChanges += 1
    statistics = ReceptionStatistics(rate: codec.clockRate)
    jitter = JitterBuffer()
    clock.restart(clockIndex)
    awaitKeyFrame(at: now)
  }

  /// The stream ends: everything whole is given out, the rest is counted.
  package mutating func finish(clock: inout ParticipantClock, pool: BufferPool) {
    while let release = jitter.popFlushing() { handle(release, clock: &clock, pool: pool) }
    dropAssembly(.incompleteFrame, pool: pool)
    clock.settleNow(clockIndex)
    placeWaiting(clock: &clock)
    let strays = jitter.takeStrays() + jitter.count
    if strays > 0 { counters.discard(.strayed, strays) }
    jitter = JitterBuffer()
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
    let output = outputs[outputHead]
    // The slot must not keep a second reference to the frame's bytes.
    outputs[outputHead] = .gap(from: 0, to: 0, packetsLost: 0)
    outputHead += 1
    if case .frame(let frame) = output {
      packetsWaiting -= frame.packets
      counters.packetsInFrames += UInt64(frame.packets)
      counters.frames += 1
      if frame.isKey, codec.kind == .video { counters.keyFrames += 1 }
    }
    return output
  }
}
