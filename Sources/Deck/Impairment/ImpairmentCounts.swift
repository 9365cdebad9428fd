/// What was done to datagrams.
package struct ImpairmentCounts: Sendable, Equatable {
  /// Of one kind.
  package struct Kind: Sendable, Equatable {
    /// From the sender, what it repeated included.
    package var sent = 0
    package var lost = 0
    package var reordered = 0
    package var duplicated = 0
  }
  package var kinds: [ImpairmentSpecification.Scope: Kind] = [:]
  /// Stalls that came up.
  package var stalls = 0
  /// Datagrams that were changed: timestamps, reports.
  package var rewritten = 0
  /// Sender reports that tell nonsense.
  package var absurdReports = 0
  /// Packets that were asked for again, each time counted.
  package var asked = 0
  /// Those that were sent again.
  package var repeated = 0
  /// Those that the sender did not have any more.
  package var notKept = 0
  /// Datagrams that there was no room for.
  package var overflowed = 0

  package init() {}

  package subscript(_ scope: ImpairmentSpecification.Scope) -> Kind {
    get { kinds[scope] ?? Kind() }
    set { kinds[scope] = newValue }
  }
  package var sent: Int { kinds.values.reduce(0) { $0 + $1.sent } }
  package var lost: Int { kinds.values.reduce(0) { $0 + $1.lost } }
  package var reordered: Int { kinds.values.reduce(0) { $0 + $1.reordered } }
  package var duplicated: Int { kinds.values.reduce(0) { $0 + $1.duplicated } }

  /// One line for people.
  package var text: String {
    let byKind = ImpairmentSpecification.Scope.allCases.compactMap { scope in
      self[scope].sent > 0 ? "\(scope.rawValue) \(self[scope].lost) of \(self[scope].sent)" : nil
    }
    var parts = ["\(lost) of \(sent) datagrams lost" + (byKind.isEmpty ? "" : " (\(byKind.joined(separator: ", ")))")]
    if reordered > 0 { parts.append("\(reordered) reordered") }
    if duplicated > 0 { parts.append("\(duplicated) duplicated") }
    if stalls > 0 { parts.append("\(stalls) stalls") }
    if rewritten > 0 { parts.append("\(rewritten) rewritten") }
    if absurdReports > 0 { parts.append("\(absurdReports) absurd reports") }
    if asked > 0 { parts.append("\(asked) asked for again, \(repeated) repeated") }
    if overflowed > 0 { parts.append("\(overflowed) without room") }
    return "impaired: " + parts.joined(separator: ", ")
  }
}
