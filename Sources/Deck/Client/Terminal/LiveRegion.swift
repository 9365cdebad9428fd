/// The last lines of a terminal, redrawn in place: what to write so that they are replaced.
package struct LiveRegion {
  /// The width of each line that is on the screen now, at the time it was written.
  private var drawn: [Int] = []

  /// What hides the cursor of a terminal, and what shows it again.
  package static let hideCursor = "\u{1b}[?25l"
  package static let showCursor = "\u{1b}[?25h"

  package init() {}

  /// Replaces what was drawn by `lines`, with `above` left standing over them for good. Lines are plain or coloured text; the caller
  /// has clipped them to fewer than `columns`. Where the terminal was made narrower since, what was drawn takes more rows than lines.
  package mutating func redraw(_ lines: [String], above: [String] = [], columns: Int) -> String {
    var out = home(columns: columns)
    for line in above + lines { out += line + "\u{1b}[K\n" }
    drawn = lines.map { LiveRegion.width($0) }
    // What is left of a taller picture.
    return out + "\u{1b}[J"
  }

  /// Back to the first row of what was drawn. The carriage return also goes over a `^C` that the terminal has echoed.
  private func home(columns: Int) -> String {
    let rows = drawn.reduce(0) { $0 + max(1, ($1 + columns - 1) / max(1, columns)) }
    return "\r" + (rows > 0 ? "\u{1b}[\(rows)A" : "")
  }

  /// The columns that a line takes, colours left out.
  private static func width(_ line: String) -> Int {
    var out = ""
    var inEscape = false
    for character in line {
      if character == "\u{1b}" {
        inEscape = true
      } else if inEscape {
        inEscape = character != "m"
      } else {
        out.append(character)
      }
    }
    return DisplayWidth.of(out)
  }
}
