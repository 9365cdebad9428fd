import Codecs
import Ground
import RTP
import Track

/// What the packets of one SSRC on one flow show of themselves, before anybody has said what they are.
struct StreamEvidence: Sendable {
  let flow: Flow
  let ssrc: SSRC
  private(set) var firstTime: WallTime
  private(set) var lastTime: WallTime
  private(set) var packets = 0
  private(set) var payloadTypes: [PayloadType: Int] = [:]
  /// Packets whose number is the next one after the packet before.
  private(set) var consecutive = 0
  private(set) var paddingOnly = 0
  /// The number of the key that opened its packets; nil where it came in clear.
  var key: Int?
  /// Packets that a key should have opened and none did.
  var refused = 0

  private var lastNumber: SequenceNumber?
  private var lastTimestamp = RTPTimestamp(0)
  private var lastMarker = false
  private var lastOpus: OpusPacket?
  private var timestamps = TimestampExtender()
  private var firstTicks: Int64 = 0
  private var lastTicks: Int64 = 0

  private var opus = Plausibility()
  /// What several streams of Opus look like, whose first one looks like a whole packet.
  private var opusStreams = Plausibility()
  private var lastCount = 0
  private var plain = Plausibility()
  private var vp8 = Plausibility()
  private var vp8KeyFrames = 0
  private var vp9 = Plausibility()
  private var h264 = Plausibility()
  private var h264Sets = 0
  private var h265 = Plausibility()
  private var h265Sets = 0
  private var av1 = Plausibility()
  private var av1Sequences = 0
  /// The first packets' first two bytes and timestamps: what a retransmission says of the packet that it repeats (RFC 4588 §4).
  private var repeats: [(number: SequenceNumber, timestamp: RTPTimestamp)] = []
  private var lowestTicks: Int64 = 0
  private var highestTicks: Int64 = 0

  private struct Plausibility: Sendable {
    var good = 0
    var bad = 0
    /// Nearly all of enough packets: a real stream can hold a damaged one.
    var isConvincing: Bool { good >= 2 && bad * 20 <= good }
  }

  init(flow: Flow, ssrc: SSRC, time: WallTime) {
    self.flow = flow
    self.ssrc = ssrc
    firstTime = time
    lastTime = time
  }

  /// The payload type of most packets.
  var payloadType: PayloadType {
    payloadTypes.max { ($0.value, $1.key.value) < ($1.value, $0.key.value) }?.key ?? PayloadType(0)
  }

  /// Whether the packets follow each other like a stream's (in the spirit of RFC 3550 appendix A.1): two in sequence, and at most
  /// every fourth step a jump.
  var isStream: Bool { consecutive >= 1 && consecutive * 4 >= packets - 1 || consecutive >= 50 }

  /// Takes in a packet. `datagram` is the one that it was parsed from, in clear where that could be had.
  mutating func add(_ packet: RTPPacket, _ datagram: Span<UInt8>, at time: WallTime) {
    let ticks = timestamps.extend(packet.timestamp)
    if packets == 0 {
      firstTicks = ticks
      lowestTicks = ticks
      highestTicks = ticks
    }
    lastTicks = ticks
    lowestTicks = min(lowestTicks, ticks)
    highestTicks = max(highestTicks, ticks)
    lastTime = time
    packets += 1
    payloadTypes[packet.payloadType, default: 0] += 1
    let isNext = lastNumber?.next == packet.sequenceNumber
    if isNext { consecutive += 1 }
    if packet.isPaddingOnly {
      paddingOnly += 1
      lastOpus = nil
    } else {
      weighOpus(packet, datagram, isNext: isNext)
      weighStatic(packet, isNext: isNext)
      weighVP8(packet, datagram, isNext: isNext)
      weighVP9(packet, datagram, isNext: isNext)
      weighH264(packet, datagram)
      weighH265(packet, datagram)
      weighAV1(packet, datagram)
      if repeats.count < 64, packet.payloadCount > 2 {
        repeats.append((SequenceNumber(datagram.u16(at: packet.payloadStart)), packet.timestamp))
      }
      lastMarker = packet.marker
    }
    lastNumber = packet.sequenceNumber
    lastTimestamp = packet.timestamp
  }

  private mutating func weighOpus(_ packet: RTPPacket, _ datagram: Span<UInt8>, isNext: Bool) {
    let payload = datagram.extracting(packet.payloadStart..<packet.payloadEnd)
    if (2...5).contains(where: { (try? OpusStreamsPacket(parsing: payload, streams: $0)) != nil }) {
      opusStreams.good += 1
    } else {
      opusStreams.bad += 1
    }
    guard let parsed = try? OpusPacket(parsing: payload) else {
      opus.bad += 1
      lastOpus = nil
      return
    }
    if isNext, let before = lastOpus {
      // A packet lasts at most until the next one; encoders' clocks wander by a few percent of a packet.
      let step = packet.timestamp.distance(after: lastTimestamp)
      if step >= Int64(before.samples) * 9 / 10 { opus.good += 1 } else { opus.bad += 1 }
    }
    lastOpus = parsed
  }

  /// Sound of a static payload type has as many bytes as its timestamps go on by.
  private mutating func weighStatic(_ packet: RTPPacket, isNext: Bool) {
    guard let bytes = SoundFormat(staticType: packet.payloadType)?.bytesPerTick else {
      // What is no sound among it says nothing: comfort noise, keys that were pressed.
      lastCount = 0
      return
    }
    if isNext, lastCount > 0 {
      let step = packet.timestamp.distance(after: lastTimestamp)
      if step * Int64(bytes) == Int64(lastCount) { plain.good += 1 } else if step * Int64(bytes) < Int64(lastCount) { plain.bad += 1 }
    }
    lastCount = packet.payloadCount
  }

  private mutating func weighVP8(_ packet: RTPPacket, _ datagram: Span<UInt8>, isNext: Bool) {
    // The descriptor's reserved bits are zero (RFC 7741 §4.2); in VP9 and H.264 they have a meaning.
    guard datagram[packet.payloadStart] & 0x48 == 0,
      let descriptor = try? VP8PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd)
    else {
      vp8.bad += 1
      return
    }
    if descriptor.startsFrame {
      let frame = datagram.extracting(packet.payloadStart + descriptor.count..<packet.payloadEnd)
      guard let head = try? VP8FrameHeader(parsing: frame) else {
        vp8.bad += 1
        return
      }
      if head.isKey { vp8KeyFrames += 1 }
    } else if isNext, lastMarker {
      // After a frame's last packet comes another's first.
      vp8.bad += 1
      return
    }
    vp8.good += 1
  }

  private mutating func weighVP9(_ packet: RTPPacket, _ datagram: Span<UInt8>, isNext: Bool) {
    guard let descriptor = try? VP9PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd),
      // After a picture's last packet comes another's first; a picture ends where a layer frame of it does.
      descriptor.startsFrame || !(isNext && lastMarker), descriptor.endsFrame || !packet.marker
    else {
      vp9.bad += 1
      return
    }
    let start = packet.payloadStart + descriptor.count
    if descriptor.startsFrame, (try? VP9FrameHeader(parsing: datagram, from: start, to: packet.payloadEnd, slots: VP9Slots())) == nil {
      vp9.bad += 1
    } else {
      vp9.good += 1
    }
  }

  private mutating func weighH264(_ packet: RTPPacket, _ datagram: Span<UInt8>) {
    let (start, end) = (packet.payloadStart, packet.payloadEnd)
    guard let payload = try? H264Payload(parsing: datagram, from: start, to: end) else {
      h264.bad += 1
      return
    }
    h264.good += 1
    if case .fragment = payload { return }
    // A parameter set that can be read is what other payloads do not have by chance.
    var at = start
    var unit = payload == .single ? start..<end : H264Payload.nextUnit(datagram, at: &at, start: start, end: end)
    while let found = unit {
      if (try? H264SequenceParameterSet(parsing: datagram.extracting(found))) != nil { h264Sets += 1 }
      unit = payload == .single ? nil : H264Payload.nextUnit(datagram, at: &at, start: start, end: end)
    }
  }

  private mutating func weighH265(_ packet: RTPPacket, _ datagram: Span<UInt8>) {
    // TID counts from one, and layers above the lowest are not sent.
    guard packet.payloadCount > 2, datagram.u16(at: packet.payloadStart) & 0x1f8 == 0, datagram[packet.payloadStart + 1] & 7 != 0,
      (try? H265Payload(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd)) != nil
    else {
      h265.bad += 1
      return
    }
    h265.good += 1
    if TrackReceiver.keyFrameSize(.h265, packet, datagram) != nil { h265Sets += 1 }
  }

  private mutating func weighAV1(_ packet: RTPPacket, _ datagram: Span<UInt8>) {
    // The aggregation header's reserved bits are zero.
    guard packet.payloadCount > 1, datagram[packet.payloadStart] & 7 == 0,
      var payload = try? AV1Payload(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd)
    else {
      av1.bad += 1
      return
    }
    do throws(WireError) {
      while let element = try payload.next(in: datagram) {
        if element.isFirst, payload.continues { continue }
        let unit = datagram.extracting(element.range)
        let header = try AV1UnitHeader(parsing: unit)
        guard payload.beginsSequence, header.kind == .sequenceHeader, !header.hasSize else { continue }
        if (try? AV1SequenceHeader(parsing: unit.extracting(header.count..<unit.count))) != nil { av1Sequences += 1 }
      }
      av1.good += 1
    } catch {
      av1.bad += 1
    }
  }

  /// The clock that the timestamps run by, in hertz, to the nearest usual one; nil where the stream is too short to tell.
  private var clockRate: UInt32? {
    let seconds = (lastTime - firstTime).seconds
    guard seconds > 0.3, packets >= 8 else { return nil }
    let rate = Double(lastTicks - firstTicks) / seconds
    return [8_000, 16_000, 48_000, 90_000].first { abs(rate / Double($0) - 1) < 0.1 }
  }

  /// What the packets are, as far as they show it; nil for a codec that is not known here, or encrypted packets.
  var recognised: PayloadFormat? {
    let rate = clockRate
    if plain.isConvincing, let sound = SoundFormat(staticType: payloadType) {
      // The usual rates are told to the nearest tenth.
      if rate.map({ abs(Double($0) / Double(sound.clockRate.hertz) - 1) < 0.1 }) ?? true { return PayloadFormat(sound) }
    }
    if vp8.isConvincing, vp8KeyFrames > 0 || vp8.good >= 20, rate == nil || rate == 90_000 { return PayloadFormat(.vp8) }
    if vp9.isConvincing, vp9.good >= 8, rate == nil || rate == 90_000 { return PayloadFormat(.vp9) }
    if h264.isConvincing, h264Sets > 0, rate == nil || rate == 90_000 { return PayloadFormat(.h264) }
    if h265.isConvincing, h265Sets > 0, rate == nil || rate == 90_000 { return PayloadFormat(.h265) }
    if av1.isConvincing, av1Sequences > 0, rate == nil || rate == 90_000 { return PayloadFormat(.av1) }
    // Which channels several streams carry, only a description tells.
    if opusStreams.isConvincing, opusStreams.good >= 8 { return nil }
    if opus.isConvincing, rate == nil || rate == 48_000 { return PayloadFormat(.opus, channels: 2) }
    return nil
  }

  /// What to call it when the packets do not show their codec.
  var guess: PayloadFormat { PayloadFormat(encoding: "unknown", clockRate: ClockRate(clockRate ?? 90_000)) }

  /// Whether the packets repeat those of `media`: their first two bytes are its sequence numbers and their timestamps its own. A
  /// stream's timestamps begin at random, so no other stream's fit by chance (RFC 4588 §4).
  func repeats(_ media: StreamEvidence) -> Bool {
    guard media.ssrc != ssrc, media.flow == flow, let last = media.lastNumber else { return false }
    let margin = Int64(media.clockRate ?? 90_000) * 5
    let fitting = repeats.count { candidate in
      let ticks = media.timestamps.peek(candidate.timestamp)
      let isInTime = ticks >= media.lowestTicks - margin && ticks <= media.highestTicks + margin
      return isInTime && candidate.number.distance(after: last).magnitude <= media.packets + 1_000
    }
    return fitting > 0 && fitting * 10 >= repeats.count * 9
  }
}
