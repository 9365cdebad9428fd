import Codecs
import Ground

/// Which layer of a simulcast goes to tape: the one of the largest picture that comes. It changes at key frames only.
///
/// A layer is *live* while packets of it come. What is larger is known from key frames; a layer of which none was seen yet is asked for
/// one. When the layer on tape falls silent, the largest live one follows it at its next key frame.
struct LayerSelector {
  private struct Layer {
    var lastPacketAt: Instant?
    /// Of the last key frame that began; nil before the first.
    var size: PictureSize?
    var area: Int { size.map { $0.width * $0.height } ?? 0 }
  }

  /// A layer is silent after so long.
  static let silence = TimeSpan.milliseconds(1_000)

  private var layers: [Layer]
  /// The layer on tape; nil before the first key frame.
  private(set) var active: Int?

  init(layers: Int) { self.layers = (0..<layers).map { _ in Layer() } }

  enum Verdict: Equatable {
    /// The packet is of the layer on tape.
    case take
    /// A key frame of a better layer begins with it: that layer is on tape from here on.
    case change
    case leave
  }

  /// Takes in a packet of a layer; `key` is the picture's size where the packet begins a key frame.
  mutating func observe(_ layer: Int, key: PictureSize?, at now: Instant) -> Verdict {
    guard layers.indices.contains(layer) else { return .leave }
    layers[layer].lastPacketAt = now
    if let key { layers[layer].size = key }
    guard active != layer else { return .take }
    guard key != nil else { return .leave }
    guard let current = active else {
      active = layer
      return .change
    }
    guard layers[layer].area > layers[current].area || !isLive(current, now) else { return .leave }
    active = layer
    return .change
  }

  private func isLive(_ layer: Int, _ now: Instant) -> Bool {
    layers[layer].lastPacketAt.map { now - $0 < LayerSelector.silence } ?? false
  }

  /// The layers whose key frame would better what is on tape.
  func wanted(at now: Instant) -> [Int] {
    let live = layers.indices.filter { isLive($0, now) }
    guard let active, isLive(active, now) else { return live }
    return live.filter { $0 != active && (layers[$0].size == nil || layers[$0].area > layers[active].area) }
  }
}
