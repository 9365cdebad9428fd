package import Codecs

/// Whether a whole VP8 frame can be decoded correctly with what is on tape before it.
///
/// After a hole nothing passes until a key frame, or until the stream proves that no reference is missing (RFC 7741 §4.2): picture ids
/// that continue (what was lost was padding), a lost frame that nobody refers to (N), or temporal layers: a base-layer frame whose
/// TL0PICIDX continues needs no upper layer, and a layer-sync frame (Y) needs only its base-layer frame. Nor does anything after a sync
/// frame need an upper-layer frame from before that base-layer frame; what was lost since then may still be referred to. A hole in which
/// a running number can have gone round proves nothing.
///
/// Golden and altref frames prove nothing more without decoding. Which of the three references a frame uses is coded for each macroblock,
/// and the frame header has only how likely each is (RFC 6386 §9.10). Those modes are coded with probabilities that each frame may change
/// for all after it, and segments and filter levels last from frame to frame as well (§9.3, §9.6, §19.2); whether a lost frame changed them,
/// or replaced the golden or the altref frame (§9.7), stands in its own header. So after a frame of which nothing came not even the modes
/// of the next one can be read.
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
  /// Packets missing since the last whole frame, not yet judged; nil without a hole.
  private var hole: Int64?
  private var lastPictureID: UInt16?
  /// Ids of 7 and of 15 bits are two counts.
  private var lastIsExtended = false
  private var lastTL0: UInt8?
  /// Upper temporal layers that miss a frame from before the last base-layer frame: bit n for TID n.
  private var olderDamage: UInt8 = 0
  /// Those that miss one from after it.
  private var newerDamage: UInt8 = 0
  /// Those that frames came of.
  private var layers: UInt8 = 0
  /// Opened although a reference is missing: until the next key frame everything passes.
  package private(set) var isDegraded = false
  /// Whether the last frame came after a hole in which, as picture ids prove, no frame was lost.
  package private(set) var holeWasEmpty = false

  /// A gate that waits for its first key frame.
  package init() {}

  /// Whether frames that refer to others pass.
  package var isOpen: Bool { state == .open }

  /// Whether no reference is missing in any of the layers that have come, as far as holes have been judged.
  package var isWhole: Bool { state == .open && !isDegraded && (olderDamage | newerDamage) & layers == 0 }

  /// So many packets are missing before what comes next.
  package mutating func missing(packets: Int64) {
    let (sum, hasOverflown) = (hole ?? 0).addingReportingOverflow(packets)
    hole = hasOverflown ? .max : sum
  }

  /// A frame is lost of which at least the first packet came, so that its descriptor is known.
  package mutating func lost(_ descriptor: VP8PayloadDescriptor) {
    // What nobody refers to may be missing; its picture id is accounted for.
    if descriptor.isNonReference, hole == nil, let id = descriptor.pictureID, follows(id, descriptor) {
      lastPictureID = id
    } else {
      missing(packets: 1)
    }
  }

  /// Wants a key frame whatever the references say: a new stream, or a resumed recording.
  package mutating func close() {
    state = .awaitingKeyFrame
    hole = nil
    isDegraded = false
  }

  /// Lets everything pass from now on, whatever is missing. Before a first key frame nothing can be decoded, so nothing happens then.
  package mutating func openAnyway() {
    guard state != .awaitingKeyFrame else { return }
    state = .open
    isDegraded = true
  }

  /// Judges a whole frame, given its first packet's descriptor.
  package mutating func judge(_ descriptor: VP8PayloadDescriptor, isKey: Bool) -> Verdict {
    holeWasEmpty = false
    if isKey {
      state = .open
      isDegraded = false
      hole = nil
      olderDamage = 0
      newerDamage = 0
      remember(descriptor)
      return .pass
    }
    if state == .awaitingKeyFrame { return .awaitingKeyFrame }
    if isDegraded {
      hole = nil
      remember(descriptor)
      return .pass
    }
    if let packets = hole {
      hole = nil
      judgeHole(of: packets, before: descriptor)
    }
    guard state == .open else { return .brokenReference }
    remember(descriptor)
    return judgeLayer(of: descriptor)
  }

  private mutating func judgeLayer(of descriptor: VP8PayloadDescriptor) -> Verdict {
    layers |= 1 << (descriptor.temporalLayer ?? 0)
    guard olderDamage | newerDamage != 0 else { return .pass }
    guard let layer = descriptor.temporalLayer else {
      // Layers were told before: what this one refers to is not known.
      state = .broken
      return .brokenReference
    }
    guard layer > 0 else {
      olderDamage |= newerDamage
      newerDamage = 0
      return .pass
    }
    let bit = UInt8(1) << layer
    // The layer itself, or one between it and the base.
    guard (olderDamage | newerDamage) & (bit | (bit - 1)) != 0 else { return .pass }
    guard descriptor.isLayerSync else {
      if !descriptor.isNonReference { newerDamage |= bit }
      return .brokenReference
    }
    olderDamage &= ~bit
    return .pass
  }

  private mutating func judgeHole(of packets: Int64, before descriptor: VP8PayloadDescriptor) {
    guard state == .open else { return }
    if let id = descriptor.pictureID, follows(id, descriptor), packets < (descriptor.isExtendedPictureID ? 0x8000 : 0x80) {
      holeWasEmpty = true
      return
    }
    if let tl0 = descriptor.tl0PictureIndex, let layer = descriptor.temporalLayer, let last = lastTL0, packets < 0x100,
      tl0 == (layer == 0 ? last &+ 1 : last)
    {
      newerDamage = 0b1110
      return
    }
    state = .broken
  }

  private func follows(_ id: UInt16, _ descriptor: VP8PayloadDescriptor) -> Bool {
    guard let last = lastPictureID, descriptor.isExtendedPictureID == lastIsExtended else { return false }
    return id == (last + 1) & (descriptor.isExtendedPictureID ? 0x7fff : 0x7f)
  }

  private mutating func remember(_ descriptor: VP8PayloadDescriptor) {
    lastPictureID = descriptor.pictureID
    lastIsExtended = descriptor.isExtendedPictureID
    if descriptor.temporalLayer ?? 0 == 0 { lastTL0 = descriptor.tl0PictureIndex }
  }
}
