/// Which known name a mistyped one probably meant.
enum NearestName {
  /// The name at the smallest edit distance, letters compared without case, if that is at most a third of the typed name's length (but
  /// always one, for two or more letters); nil otherwise.
  static func of(_ typed: String, among names: [String]) -> String? {
    let given = Array(typed.lowercased().unicodeScalars.prefix(64))
    if given.count < 2 { return nil }
    let best = names.map { (name: $0, distance: distance(given, Array($0.lowercased().unicodeScalars))) }.min { $0.distance < $1.distance }
    guard let best, best.distance <= max(1, given.count / 3) else { return nil }
    return best.name
  }

  /// The least number of letters to insert, remove, replace or swap with their neighbour (optimal string alignment), a row at a time.
  private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    var older: [Int] = []
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var next = [i + 1]
      for (j, y) in b.enumerated() {
        var least = min(row[j + 1] + 1, next[j] + 1, row[j] + (x == y ? 0 : 1))
        if i > 0, j > 0, x == b[j - 1], a[i - 1] == y { least = min(least, older[j - 1] + 1) }
        next.append(least)
      }
      older = row
      row = next
    }
    return row[b.count]
  }
}
