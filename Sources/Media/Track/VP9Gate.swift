import Codecs

/// Whether a whole VP9 picture can be decoded correctly with what is on tape before it.
///
/// Without a hole every picture after a key frame can, as long as the spatial layers that it builds on are in it. After a hole in which, as picture
/// ids prove, not only padding was lost, a picture passes where its descriptor proves that all it refers to is on tape (RFC 9628 §4.2):
/// - in flexible mode by its P_DIFFs, each a picture on tape with the same spatial layer;
/// - in non-flexible mode by the picture group, likewise, less what a switching point (U) between them excludes;
/// - without a group by TL0PICIDX: a base picture that follows the last one needs no other, and a higher temporal layer's needs a
///   switching point after the hole.
///
/// Besides what it refers to, a frame that is not error resilient takes probabilities and motion from the frame decoded before it: after a
/// hole none passes before one that does not.
package struct VP9Gate: Sendable {
  package enum Verdict: Sendable, Equatable {
    case pass
    /// No key frame yet.
    case awaitingKeyFrame
    /// Refers to what was lost, or may.
    case brokenReference
  }

  /// What the frame headers of a picture tell.
  package struct Facts: Sendable {
    /// The first frame is a key frame.
    package var isKey: Bool
    /// The first frame takes nothing from earlier ones but what it refers to.
    package var isErrorResilient: Bool
    package init(isKey: Bool, isErrorResilient: Bool) {
      self.isKey = isKey
      self.isErrorResilient = isErrorResilient
    }
  }

  private var hasKey = false
  /// Packets missing since the last whole picture, not yet judged; nil without a hole.
  private var hole: Int64?
  /// Something that may be referred to was lost since the last key frame.
  private var isDamaged = false
  /// The frame decoded last is the one that the sender coded last.
  private var isContinuous = true
  /// The last base picture was refused.
  private var isBroken = false
  /// The lowest temporal layer that was refused since pictures of it, or above it, passed.
  private var refusedLayer: UInt8?
  /// Upper temporal layers that miss a picture, told by TL0PICIDX: bit n for TID n.
  private var damagedLayers: UInt8 = 0
  private var lastTL0: UInt8?
  /// The lowest spatial layer of the last picture on tape.
  private var lowestLayer: UInt8 = 0
  private var history = VP9PictureHistory()
  /// Opened although a reference is missing: until the next key frame every picture passes whose layers are whole.
  package private(set) var isDegraded = false
  /// Whether the last picture came after a hole in which, as picture ids prove, no picture was lost.
  package private(set) var holeWasEmpty = false

  /// A gate that waits for its first key frame.
  package init() {}

  /// Whether pictures that refer to others pass.
  package var isOpen: Bool { hasKey && !isBroken }
  /// Whether no temporal layer that was refused is still amiss.
  package var isWhole: Bool { isOpen && !isDegraded && refusedLayer == nil }

  /// So many packets are missing before what comes next.
  package mutating func missing(packets: Int64) {
    let (sum, hasOverflown) = (hole ?? 0).addingReportingOverflow(packets)
    hole = hasOverflown ? .max : sum
  }

  /// Wants a key frame whatever the references say: a new stream, or a resumed recording.
  package mutating func close() {
    hasKey = false
    hole = nil
    isDegraded = false
  }

  /// Lets everything pass from now on, whatever is missing. Before a first key frame nothing can be decoded, so nothing happens then.
  package mutating func openAnyway() {
    guard hasKey else { return }
    isDegraded = true
    isBroken = false
  }

  /// Judges a whole picture by its layer frames, of which there is one at least.
  package mutating func judge(_ layers: [VP9Assembler.Layer], _ facts: Facts) -> Verdict {
    holeWasEmpty = false
    guard let first = layers.first?.descriptor else { return .brokenReference }
    if facts.isKey {
      reset()
      remember(layers, first)
      return .pass
    }
    guard hasKey else { return .awaitingKeyFrame }
    var isHeadless = false
    if let packets = hole {
      hole = nil
      // What was lost can be the picture's own lowest layer, which later ones refer to.
      isHeadless = first.spatialLayer > lowestLayer
      judgeHole(of: packets, before: first, isHeadless: isHeadless)
    }
    history.turn(to: first)
    let isProven =
      !isHeadless && isStacked(layers)
      && (isDegraded || !isDamaged || (isContinuous || facts.isErrorResilient) && isProven(layers, first))
    guard isProven else {
      refuse(first)
      return .brokenReference
    }
    if let refused = refusedLayer, first.temporalLayer >= refused { refusedLayer = nil }
    if first.temporalLayer == 0 { isBroken = false }
    isContinuous = true
    remember(layers, first)
    return .pass
  }

  private mutating func reset() {
    self = VP9Gate(structureOf: self)
    hasKey = true
  }

  /// What outlasts a key frame: the group, which senders need not repeat with each.
  private init(structureOf other: VP9Gate) { history = other.history.emptied }

  private mutating func refuse(_ descriptor: VP9PayloadDescriptor) {
    isDamaged = true
    isContinuous = false
    let layer = descriptor.temporalLayer
    refusedLayer = min(refusedLayer ?? layer, layer)
    if layer == 0 { isBroken = true }
    damagedLayers |= 1 << layer
    history.skip(descriptor)
  }

  private mutating func remember(_ layers: [VP9Assembler.Layer], _ first: VP9PayloadDescriptor) {
    history.add(layers, first)
    lowestLayer = first.spatialLayer
    if first.temporalLayer == 0 { lastTL0 = first.tl0PictureIndex }
    // Pictures above the switching point's layer do not refer to those before it.
    if first.isSwitchingPoint { damagedLayers &= UInt8(truncatingIfNeeded: (2 << UInt16(first.temporalLayer)) - 1) }
  }

  private mutating func judgeHole(of packets: Int64, before first: VP9PayloadDescriptor, isHeadless: Bool) {
    if !isHeadless, history.isNext(first), packets < (first.isExtendedPictureID ? 0x8000 : 0x80) {
      holeWasEmpty = true
      return
    }
    isDamaged = true
    isContinuous = false
    // Half a round of picture ids, or all of the index, can go by unseen.
    if packets >= (first.isExtendedPictureID ? 0x4000 : 0x40) { history = history.emptied }
    if packets >= 0x100 { lastTL0 = nil }
    damagedLayers = 0xfe
  }

  /// Whether the spatial layers that are built upon are in the picture.
  private func isStacked(_ layers: [VP9Assembler.Layer]) -> Bool {
    for index in layers.indices where layers[index].descriptor.needsLowerLayer {
      guard index > 0, layers[index - 1].descriptor.spatialLayer + 1 == layers[index].descriptor.spatialLayer else { return false }
    }
    return true
  }

  private func isProven(_ layers: [VP9Assembler.Layer], _ first: VP9PayloadDescriptor) -> Bool {
    if first.isFlexible {
      return layers.allSatisfy { layer in
        let descriptor = layer.descriptor
        guard descriptor.isInterPicture else { return true }
        return (0..<descriptor.differences.count).allSatisfy { history.holds(descriptor, before: descriptor.differences[$0]) }
      }
    }
    if let picture = history.groupPicture(first) {
      return layers.allSatisfy { layer in
        let descriptor = layer.descriptor
        guard descriptor.isInterPicture else { return true }
        return (0..<picture.differences.count).allSatisfy { history.holds(descriptor, before: picture.differences[$0], in: picture) }
      }
    }
    guard let tl0 = first.tl0PictureIndex, let last = lastTL0 else { return false }
    let layer = first.temporalLayer
    guard layer > 0 else { return tl0 == last &+ 1 }
    // All layers up to its own.
    return tl0 == last && UInt16(damagedLayers) & ((2 << UInt16(layer)) - 1) == 0
  }
}
