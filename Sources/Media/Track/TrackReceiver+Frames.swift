import Codecs
import Ground
import Jitter
import RTP
import Timeline

extension TrackReceiver {
  /// Processes what the jitter buffer releases.
  mutating func drain(at now: Instant, clock: inout ParticipantClock, pool: BufferPool) {
    while let release = jitter.popReady(at: now) { handle(release, clock: &clock, pool: pool) }
  }

  mutating func handle(_ release: JitterBuffer.Release, clock: inout ParticipantClock, pool: BufferPool) {
    switch release {
    case .packet(let held):
      let bytes = held.datagram.span
      // It parsed when it came; the copy cannot differ.
      if let packet = try? RTPPacket(parsing: bytes) {
        process(packet, datagram: bytes, at: held.arrival, clock: &clock, pool: pool)
      } else {
        counters.discard(.malformedPayload)
      }
      jitter.recycle(held.datagram)
    case .lost(let count):
      counters.packetsLost += UInt64(count)
      lostSinceFrame += count
      if codec.kind == .video {
        if assembler.isAssembling { dropAssembly(.incompleteFrame, pool: pool) }
        gate.hole()
      }
    case .restarted:
      dropAssembly(.incompleteFrame, pool: pool)
      clock.settleNow(clockIndex)
      placeWaiting(clock: &clock)
      clock.restart(clockIndex)
      statistics = ReceptionStatistics(rate: codec.clockRate)
      if codec.kind == .video { gate.hole() }
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
    let ticks = clock.observe(clockIndex, timestamp: packet.timestamp, arrival: arrival)
    switch codec.kind {
    case .audio: processOpus(packet, datagram: datagram, ticks: ticks, at: arrival, clock: &clock, pool: pool)
    case .video: processVP8(packet, datagram: datagram, ticks: ticks, at: arrival, clock: &clock, pool: pool)
    }
  }

  private mutating func processOpus(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, clock: inout ParticipantClock, pool: BufferPool
  ) {
    guard let opus = try? OpusPacket(parsing: datagram.extracting(packet.payloadStart..<packet.payloadEnd)) else {
      counters.discard(.malformedPayload)
      counters.framesDropped += 1
      return
    }
    var bytes = pool.take()
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
      if assembler.isAssembling { dropAssembly(.incompleteFrame, pool: pool) }
      lostPart(at: arrival)
      return
    }
    if assembler.beginsAnother(packet, descriptor) {
      if descriptor.startsFrame, packet.timestamp != assembler.timestamp {
        // No packet is missing in between, so the frame is whole: its sender sets no marker.
        completeVP8(clock: &clock, pool: pool)
      } else {
        dropAssembly(.incompleteFrame, pool: pool)
        lostPart(at: arrival)
      }
    }
    if !assembler.isAssembling, assembler.bytes.capacity == 0 { assembler.reset(storage: pool.take()) }
    switch assembler.receive(packet, descriptor, datagram: datagram, at: arrival) {
    case .pending: break
    case .whole: completeVP8(clock: &clock, pool: pool)
    case .orphaned:
      counters.discard(.incompleteFrame)
      // The frame's last packet tells that a frame is gone, once.
      if packet.marker { counters.framesDropped += 1 }
      lostPart(at: arrival)
    case .malformed:
      dropAssembly(.oversized, pool: pool)
      lostPart(at: arrival)
    }
  }

  /// Something of the stream is not usable: what refers to it is not either.
  private mutating func lostPart(at now: Instant) {
    gate.hole()
  }

  mutating func dropAssembly(_ cause: PacketDiscard, pool: BufferPool) {
    guard assembler.isAssembling else { return }
    counters.discard(cause, assembler.packets)
    counters.framesDropped += 1
    if let descriptor = assembler.descriptor { gate.lost(descriptor) }
    recycleAssembly(pool: pool)
  }

  private mutating func recycleAssembly(pool: BufferPool) {
    var bytes = assembler.bytes
    assembler.reset(storage: [])
    bytes.removeAll(keepingCapacity: true)
    assembler.reset(storage: bytes)
  }

  private mutating func completeVP8(clock: inout ParticipantClock, pool: BufferPool) {
    guard let descriptor = assembler.descriptor, let header = try? VP8FrameHeader(parsing: assembler.bytes.span),
      header.firstPartitionBytes <= assembler.bytes.count
    else {
      dropAssembly(.malformedPayload, pool: pool)
      gate.hole()
      return
    }
    let arrival = assembler.arrival
    switch gate.judge(descriptor, isKey: header.isKey) {
    case .pass: break
    case .awaitingKeyFrame:
      refuseAssembly(.awaitingKeyFrame, pool: pool)
      keyFrameRequest.need(at: arrival)
      return
    case .brokenReference:
      refuseAssembly(.brokenReference, pool: pool)
      keyFrameRequest.need(at: arrival)
      return
    }
    if header.isKey {
      keyFrameRequest.satisfied()
      if let now = header.size, now != size {
        size = now
        outputs.append(.resized(now))
      }
    }
    let packets = assembler.packets
    let ticks = clock.ticks(clockIndex, assembler.timestamp)
    let bytes = assembler.bytes
    assembler.reset(storage: pool.take())
    give(
      PlacedFrame(
        bytes: bytes, place: 0, arrival: arrival, packets: packets, isKey: header.isKey, duration: .zero, size: header.size),
      ticks: ticks, clock: &clock)
  }

  /// A whole frame that may not be given out.
  private mutating func refuseAssembly(_ cause: PacketDiscard, pool: BufferPool) {
    counters.discard(cause, assembler.packets)
    counters.framesDropped += 1
    recycleAssembly(pool: pool)
  }

  /// Gives a frame out, or keeps it until the clock has settled.
  private mutating func give(_ frame: consuming PlacedFrame, ticks: Int64, clock: inout ParticipantClock) {
    packetsWaiting += frame.packets
    let lost = lostSinceFrame
    lostSinceFrame = 0
    if unplaced.isEmpty, clock.isSettled(clockIndex) {
      place(frame, ticks: ticks, lostBefore: lost, clock: &clock)
      return
    }
    unplacedBytes += frame.bytes.count
    unplaced.append(Unplaced(frame: frame, ticks: ticks, lostBefore: lost))
    if unplacedBytes > TrackReceiver.maximumUnplacedBytes { clock.settleNow(clockIndex) }
    placeWaiting(clock: &clock)
  }

  mutating func placeWaiting(clock: inout ParticipantClock) {
    guard !unplaced.isEmpty, clock.isSettled(clockIndex) else { return }
    let waiting = unplaced
    unplaced.removeAll(keepingCapacity: waiting.count < 64)
    unplacedBytes = 0
    for item in waiting { place(item.frame, ticks: item.ticks, lostBefore: item.lostBefore, clock: &clock) }
  }

  private mutating func place(_ frame: consuming PlacedFrame, ticks: Int64, lostBefore: Int64, clock: inout ParticipantClock) {
    frame.place = clock.place(clockIndex, ticks: ticks)
    if let end = lastPlaceEnd, lostBefore > 0, frame.place > end + 1_000_000 {
      outputs.append(.gap(from: end, to: frame.place, packetsLost: lostBefore))
    }
    lastPlaceEnd = frame.place + frame.duration.nanoseconds
    outputs.append(.frame(frame))
  }
}
