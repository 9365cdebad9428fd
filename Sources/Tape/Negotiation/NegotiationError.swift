package import SDP

/// Why a description cannot be agreed on.
package enum NegotiationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The text is no session description.
  case unreadable(SDPError)
  /// A description that says too little, or contradicts itself. `section` counts from 0; nil where it is about the whole session.
  case invalid(section: Int?, reason: String)
  /// A description that is well formed, but does not fit what was agreed before, or leaves nothing to receive.
  case conflict(section: Int?, reason: String)

  /// One line for people.
  package var description: String {
    switch self {
    case .unreadable(let error): error.description
    case .invalid(let section, let reason), .conflict(let section, let reason): section.map { "m-line \($0): \(reason)" } ?? reason
    }
  }
}
