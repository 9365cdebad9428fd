import Ground
import RTP

/// An H.265 sender whose pictures are as RFC 7798 sends them: parameter sets written bit by bit, slices with real heads and filler for the
/// rest. What comes out is compared byte for byte; nothing here is decoded.
struct H265Stream {
  private typealias Bits = H264Stream.Bits

  /// A unit's two bytes of head.
  static func head(_ type: UInt8, layer: UInt8 = 0, temporal: UInt8 = 1) -> [UInt8] {
    [type << 1 | layer >> 5, layer << 3 & 0xf8 | temporal]
  }

  static func videoSet(id: Int = 0) -> [UInt8] {
    var bits = Bits()
    bits.fixed(id, 4)
    bits.fixed(0xf, 4)
    return bits.unit(head: head(32))
  }

  /// Main profile, level 3.1, of so many pixels, less `cropped` right and below.
  static func sequenceSet(
    id: Int = 0, video: Int = 0, width: Int = 320, height: Int = 240, cropped: (Int, Int) = (0, 0), subLayers: Int = 0
  ) -> [UInt8] {
    var bits = Bits()
    bits.fixed(video, 4)
    bits.fixed(subLayers, 3)
    bits.fixed(1, 1)
    bits.fixed(1, 8)
    bits.fixed(0x6000_0000, 32)
    bits.fixed(0xb0, 8)
    bits.fixed(0, 40)
    bits.fixed(93, 8)
    if subLayers > 0 {
      for layer in 0..<8 { bits.fixed(layer < subLayers ? 3 : 0, 2) }
      for _ in 0..<subLayers { for _ in 0..<12 { bits.fixed(0x5a, 8) } }
    }
    bits.unsigned(id)
    bits.unsigned(1)
    bits.unsigned(width)
    bits.unsigned(height)
    let isCropped = cropped != (0, 0)
    bits.fixed(isCropped ? 1 : 0, 1)
    if isCropped { for side in [0, cropped.0 / 2, 0, cropped.1 / 2] { bits.unsigned(side) } }
    bits.unsigned(0)
    bits.unsigned(0)
    bits.unsigned(4)
    return bits.unit(head: head(33))
  }

  static func pictureSet(id: Int = 0, sequence: Int = 0) -> [UInt8] {
    var bits = Bits()
    bits.unsigned(id)
    bits.unsigned(sequence)
    bits.fixed(0, 5)
    return bits.unit(head: head(34))
  }

  static let sets = [videoSet(), sequenceSet(), pictureSet()]

  /// A slice of a picture of that type: 1 is one that refers to others, 19 an IDR, 21 a CRA, 9 a leading one.
  static func slice(_ type: UInt8, isFirst: Bool = true, set: Int = 0, count: Int = 60, seed: UInt8 = 1) -> [UInt8] {
    var bits = Bits()
    bits.fixed(isFirst ? 1 : 0, 1)
    if (16...23).contains(type) { bits.fixed(0, 1) }
    bits.unsigned(set)
    return bits.unit(head: head(type), rest: (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + Int(seed)) | 4 })
  }

  // MARK: Packets

  var number: UInt16 = 65_530
  var timestamp: UInt32 = 4_294_960_000

  mutating func packet(_ payload: [UInt8], marker: Bool = false) -> [UInt8] {
    let fields = RTPHeaderFields(
      payloadType: PayloadType(102), marker: marker, sequenceNumber: SequenceNumber(number), timestamp: RTPTimestamp(timestamp),
      ssrc: TrackRig.ssrc)
    number &+= 1
    return fields.packet(payload: payload)
  }

  mutating func next() { timestamp &+= 3000 }

  /// An aggregation packet (RFC 7798 §4.4.2), with decoding order numbers from `number` on where there are any.
  static func aggregate(_ units: [[UInt8]], number: UInt16? = nil) -> [UInt8] {
    units.enumerated().reduce(into: head(48)) { out, item in
      if let number { if item.offset == 0 { out.appendU16(number) } else { out.append(0) } }
      out.appendU16(UInt16(item.element.count))
      out += item.element
    }
  }

  /// Fragmentation units (RFC 7798 §4.4.3), of at most `size` bytes each.
  static func fragments(_ unit: [UInt8], size: Int, number: UInt16? = nil) -> [[UInt8]] {
    let body = Array(unit.dropFirst(2))
    return stride(from: 0, to: body.count, by: size).map { at in
      let end = min(at + size, body.count)
      var out = [unit[0] & 0x81 | 49 << 1, unit[1], (at == 0 ? 0x80 : 0) | (end == body.count ? 0x40 : 0) | unit[0] >> 1]
      if let number, at == 0 { out.appendU16(number) }
      return out + body[at..<end]
    }
  }

  /// A payload within PACI (RFC 7798 §4.4.4), with three bytes of extension.
  static func wrapped(_ payload: [UInt8]) -> [UInt8] {
    [payload[0] & 0x01 | 50 << 1, payload[1], payload[0] & 0x7e, 3 << 4, 1, 2, 3] + payload.dropFirst(2)
  }
}
