package import Codecs
import Ground
import RTP

/// What was counted of one stream of pictures: its frames, put together by their timestamps after all packets have come.
package struct VideoInspection: Sendable {
  /// Frames of which every packet is there.
  package private(set) var completeFrames = 0
  package private(set) var incompleteFrames = 0
  /// Among the complete ones.
  package private(set) var keyFrames = 0
  package private(set) var framesBeforeFirstKeyFrame = 0
  /// The sizes that key frames declare, each time that another one begins.
  package private(set) var sizes: [PictureSize] = []

  private struct Part: Sendable {
    var number: Int64
    var ticks: Int64
    var marker: Bool
    /// The packet says that it ends a frame, which may be its picture's last.
    var endsFrame: Bool
    /// Nil where the packet begins neither a frame nor, in H.264, a part of one that can be told apart.
    var head: Head?
  }
  private struct Head: Sendable {
    var isKey: Bool
    var size: PictureSize?
  }
  private let codec: Codec
  private var parts: [Part] = []
  private var padding: Set<Int64> = []

  init(_ codec: Codec) { self.codec = codec }

  /// Takes in a packet once; false where its payload is none of the codec's.
  mutating func add(_ packet: RTPPacket, _ datagram: Span<UInt8>, number: Int64, ticks: Int64) -> Bool {
    do throws(WireError) {
      var part = Part(number: number, ticks: ticks, marker: packet.marker, endsFrame: packet.marker)
      if codec == .h264 {
        let payload = try H264Payload(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd)
        part.head = VideoInspection.head(payload, packet, datagram)
      } else if codec == .h265 {
        let payload = try H265Payload(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd)
        part.head = VideoInspection.h265(payload, datagram)
      } else if codec == .vp9 {
        try VideoInspection.readVP9(packet, datagram, &part)
      } else if codec == .av1 {
        part.head = try VideoInspection.av1(packet, datagram)
      } else {
        part.head = try VideoInspection.vp8(packet, datagram)
      }
      parts.append(part)
      return true
    } catch {
      return false
    }
  }

  private static func vp8(_ packet: RTPPacket, _ datagram: Span<UInt8>) throws(WireError) -> Head? {
    let descriptor = try VP8PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd)
    guard descriptor.startsFrame else { return nil }
    let head = try VP8FrameHeader(parsing: datagram.extracting(packet.payloadStart + descriptor.count..<packet.payloadEnd))
    return Head(isKey: head.isKey, size: head.size)
  }

  /// A picture's head is its lowest layer's; of its size the structure tells more, where there is one.
  private static func readVP9(_ packet: RTPPacket, _ datagram: Span<UInt8>, _ part: inout Part) throws(WireError) {
    let descriptor = try VP9PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd)
    part.endsFrame = descriptor.endsFrame
    guard descriptor.startsFrame else { return }
    let head = try VP9FrameHeader(
      parsing: datagram, from: packet.payloadStart + descriptor.count, to: packet.payloadEnd, slots: VP9Slots())
    part.head = Head(isKey: head.isKey, size: descriptor.structure?.sizes.last ?? head.size)
  }

  /// What an H.264 packet begins; nil for a unit's later fragments, and for slices that begin within a picture.
  private static func head(_ payload: H264Payload, _ packet: RTPPacket, _ datagram: Span<UInt8>) -> Head? {
    let (start, end) = (packet.payloadStart, packet.payloadEnd)
    if case .fragment(let head, let isFirst, _) = payload {
      guard isFirst, start + 2 < end, datagram[start + 2] & 0x80 != 0 || !H264UnitType.isPicture(head & 0x1f) else { return nil }
      return Head(isKey: head & 0x1f == H264UnitType.idrSlice)
    }
    var head: Head?
    var at = start
    var unit = payload == .single ? start..<end : H264Payload.nextUnit(datagram, at: &at, start: start, end: end)
    while let found = unit {
      let type = datagram[found.lowerBound] & 0x1f
      // first_mb_in_slice is 0 where its first bit is set.
      if !H264UnitType.isPicture(type) || found.count > 1 && datagram[found.lowerBound + 1] & 0x80 != 0 {
        head = head ?? Head(isKey: false)
      }
      if type == H264UnitType.idrSlice { head?.isKey = true }
      if type == H264UnitType.sequenceParameterSet {
        head?.size = (try? H264SequenceParameterSet(parsing: datagram.extracting(found)))?.size
      }
      unit = payload == .single ? nil : H264Payload.nextUnit(datagram, at: &at, start: start, end: end)
    }
    return head
  }

  /// What an H.265 packet begins; nil for a unit's later fragments, and for slices that begin within a picture.
  private static func h265(_ payload: H265Payload, _ datagram: Span<UInt8>) -> Head? {
    var units: [(type: UInt8, body: Range<Int>)] = []
    var at = payload.body.lowerBound
    switch payload.kind {
    case .fragment(false, _): return nil
    case .single, .fragment: units.append((payload.type, payload.body))
    case .aggregate:
      while let unit = payload.nextUnit(datagram, at: &at) {
        units.append((H265UnitType.of(datagram[unit.lowerBound]), unit.lowerBound + 2..<unit.upperBound))
      }
    }
    var head: Head?
    for (type, body) in units {
      // first_slice_segment_in_pic_flag is the first bit.
      if !H265UnitType.isPicture(type) || !body.isEmpty && datagram[body.lowerBound] & 0x80 != 0 { head = head ?? Head(isKey: false) }
      if H265UnitType.isRandomAccess(type) { head?.isKey = true }
      if type == H265UnitType.sequenceParameterSet {
        head?.size = (try? H265SequenceParameterSet(parsing: datagram.extracting(body.lowerBound - 2..<body.upperBound)))?.size
      }
    }
    return head
  }

  /// What an AV1 packet begins; nil where it goes on within a unit.
  private static func av1(_ packet: RTPPacket, _ datagram: Span<UInt8>) throws(WireError) -> Head? {
    var payload = try AV1Payload(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd)
    var head = Head(isKey: false)
    while let element = try payload.next(in: datagram) {
      if element.isFirst, payload.continues { continue }
      let unit = datagram.extracting(element.range)
      let header = try AV1UnitHeader(parsing: unit)
      var at = header.count
      if header.hasSize { _ = try AV1Size.read(unit, at: &at, end: unit.count) }
      let body = unit.extracting(at..<unit.count)
      // A sequence header that goes on in the next packet is nobody's.
      if header.kind == .sequenceHeader { head.size = (try? AV1SequenceHeader(parsing: body))?.size }
      if header.kind == .frame || header.kind == .frameHeader, try AV1FrameHead(parsing: body).isKey { head.isKey = true }
    }
    return payload.continues ? nil : head
  }

  /// A packet of padding uses up a number within or between frames and is no loss.
  mutating func addPadding(_ number: Int64) { padding.insert(number) }

  /// Puts the frames together. To be called once, after the last packet.
  mutating func finish() {
    parts.sort { ($0.ticks, $0.number) < ($1.ticks, $1.number) }
    var start = 0
    while start < parts.count {
      var end = start + 1
      while end < parts.count, parts[end].ticks == parts[start].ticks { end += 1 }
      count(parts[start..<end], next: end < parts.count ? parts[end].number : nil)
      start = end
    }
    if keyFrames == 0 { framesBeforeFirstKeyFrame = completeFrames }
    parts = []
    padding = []
  }

  /// A frame is whole to its marker or, with senders that leave its last layer out and the marker with it, to the next one's first packet.
  private mutating func count(_ frame: ArraySlice<Part>, next: Int64?) {
    guard let first = frame.first, let last = frame.last else { return }
    let gaps = last.number - first.number + 1 - Int64(frame.count)
    let filled = gaps == 0 ? 0 : Int64(padding.count { $0 > first.number && $0 < last.number })
    let isEnded = last.marker || last.endsFrame && next == last.number + 1
    guard first.head != nil, isEnded, gaps == filled else {
      incompleteFrames += 1
      return
    }
    if frame.contains(where: { $0.head?.isKey == true }) {
      if keyFrames == 0 { framesBeforeFirstKeyFrame = completeFrames }
      keyFrames += 1
      if let size = frame.lazy.compactMap({ $0.head?.size }).first, size != sizes.last { sizes.append(size) }
    }
    completeFrames += 1
  }
}
