package import Codecs
import Ground
import Jitter
package import RTP
import Timeline

extension TrackReceiver {
  /// Processes what the jitter buffer releases.
  mutating func drain(at now: Instant, clock: inout ParticipantClock, pool: BufferPool) {
    while let release = jitter.popReady(at: now) { handle(release, clock: &clock, pool: pool) }
  }

  mutating func handle(_ release: consuming JitterBuffer.Release, clock: inout ParticipantClock, pool: BufferPool) {
    switch consume release {
    case .packet(var held):
      // Taken out, so that the pool gets it from its only owner.
      var datagram: [UInt8] = []
      swap(&datagram, &held.datagram)
      do {
        let bytes = datagram.span
        // It parsed when it came; the copy cannot differ.
        if let packet = try? RTPPacket(parsing: bytes) {
          process(packet, datagram: bytes, at: held.arrival, clock: &clock, pool: pool)
        } else {
          counters.discard(.malformedPayload)
        }
      }
      pool.give(consume datagram)
    case .lost(let count):
      counters.packetsLost += UInt64(count)
      missing.packets += count
      dropAssembly(.incompleteFrame, pool: pool)
      gate.missing(packets: count)
    case .restarted:
      // Whether the clock goes on, its timestamps will tell.
      dropAssembly(.incompleteFrame, pool: pool)
      statistics = ReceptionStatistics(rate: codec.clockRate)
      missing.hasDropped = true
      gate.missing(packets: .max / 2)
    }
  }

  /// One packet whose turn has come.
  mutating func process(
    _ packet: RTPPacket, datagram: Span<UInt8>, at arrival: Instant, clock: inout ParticipantClock, pool: BufferPool
  ) {
    guard !packet.isPaddingOnly else {
      counters.discard(.paddingOnly)
      return
    }
    let ticks: Int64
    if let observed = clock.observe(clockIndex, timestamp: packet.timestamp, arrival: arrival) {
      ticks = observed
    } else {
      // The RTP clock jumped: what is from before it is placed by what it was.
      dropAssembly(.incompleteFrame, pool: pool)
      clock.settleNow(clockIndex)
      placeWaiting(clock: &clock)
      ticks = clock.begin(clockIndex, timestamp: packet.timestamp, arrival: arrival)
    }
    if isVideo {
      processVP8(packet, datagram: datagram, ticks: ticks, at: arrival, clock: &clock, pool: pool)
    } else {
      processOpus(packet, datagram: datagram, ticks: ticks, at: arrival, clock: &clock, pool: pool)
    }
  }

  private mutating func processOpus(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, clock: inout ParticipantClock, pool: BufferPool
  ) {
    guard let opus = try? OpusPacket(parsing: datagram.extracting(packet.payloadStart..<packet.payloadEnd)) else {
      counters.discard(.malformedPayload)
      counters.framesDropped += 1
      missing.hasDropped = true
      return
    }
    var bytes = pool.take(atLeast: packet.payloadCount)
    bytes.append(copying: datagram, packet.payloadStart..<packet.payloadEnd)
    give(
      PlacedFrame(bytes: bytes, place: 0, arrival: arrival, packets: 1, isKey: true, duration: opus.duration, size: nil),
      ticks: ticks, clock: &clock)
  }

  private mutating func processVP8(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, clock: inout ParticipantClock, pool: BufferPool
  ) {
    guard let descriptor = try? VP8PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd) else {
      counters.discard(.malformedPayload)
      dropAssembly(.incompleteFrame, pool: pool)
      lostPart(of: packet.timestamp)
      return
    }
    switch assembler.relation(of: packet, descriptor) {
    case .continues: break
    case .follows: completeVP8(clock: &clock, pool: pool)
    case .breaksOff: dropAssembly(.incompleteFrame, pool: pool)
    }
    switch assembler.receive(packet, descriptor, datagram: datagram, ticks: ticks, at: arrival, pool: pool) {
    case .pending: break
    case .whole: completeVP8(clock: &clock, pool: pool)
    case .orphaned:
      counters.discard(.incompleteFrame)
      lostPart(of: packet.timestamp)
    case .oversized: dropAssembly(.oversized, pool: pool)
    }
  }

  /// Whether the packet is the first of a key frame (RFC 7741 §4.3: P is 0).
  static func beginsKeyFrame(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> Bool {
    guard let descriptor = try? VP8PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd),
      descriptor.startsFrame
    else { return false }
    return datagram[packet.payloadStart + descriptor.count] & 1 == 0
  }

  /// The picture's size where the packet begins a VP8 key frame, else nil (RFC 6386 §9.1).
  package static func keyFrameSize(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> PictureSize? {
    guard let descriptor = try? VP8PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd),
      descriptor.startsFrame
    else { return nil }
    let at = packet.payloadStart + descriptor.count
    guard at + 10 <= packet.payloadEnd, datagram[at] & 1 == 0, datagram[at + 3] == 0x9d, datagram[at + 4] == 0x01, datagram[at + 5] == 0x2a
    else { return nil }
    let width = Int(datagram[at + 6]) | Int(datagram[at + 7] & 0x3f) << 8
    let height = Int(datagram[at + 8]) | Int(datagram[at + 9] & 0x3f) << 8
    return PictureSize(width: width, height: height)
  }

  /// Something of the stream is not usable: what refers to it is not either.
  private mutating func lostPart(of timestamp: RTPTimestamp) {
    countDropped(timestamp)
    missing.hasDropped = true
    gate.missing(packets: 1)
  }

  /// The frame that is being assembled cannot become whole.
  mutating func dropAssembly(_ cause: PacketDiscard, pool: BufferPool) {
    guard let frame = assembler.takeFrame() else { return }
    gate.lost(frame.descriptor)
    drop(frame, cause, pool: pool)
  }

  private mutating func drop(_ frame: VP8Assembler.Frame, _ cause: PacketDiscard, pool: BufferPool) {
    counters.discard(cause, frame.packets)
    countDropped(frame.timestamp)
    missing.hasDropped = true
    seesKeyFrame = false
    pool.give(frame.bytes)
  }

  /// A frame is gone, and counts once however many pieces of it come.
  private mutating func countDropped(_ timestamp: RTPTimestamp) {
    guard timestamp != lastDropped else { return }
    lastDropped = timestamp
    counters.framesDropped += 1
  }

  private mutating func completeVP8(clock: inout ParticipantClock, pool: BufferPool) {
    guard let frame = assembler.takeFrame() else { return }
    guard let header = try? VP8FrameHeader(parsing: frame.bytes.span), header.headBytes + header.firstPartitionBytes <= frame.bytes.count
    else {
      gate.missing(packets: 1)
      drop(frame, .malformedPayload, pool: pool)
      return
    }
    switch gate.judge(frame.descriptor, isKey: header.isKey) {
    case .pass: break
    case .awaitingKeyFrame:
      drop(frame, .awaitingKeyFrame, pool: pool)
      keyFrameRequest.need(at: frame.arrival)
      return
    case .brokenReference:
      drop(frame, .brokenReference, pool: pool)
      if gate.isOpen, !keyFrameRequest.isPending { needIsUpperLayers = true }
      keyFrameRequest.need(at: frame.arrival)
      return
    }
    // Only padding was lost.
    if gate.holeWasEmpty, !missing.hasDropped { missing.packets = 0 }
    if needIsUpperLayers, gate.isWhole {
      needIsUpperLayers = false
      keyFrameRequest.satisfied()
    }
    if header.isKey {
      keyFrameRequest.satisfied()
      if let now = header.size, now != size {
        size = now
        outputs.append(.resized(now))
      }
    }
    give(
      PlacedFrame(
        bytes: frame.bytes, place: 0, arrival: frame.arrival, packets: frame.packets, isKey: header.isKey, duration: .zero,
        size: header.size), ticks: frame.ticks, clock: &clock)
  }

  /// Gives a frame out, or keeps it until the clock has settled.
  private mutating func give(_ frame: consuming PlacedFrame, ticks: Int64, clock: inout ParticipantClock) {
    packetsWaiting += frame.packets
    let missing = missing
    self.missing = Missing()
    if unplaced.isEmpty, clock.isSettled(clockIndex) {
      place(frame, ticks: ticks, missing: missing, clock: &clock)
      return
    }
    unplacedBytes += frame.bytes.capacity
    unplaced.append(Unplaced(frame: frame, ticks: ticks, missing: missing))
    if unplacedBytes > TrackReceiver.maximumUnplacedBytes || unplaced.count >= TrackReceiver.maximumUnplacedFrames {
      clock.settleNow(clockIndex)
    }
    placeWaiting(clock: &clock)
  }

  mutating func placeWaiting(clock: inout ParticipantClock) {
    guard !unplaced.isEmpty, clock.isSettled(clockIndex) else { return }
    let waiting = unplaced
    unplaced = []
    unplacedBytes = 0
    for item in waiting { place(item.frame, ticks: item.ticks, missing: item.missing, clock: &clock) }
  }

  private mutating func place(_ frame: consuming PlacedFrame, ticks: Int64, missing: Missing, clock: inout ParticipantClock) {
    frame.place = clock.place(clockIndex, ticks: ticks)
    if let end = lastPlaceEnd, !missing.isNothing, frame.place > end + 1_000_000 {
      outputs.append(.gap(from: end, to: frame.place, packetsLost: missing.packets))
    }
    lastPlaceEnd = frame.place + frame.duration.nanoseconds
    outputs.append(.frame(frame))
  }
}
