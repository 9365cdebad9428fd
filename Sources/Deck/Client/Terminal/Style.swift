/// Colours, or none of them.
package struct Style {
  package enum Colour: Int {
    case red = 31
    case green = 32
    case yellow = 33
    case cyan = 36
    case grey = 90
  }
  package var isColoured: Bool

  /// Coloured on a terminal that has not said otherwise (`NO_COLOR`, see no-color.org; `TERM=dumb`).
  package init(isTerminal: Bool, environment: [String: String]) {
    isColoured = isTerminal && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
  }

  func paint(_ text: String, _ colour: Colour?) -> String {
    guard isColoured, let colour, !text.isEmpty else { return text }
    return "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m"
  }

  static func colour(ofStatus status: String) -> Colour? {
    switch status {
    case "recording": .green
    case "starting", "processing": .cyan
    case "paused", "cancelled": .yellow
    case "failed": .red
    default: nil
    }
  }
}
