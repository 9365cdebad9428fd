/// A value that prints as `…`: keys, tokens and addresses pass through logs in it.
public struct Redacted<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
  /// The value itself, for the code that needs it; never for a log.
  public var exposed: Value
  public init(_ value: Value) { exposed = value }
  public var description: String { "…" }
  public var debugDescription: String { "…" }
}

extension Redacted: Equatable where Value: Equatable {}
