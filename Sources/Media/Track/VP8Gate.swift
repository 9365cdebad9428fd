package import Codecs

/// Whether a whole VP8 frame can be decoded correctly with what is on tape before it.
///
/// After a hole nothing passes until a key frame, or until the stream proves that no reference is missing (RFC 7741 §4.2): picture ids
/// that continue (what was lost was padding), a lost frame that nobody refers to (N), or temporal layers: a base-layer frame whose
/// TL0PICIDX continues needs no upper layer, and a layer-sync frame (Y) needs only the base layer.
package struct VP8Gate: Sendable {
  package enum Verdict: Sendable, Equatable {
    case pass
    /// No key frame yet.
    case awaitingKeyFrame
    /// Refers to what was lost.
    case brokenReference
  }

  private enum State { case awaitingKeyFrame, open, broken }
  private var state = State.awaitingKeyFrame
  /// A hole since the last whole frame, not yet judged.
  private var hasHole = false
  private var lastPictureID: UInt16?
  private var lastTL0: UInt8?
  /// Upper temporal layers that lost a frame: bit n for TID n.
  private var damagedLayers: UInt8 = 0

  package init() {}

  package var isOpen: Bool { state == .open }

  /// Packets are missing before what comes next.
  package mutating func hole() { hasHole = true }

  /// A frame is lost whose descriptor is known.
  package mutating func lost(_ descriptor: VP8PayloadDescriptor) {
    // What nobody refers to may be missing; its picture id is accounted for.
    if descriptor.isNonReference, !hasHole, let id = descriptor.pictureID, follows(id, descriptor) {
      lastPictureID = id
    } else {
      hasHole = true
    }
  }

  /// Wants a key frame whatever the references say: a new stream, or a resumed recording.
  package mutating func close() {
    state = .awaitingKeyFrame
    hasHole = false
  }

  /// Judges a whole frame, given its first packet's descriptor.
  package mutating func judge(_ descriptor: VP8PayloadDescriptor, isKey: Bool) -> Verdict {
    if isKey {
      state = .open
      hasHole = false
      damagedLayers = 0
      remember(descriptor)
      return .pass
    }
    if state == .awaitingKeyFrame { return .awaitingKeyFrame }
    if hasHole {
      hasHole = false
      judgeHole(descriptor)
    }
    guard state == .open else { return .brokenReference }
    if damagedLayers != 0, let layer = descriptor.temporalLayer, layer > 0 {
      let bit = UInt8(1) << layer
      if damagedLayers & bit != 0 || damagedLayers & (bit - 1) != 0 {
        guard descriptor.isLayerSync else { return .brokenReference }
        damagedLayers &= ~bit
      }
    }
    remember(descriptor)
    return .pass
  }

  private mutating func judgeHole(_ descriptor: VP8PayloadDescriptor) {
    if state == .open, let id = descriptor.pictureID, follows(id, descriptor) { return }
    if let tl0 = descriptor.tl0PictureIndex, let layer = descriptor.temporalLayer, let last = lastTL0, state == .open {
      let expected = layer == 0 ? last &+ 1 : last
      if tl0 == expected {
        damagedLayers = 0b1110
        return
      }
    }
    state = .broken
  }

  private func follows(_ id: UInt16, _ descriptor: VP8PayloadDescriptor) -> Bool {
    guard let last = lastPictureID else { return false }
    return id == (last + 1) & (descriptor.isExtendedPictureID ? 0x7fff : 0x7f)
  }

  private mutating func remember(_ descriptor: VP8PayloadDescriptor) {
    lastPictureID = descriptor.pictureID
    if descriptor.temporalLayer ?? 0 == 0 { lastTL0 = descriptor.tl0PictureIndex }
  }
}
