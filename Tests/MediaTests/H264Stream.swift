import Ground
import RTP

/// An H.264 sender whose pictures are as RFC 6184 sends them: parameter sets written bit by bit, slices with real heads and filler for the
/// rest. What comes out is compared byte for byte; nothing here is decoded.
struct H264Stream {
  /// Bits, most significant first, with emulation prevention when they become a NAL unit (ITU-T H.264 §7.4.1).
  struct Bits {
    private var values: [UInt8] = []
    mutating func fixed(_ value: Int, _ count: Int) {
      for i in stride(from: count - 1, through: 0, by: -1) { values.append(UInt8(value >> i & 1)) }
    }
    mutating func unsigned(_ value: Int) {
      let length = Int.bitWidth - (value + 1).leadingZeroBitCount
      fixed(0, length - 1)
      fixed(value + 1, length)
    }
    mutating func signed(_ value: Int) { unsigned(value > 0 ? 2 * value - 1 : -2 * value) }
    func unit(head: [UInt8], rest: [UInt8] = []) -> [UInt8] {
      var bits = values + [1]
      while bits.count % 8 != 0 { bits.append(0) }
      var out = head
      var zeros = 0
      let payload = stride(from: 0, to: bits.count, by: 8).map { at in bits[at..<at + 8].reduce(0) { $0 << 1 | $1 } } + rest
      for byte in payload {
        if zeros == 2, byte <= 3 {
          out.append(3)
          zeros = 0
        }
        out.append(byte)
        zeros = byte == 0 ? zeros + 1 : 0
      }
      return out
    }
  }

  /// A sequence parameter set of constrained baseline for pictures of so many macroblocks, less `cropped` pixels right and below.
  static func sequenceSet(id: Int = 0, across: Int = 20, down: Int = 15, cropped: (Int, Int) = (0, 0), frameNumberBits: Int = 8) -> [UInt8]
  {
    var bits = Bits()
    bits.unsigned(id)
    bits.unsigned(frameNumberBits - 4)
    bits.unsigned(2)
    bits.unsigned(1)
    bits.fixed(0, 1)
    bits.unsigned(across - 1)
    bits.unsigned(down - 1)
    bits.fixed(1, 1)
    bits.fixed(1, 1)
    let isCropped = cropped != (0, 0)
    bits.fixed(isCropped ? 1 : 0, 1)
    if isCropped { for side in [0, cropped.0 / 2, 0, cropped.1 / 2] { bits.unsigned(side) } }
    bits.fixed(0, 1)
    return bits.unit(head: [0x67, 66, 0xe0, 31])
  }

  static func pictureSet(id: Int = 0, sequence: Int = 0) -> [UInt8] {
    var bits = Bits()
    bits.unsigned(id)
    bits.unsigned(sequence)
    bits.fixed(0b0011, 4)
    return bits.unit(head: [0x68])
  }

  static func slice(
    isKey: Bool, frameNumber: Int, first: Int = 0, set: Int = 0, isReference: Bool = true, frameNumberBits: Int = 8, count: Int = 60,
    seed: UInt8 = 1
  ) -> [UInt8] {
    var bits = Bits()
    bits.unsigned(first)
    bits.unsigned(isKey ? 7 : 5)
    bits.unsigned(set)
    bits.fixed(frameNumber, frameNumberBits)
    if isKey { bits.unsigned(0) }
    let head: UInt8 = isKey ? 0x65 : isReference ? 0x41 : 0x01
    return bits.unit(head: [head], rest: (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + Int(seed)) | 4 })
  }

  /// Supplemental information: a recovery point (§D.1.8).
  static func recoveryPoint(count: Int = 0, isExact: Bool = true) -> [UInt8] {
    var bits = Bits()
    bits.unsigned(count)
    bits.fixed(isExact ? 1 : 0, 1)
    bits.fixed(0, 3)
    let payload = bits.unit(head: [])
    return [0x06, 6, UInt8(payload.count)] + payload + [0x80]
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

  /// STAP-A (RFC 6184 §5.7.1).
  static func aggregate(_ units: [[UInt8]]) -> [UInt8] {
    units.reduce(into: [0x78]) { out, unit in
      out.appendU16(UInt16(unit.count))
      out += unit
    }
  }

  /// FU-A (RFC 6184 §5.8), of at most `size` bytes each.
  static func fragments(_ unit: [UInt8], size: Int) -> [[UInt8]] {
    let body = Array(unit.dropFirst())
    return stride(from: 0, to: body.count, by: size).map { at in
      let end = min(at + size, body.count)
      let flags: UInt8 = (at == 0 ? 0x80 : 0) | (end == body.count ? 0x40 : 0)
      return [unit[0] & 0x60 | 28, flags | unit[0] & 0x1f] + body[at..<end]
    }
  }

  /// Units as they lie on tape.
  static func onTape(_ units: [[UInt8]]) -> [UInt8] {
    units.reduce(into: []) { out, unit in
      out.appendU32(UInt32(unit.count))
      out += unit
    }
  }

  mutating func next() { timestamp &+= 3000 }
}
