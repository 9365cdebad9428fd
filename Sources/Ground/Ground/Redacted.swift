/// A value that prints as `…`: keys, tokens and addresses pass through logs in it.
public struct Redacted<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The value itself, for the code that needs it; never for a log.
  public var exposed: Value
  /// `value`, out of sight.
  public init(_ value: Value) { exposed = value }
  /// Always `…`.
  public var description: String { "…" }
  /// Always `…`.
  public var debugDescription: String { "…" }
  /// Nothing: what dumps an owner field by field finds no value in here.
  public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension Redacted: Equatable where Value: Equatable {}
