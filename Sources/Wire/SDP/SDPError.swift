/// Why a text is no session description: the line where it fails, and what is wrong with it.
package struct SDPError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Counted from 1; 0 where the text as a whole is refused.
  package var line: Int
  package var reason: Reason

  package enum Reason: Error, Hashable, Sendable {
    /// More bytes than `SessionDescription.maximumBytes`.
    case tooLong(bytes: Int)
    /// More lines than `SessionDescription.maximumLines`.
    case tooManyLines
    /// One line of more bytes than `SessionDescription.maximumLineBytes`.
    case lineTooLong(bytes: Int)
    /// Bytes that are not UTF-8.
    case notText
    /// Not one letter, an equals sign and a value.
    case notAField
    /// The first line is not `v=0`.
    case notVersionZero
    /// A line that may come once comes again, or in a media section where only the session may have it.
    case misplaced(type: Character)
    /// A value that does not have the form that its field or attribute requires.
    case malformed(field: String, expected: String)
  }

  package init(line: Int, reason: Reason) {
    self.line = line
    self.reason = reason
  }

  /// One line for people.
  package var description: String {
    let what =
      switch reason {
      case .tooLong(let bytes): "\(bytes) bytes are too many (at most \(SessionDescription.maximumBytes))"
      case .tooManyLines: "too many lines (at most \(SessionDescription.maximumLines))"
      case .lineTooLong(let bytes): "a line of \(bytes) bytes is too long (at most \(SessionDescription.maximumLineBytes))"
      case .notText: "not UTF-8 text"
      case .notAField: "not of the form x=value"
      case .notVersionZero: "a session description begins with v=0"
      case .misplaced(let type): "\(type)= has no place here"
      case .malformed(let field, let expected): "\(field): expected \(expected)"
      }
    return line > 0 ? "line \(line): \(what)" : what
  }
}
