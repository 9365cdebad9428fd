/// What somebody who mistyped a word probably meant.
enum Suggestion {
  /// ` (did you mean …?)` with the nearest candidate, or nothing where none is near.
  static func hint(for word: String, among candidates: [String], prefix: String = "") -> String {
    guard let best = nearest(to: word, among: candidates) else { return "" }
    return " (did you mean \(prefix)\(best)?)"
  }

  /// The candidate with the fewest slips between it and the word: at most a third of the word's length, and always one; or the only
  /// one that the word begins.
  static func nearest(to word: String, among candidates: [String]) -> String? {
    let begun = candidates.filter { !word.isEmpty && $0.hasPrefix(word) }
    if begun.count == 1 { return begun[0] }
    let allowed = max(1, word.count / 3)
    var best: (word: String, distance: Int)?
    for candidate in candidates {
      let d = distance(Array(word), Array(candidate))
      if d <= allowed, d < best?.distance ?? .max { best = (candidate, d) }
    }
    return best?.word
  }

  /// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).
  static func distance(_ a: [Character], _ b: [Character]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var d = min(row[j] + 1, last[j + 1] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { d = min(d, beforeLast[j - 1] + 1) }
        row.append(d)
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }
}
