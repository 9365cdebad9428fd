/// The node's ports for media, as FIRST-LAST.
package struct PortRange: Sendable, Equatable {
  package var first: UInt16
  package var last: UInt16
  package init(first: UInt16, last: UInt16) {
    self.first = first
    self.last = last
  }
  /// Reads `40000-49999`; nil where it is no range of ports above 0.
  package init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let first = UInt16(parts[0]), let last = UInt16(parts[1]), first > 0, first <= last else { return nil }
    self.init(first: first, last: last)
  }
}
