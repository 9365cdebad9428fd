/// Rows under headings, aligned by what a terminal shows.
struct TextTable {
  struct Column {
    var heading: String
    var isRight: Bool
    /// May be cut down to eight columns where the terminal is too narrow.
    var isFlexible: Bool
    init(_ heading: String, right: Bool = false, flexible: Bool = false) {
      self.heading = heading
      isRight = right
      isFlexible = flexible
    }
  }
  struct Cell {
    var text: String
    var colour: Style.Colour?
    /// Control characters in the text are written out.
    init(_ text: String, _ colour: Style.Colour? = nil) {
      self.text = DisplayWidth.harmless(text)
      self.colour = colour
    }
  }
  private let columns: [Column]
  private var rows: [[Cell]] = []

  init(_ columns: [Column]) { self.columns = columns }

  mutating func add(_ cells: [Cell]) { rows.append(cells) }

  /// The lines, headings first, without trailing blanks. `width`: cut flexible columns so that a line takes no more; nil never cuts.
  func lines(style: Style, width: Int?) -> [String] {
    var widths = columns.indices.map { i in
      max(DisplayWidth.of(columns[i].heading), rows.map { DisplayWidth.of($0[i].text) }.max() ?? 0)
    }
    if let width { shrink(&widths, to: width) }
    let headings = columns.map { Cell($0.heading) }
    return ([headings] + rows).map { line($0, widths, style) }
  }

  private func line(_ cells: [Cell], _ widths: [Int], _ style: Style) -> String {
    var out = ""
    for (i, cell) in cells.enumerated() {
      let text = DisplayWidth.clipped(cell.text, to: widths[i])
      let fill = String(repeating: " ", count: widths[i] - DisplayWidth.of(text))
      let painted = style.paint(text, cell.colour)
      out += (i > 0 ? "  " : "") + (columns[i].isRight ? fill + painted : painted + fill)
    }
    while out.hasSuffix(" ") { out.removeLast() }
    return out
  }

  private func shrink(_ widths: inout [Int], to width: Int) {
    var excess = widths.reduce(0, +) + 2 * (columns.count - 1) - width
    while excess > 0 {
      let flexible = columns.indices.filter { columns[$0].isFlexible && widths[$0] > 8 }
      guard let widest = flexible.max(by: { widths[$0] < widths[$1] }) else { return }
      widths[widest] -= 1
      excess -= 1
    }
  }
}
