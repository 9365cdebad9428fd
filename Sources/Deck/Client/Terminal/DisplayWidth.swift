/// How many columns of a terminal text takes, and text that cannot do anything to a terminal but be seen.
package enum DisplayWidth {
  /// The columns that the text takes.
  package static func of(_ text: String) -> Int { text.reduce(0) { $0 + of($1) } }

  /// 2 for East Asian wide characters and emoji, 0 for marks alone, else 1.
  static func of(_ character: Character) -> Int {
    var width = 0
    for scalar in character.unicodeScalars {
      if isWide(scalar.value) || scalar.value == 0xfe0f { return 2 }
      if width == 0, !isMark(scalar) { width = 1 }
    }
    return width
  }

  /// The longest beginning that fits, with `…` where anything was cut.
  package static func clipped(_ text: String, to columns: Int) -> String {
    if of(text) <= columns { return text }
    guard columns > 0 else { return "" }
    var out = ""
    var used = 0
    for character in text {
      let width = of(character)
      if used + width > columns - 1 { break }
      out.append(character)
      used += width
    }
    return out + "…"
  }

  static func padded(_ text: String, to columns: Int) -> String {
    text + String(repeating: " ", count: max(0, columns - of(text)))
  }

  /// The text with control characters and direction overrides written out: what a client put in a room's name must not steer the
  /// terminal of whoever lists it.
  package static func harmless(_ text: String) -> String {
    if text.unicodeScalars.allSatisfy({ !isDangerous($0) }) { return text }
    var out = ""
    for scalar in text.unicodeScalars {
      if isDangerous(scalar) {
        out += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  private static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7f..<0xa0, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069: true
    default: false
    }
  }

  private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: true
    default: false
    }
  }

  /// East Asian Width W and F, and the emoji that terminals draw in two columns (Unicode UAX #11).
  private static func isWide(_ value: UInt32) -> Bool {
    switch value {
    case 0x1100...0x115f, 0x231a...0x231b, 0x2329...0x232a, 0x23e9...0x23ec, 0x25fd...0x25fe, 0x2614...0x2615, 0x26aa...0x26ab,
      0x26bd...0x26be, 0x26c4...0x26c5, 0x2705, 0x270a...0x270b, 0x2728, 0x274c, 0x2753...0x2755, 0x2757, 0x2795...0x2797,
      0x2b1b...0x2b1c, 0x2b50, 0x2b55, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xa000...0xa4cf,
      0xa960...0xa97c, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f000...0x1f0ff,
      0x1f18e, 0x1f191...0x1f19a, 0x1f1e6...0x1f1ff, 0x1f200...0x1f320, 0x1f32d...0x1f64f, 0x1f680...0x1f6ff, 0x1f7e0...0x1f7eb,
      0x1f900...0x1f9ff, 0x1fa70...0x1faff, 0x20000...0x3fffd:
      true
    default: false
    }
  }
}
