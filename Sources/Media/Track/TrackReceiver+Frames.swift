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
      dropAssembly(.incompleteFrame, clock: &clock, pool: pool)
      video.missing(packets: count)
    case .restarted:
      // Whether the clock goes on, its timestamps will tell.
      dropAssembly(.incompleteFrame, clock: &clock, pool: pool)
      statistics = ReceptionStatistics(rate: rate)
      missing.hasDropped = true
      video.missing(packets: .max / 2)
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
    guard packet.payloadType != correctionType else {
      counters.discard(.forwardErrorCorrection)
      return
    }
    guard packet.payloadType != wrappingType else {
      dropAssembly(.incompleteFrame, clock: &clock, pool: pool)
      counters.discard(.malformedPayload)
      missing.hasDropped = true
      video.missing(packets: 1)
      return
    }
    guard isMedia(packet) else {
      counters.discard(.otherPayload)
      return
    }
    let ticks: Int64
    if let observed = clock.observe(clockIndex, timestamp: packet.timestamp, arrival: arrival) {
      ticks = observed
    } else {
      // The RTP clock jumped: what is from before it is placed by what it was.
      dropAssembly(.incompleteFrame, clock: &clock, pool: pool)
      clock.settleNow(clockIndex)
      placeWaiting(clock: &clock, pool: pool)
      ticks = clock.begin(clockIndex, timestamp: packet.timestamp, arrival: arrival)
    }
    lastTicks = ticks
    if let time = captureTime(packet, datagram) { clock.observe(clockIndex, captured: time, ticks: ticks) }
    if isVideo {
      if let since = gatedSince, let degradedAfter, arrival - since >= degradedAfter {
        gatedSince = nil
        video.openAnyway()
      }
      if readsOrientation { noteOrientation(packet, datagram) }
      video.receive(packet, datagram: datagram, ticks: ticks, at: arrival, pool: pool, into: &depacketized)
      take(clock: &clock, pool: pool)
    } else {
      processSound(packet, datagram: datagram, ticks: ticks, at: arrival, clock: &clock, pool: pool)
    }
  }

  /// How the camera is held stands in the last packet of a frame, at least of a key frame, and holds until it is told anew (3GPP TS 26.114
  /// §7.4.5).
  private mutating func noteOrientation(_ packet: RTPPacket, _ datagram: Span<UInt8>) {
    guard let told = packet.videoOrientation(extensions, in: datagram) else { return }
    rotation = PictureRotation(rawValue: told.rotation) ?? .none
  }

  private mutating func processSound(
    _ packet: RTPPacket, datagram: Span<UInt8>, ticks: Int64, at arrival: Instant, clock: inout ParticipantClock, pool: BufferPool
  ) {
    guard let duration = try? sound?.format.duration(of: datagram.extracting(packet.payloadStart..<packet.payloadEnd)) else {
      counters.discard(.malformedPayload)
      counters.framesDropped += 1
      missing.hasDropped = true
      return
    }
    var bytes = pool.take(atLeast: packet.payloadCount)
    bytes.append(copying: datagram, packet.payloadStart..<packet.payloadEnd)
    give(
      PlacedFrame(bytes: bytes, place: 0, arrival: arrival, packets: 1, isKey: true, duration: duration, size: nil),
      ticks: ticks, clock: &clock, pool: pool)
  }

  /// Deals with what the payload format's reader has told.
  private mutating func take(clock: inout ParticipantClock, pool: BufferPool) {
    for index in depacketized.indices {
      // Swapped, not copied: the frame's bytes keep one owner.
      var item = Depacketized.dropped(DroppedPackets(count: 0, cause: .late, timestamp: RTPTimestamp(0), arrival: Instant(nanoseconds: 0)))
      swap(&item, &depacketized[index])
      switch consume item {
      case .frame(let frame): pass(frame, clock: &clock, pool: pool)
      case .dropped(let dropped): count(dropped)
      }
    }
    depacketized.removeAll(keepingCapacity: true)
  }

  /// The frame that is being assembled cannot become whole.
  mutating func dropAssembly(_ cause: PacketDiscard, clock: inout ParticipantClock, pool: BufferPool) {
    guard video.pendingPackets > 0 else { return }
    video.drop(cause, pool: pool, into: &depacketized)
    take(clock: &clock, pool: pool)
  }

  /// The picture's size where the packet begins a key frame of a codec whose key frames tell it at their beginning, else nil.
  package static func keyFrameSize(_ codec: Codec, _ packet: RTPPacket, _ datagram: Span<UInt8>) -> PictureSize? {
    switch codec {
    case .vp8: vp8KeyFrameSize(packet, datagram)
    case .vp9: VP9Depacketizer.keyFrameHeader(packet, datagram)?.size
    case .h264: H264Depacketizer.sequenceSetSize(packet, datagram)
    case .h265: H265Depacketizer.sequenceSetSize(packet, datagram)
    case .av1: AV1Depacketizer.sequenceSize(packet, datagram)
    default: nil
    }
  }

  /// RFC 6386 §9.1.
  private static func vp8KeyFrameSize(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> PictureSize? {
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

  /// A frame counts once however many pieces of it come.
  private mutating func count(_ dropped: DroppedPackets) {
    counters.discard(dropped.cause, dropped.count)
    missing.hasDropped = true
    if dropped.timestamp != lastDropped {
      lastDropped = dropped.timestamp
      counters.framesDropped += 1
    }
    if dropped.hadHead { seesKeyFrame = false }
    if dropped.cause == .brokenReference, case .keyFrame = dropped.need, gatedSince == nil { gatedSince = dropped.arrival }
    switch dropped.need {
    case .nothing: break
    case .keyFrame: keyFrameRequest.need(at: dropped.arrival)
    case .upperLayers:
      if !keyFrameRequest.isPending { needIsUpperLayers = true }
      keyFrameRequest.need(at: dropped.arrival)
    }
  }

  private mutating func pass(_ frame: AssembledFrame, clock: inout ParticipantClock, pool: BufferPool) {
    gatedSince = nil
    // Only padding was lost.
    if frame.provesNothingLost, !missing.hasDropped { missing.packets = 0 }
    if needIsUpperLayers, frame.isHealed {
      needIsUpperLayers = false
      keyFrameRequest.satisfied()
    }
    if frame.isKey { keyFrameRequest.satisfied() }
    if let now = frame.size, now != size {
      size = now
      outputs.append(.resized(now))
    }
    if rotation != toldRotation {
      toldRotation = rotation
      outputs.append(.rotated(rotation))
    }
    give(
      PlacedFrame(
        bytes: frame.bytes, place: 0, arrival: frame.arrival, packets: frame.packets, isKey: frame.isKey, duration: .zero,
        size: frame.size, rotation: rotation, isDegraded: frame.isDegraded), ticks: frame.ticks, clock: &clock, pool: pool)
  }

  /// Gives a frame out, or keeps it until the clock has settled.
  private mutating func give(
    _ frame: consuming PlacedFrame, ticks: Int64, clock: inout ParticipantClock, pool: BufferPool
  ) {
    packetsWaiting += frame.packets
    let missing = missing
    self.missing = Missing()
    if unplaced.isEmpty, clock.isSettled(clockIndex) {
      place(frame, ticks: ticks, missing: missing, clock: &clock, pool: pool)
      return
    }
    unplacedBytes += frame.bytes.capacity
    unplaced.append(Unplaced(frame: frame, ticks: ticks, missing: missing))
    if unplacedBytes > TrackReceiver.maximumUnplacedBytes || unplaced.count >= TrackReceiver.maximumUnplacedFrames {
      clock.settleNow(clockIndex)
    }
    placeWaiting(clock: &clock, pool: pool)
  }

  /// Puts packets without coded sound, or silence, where packets are missing: who reads the packets on end does not come early. What is
  /// missing for longer than such a fill may be is left open beyond that.
  private mutating func fill(from start: Int64, to end: Int64, arrival: Instant, pool: BufferPool) {
    guard let sound else { return }
    sound.fill(nanoseconds: end - start, pool: pool) { bytes, offset, duration in
      outputs.append(
        .frame(
          PlacedFrame(
            bytes: bytes, place: start + offset, arrival: arrival, packets: 0, isKey: true, duration: duration, size: nil)))
    }
  }

  mutating func placeWaiting(clock: inout ParticipantClock, pool: BufferPool) {
    guard !unplaced.isEmpty, clock.isSettled(clockIndex) else { return }
    let waiting = unplaced
    unplaced = []
    unplacedBytes = 0
    for item in waiting { place(item.frame, ticks: item.ticks, missing: item.missing, clock: &clock, pool: pool) }
  }

  private mutating func place(
    _ frame: consuming PlacedFrame, ticks: Int64, missing: Missing, clock: inout ParticipantClock, pool: BufferPool
  ) {
    frame.place = clock.place(clockIndex, ticks: ticks, end: isVideo || missing.isSuccession ? nil : lastPlaceEnd)
    let stall = clock.takeStall(clockIndex)
    if let end = lastPlaceEnd, let cause = missing.cause(over: frame.place - end, stall: stall) {
      outputs.append(.gap(TrackGap(from: end, to: frame.place, packetsLost: missing.packets, cause: cause, isDegraded: frame.isDegraded)))
      if sound?.canFill ?? false, cause == .packetLoss { fill(from: end, to: frame.place, arrival: frame.arrival, pool: pool) }
    }
    lastPlaceEnd = frame.place + frame.duration.nanoseconds
    sound?.note(frame)
    outputs.append(.frame(frame))
  }
}
