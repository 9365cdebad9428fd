import Codecs

/// A VP9 payload descriptor as a sender writes it (RFC 9628 §4.2).
struct VP9Descriptor {
  struct Layer {
    var temporal: UInt8 = 0
    var isSwitchingPoint = false
    var spatial: UInt8 = 0
    var needsLower = false
  }
  struct Structure {
    var layers = 1
    var sizes: [(Int, Int)] = []
    /// Temporal layer, switching point, differences.
    var group: [(UInt8, Bool, [UInt8])]?
  }

  var isInter = true
  var isFlexible = false
  var starts = true
  var ends = true
  var isNotForUpper = false
  var pictureID: UInt16?
  var isLong = true
  var layer: Layer?
  var tl0: UInt8 = 0
  var differences: [UInt8] = []
  var structure: Structure?

  var bytes: [UInt8] {
    var first: UInt8 = pictureID == nil ? 0 : 0x80
    first |= (isInter ? 0x40 : 0) | (layer == nil ? 0 : 0x20) | (isFlexible ? 0x10 : 0)
    first |= (starts ? 0x08 : 0) | (ends ? 0x04 : 0) | (structure == nil ? 0 : 0x02) | (isNotForUpper ? 0x01 : 0)
    var out = [first]
    if let id = pictureID { out += isLong ? [0x80 | UInt8(id >> 8), UInt8(id & 0xff)] : [UInt8(id)] }
    if let layer {
      out.append(layer.temporal << 5 | (layer.isSwitchingPoint ? 0x10 : 0) | layer.spatial << 1 | (layer.needsLower ? 1 : 0))
      if !isFlexible { out.append(tl0) }
    }
    if isInter, isFlexible {
      for (index, difference) in differences.enumerated() { out.append(difference << 1 | (index + 1 < differences.count ? 1 : 0)) }
    }
    if let structure {
      out.append(UInt8(structure.layers - 1) << 5 | (structure.sizes.isEmpty ? 0 : 0x10) | (structure.group == nil ? 0 : 0x08))
      for (width, height) in structure.sizes { out += [width >> 8, width & 0xff, height >> 8, height & 0xff].map { UInt8($0) } }
      if let group = structure.group {
        out.append(UInt8(group.count))
        for (layer, isSwitching, differences) in group {
          out.append(layer << 5 | (isSwitching ? 0x10 : 0) | UInt8(differences.count) << 2)
          out += differences
        }
      }
    }
    return out
  }

  /// What a reader makes of it.
  func read() throws -> VP9PayloadDescriptor {
    try VP9PayloadDescriptor(parsing: (bytes + [0]).span, from: 0, to: bytes.count + 1)
  }
}

/// Bits of a VP9 frame, as its specification lays them out (§6.2).
struct VP9Bits {
  private(set) var bits: [UInt8] = []
  mutating func put(_ value: Int, _ count: Int) {
    for bit in stride(from: count - 1, through: 0, by: -1) { bits.append(UInt8(value >> bit & 1)) }
  }
  var bytes: [UInt8] {
    stride(from: 0, to: bits.count, by: 8).map { start in
      (0..<8).reduce(UInt8(0)) { $0 << 1 | (start + $1 < bits.count ? bits[start + $1] : 0) }
    }
  }
}

/// A VP9 frame's uncompressed header as an encoder writes it.
struct VP9Frame {
  var isKey = false
  var isShown = true
  var isErrorResilient = false
  var isIntraOnly = false
  var profile = 0
  var refreshed = 1
  /// Told where nil is not given; else taken from the first reference.
  var size: (Int, Int)? = (320, 240)
  var reference = 0
  var bitDepth = 8
  var hasSegments = false
  var hasDeltas = false

  /// The whole uncompressed header, and bytes that stand for the rest.
  var bytes: [UInt8] {
    var out = VP9Bits()
    out.put(2, 2)
    out.put(profile & 1, 1)
    out.put(profile >> 1, 1)
    if profile == 3 { out.put(0, 1) }
    out.put(0, 1)
    out.put(isKey ? 0 : 1, 1)
    out.put(isShown ? 1 : 0, 1)
    out.put(isErrorResilient ? 1 : 0, 1)
    if isKey {
      out.put(0x498342, 24)
      putColor(&out)
      putSize(&out)
    } else {
      if !isShown { out.put(isIntraOnly ? 1 : 0, 1) }
      if !isErrorResilient { out.put(0, 2) }
      if isIntraOnly {
        out.put(0x498342, 24)
        if profile > 0 { putColor(&out) }
        out.put(refreshed, 8)
        putSize(&out)
      } else {
        out.put(refreshed, 8)
        for _ in 0..<3 { out.put(reference << 1, 4) }
        if size == nil { out.put(1, 1) } else { out.put(0, 3) }
        if size != nil { putSize(&out) } else { out.put(0, 1) }
        out.put(1, 1)
        out.put(0b010, 3)
      }
    }
    putRest(&out)
    return out.bytes + [0xaa, 0xbb, 0xcc, 0x01]
  }

  private func putColor(_ out: inout VP9Bits) {
    if profile >= 2 { out.put(bitDepth == 12 ? 1 : 0, 1) }
    out.put(2, 3)
    out.put(0, 1)
    if profile & 1 == 1 { out.put(0b000, 3) }
  }

  private func putSize(_ out: inout VP9Bits) {
    guard let size else { return }
    out.put(size.0 - 1, 16)
    out.put(size.1 - 1, 16)
    out.put(0, 1)
  }

  /// From refresh_frame_context to header_size_in_bytes.
  private func putRest(_ out: inout VP9Bits) {
    if !isErrorResilient { out.put(0b11, 2) }
    out.put(2, 2)
    out.put(9, 6)
    out.put(3, 3)
    out.put(1, 1)
    out.put(hasDeltas ? 1 : 0, 1)
    if hasDeltas {
      out.put(0b1_0000101, 8)
      out.put(0, 2)
      out.put(0b1_1000001, 8)
      out.put(0, 2)
    }
    out.put(60, 8)
    out.put(hasDeltas ? 0b1_00011 : 0, hasDeltas ? 6 : 1)
    out.put(0, 2)
    out.put(hasSegments ? 1 : 0, 1)
    if hasSegments {
      out.put(1, 1)
      for _ in 0..<7 { out.put(0x1aa, 9) }
      out.put(1, 1)
      out.put(0, 3)
      out.put(1, 1)
      out.put(0, 1)
      out.put(0b1_00001111_1, 10)
      for _ in 0..<31 { out.put(0, 1) }
    }
    let blocks = ((size?.0 ?? 320) + 63) / 64
    if blocks >= 8 { out.put(0, 1) }
    out.put(0, 1)
    out.put(3, 16)
  }
}
