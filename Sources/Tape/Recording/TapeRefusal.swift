package import Codecs

/// Why a codec is not put into a container, and which ones would take it.
package enum TapeRefusal {
  /// For an answer of the control API.
  package static func text(_ codec: Codec, _ container: TapeContainer) -> String {
    let others = TapeContainer.allCases.filter { $0.holds(codec) }.map(\.rawValue).joined(separator: ", ")
    return "\(container.rawValue) cannot hold \(codec.rawValue); \(others) can"
  }
}
