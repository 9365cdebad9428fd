import Codecs

/// Whether a whole H.265 access unit can be decoded correctly with what is on tape before it.
///
/// A slice says by how much its references lie back in the order of showing, which a start that was lost begins anew, and nothing numbers the
/// pictures: so after a hole nothing passes until decoding can start. Where it starts with a CRA picture, or at a broken link, the leading
/// pictures that refer to what was before it are left out (ITU-T H.265 §8.1.3).
struct H265Gate: Sendable {
  enum Verdict: Sendable, Equatable {
    case pass, awaitingKeyFrame, brokenReference
    /// A leading picture that a decoder would leave out as well; nothing else refers to it.
    case leading
  }

  private enum State { case awaitingKeyFrame, open, broken }
  private var state = State.awaitingKeyFrame
  private var sets = ParameterSetWatch()
  private var skipsLeading = false
  /// Opened although a reference is missing: up to where decoding can begin anew everything passes.
  private(set) var isDegraded = false

  var isOpen: Bool { state == .open }

  /// Packets are missing before what comes next.
  mutating func missing() {
    if state == .open, !isDegraded { state = .broken }
    sets.missing()
  }

  /// Wants a key frame whatever the references say.
  mutating func close() {
    // Parameter sets of the stream before are none of this one.
    sets.missing()
    state = .awaitingKeyFrame
    isDegraded = false
  }

  /// Lets everything pass from now on, whatever is missing. Before a first key frame nothing can be decoded, so nothing happens then.
  mutating func openAnyway() {
    guard state != .awaitingKeyFrame else { return }
    state = .open
    isDegraded = true
  }

  /// Judges a whole access unit. `isKnown`: its parameter sets are there.
  mutating func judge(_ frame: H265Assembler.Frame, _ slice: H265SliceHead, isKnown: Bool) -> Verdict {
    sets.receive(sequenceSet: frame.hasSequenceSet, pictureSet: frame.hasPictureSet)
    guard isKnown else {
      if state == .open, !isDegraded { state = .broken }
      return state == .awaitingKeyFrame ? .awaitingKeyFrame : .brokenReference
    }
    if H265UnitType.isRandomAccess(slice.type) {
      guard sets.begin() else {
        if state == .open, !isDegraded { state = .broken }
        return state == .awaitingKeyFrame ? .awaitingKeyFrame : .brokenReference
      }
      let isAnew = state != .open || isDegraded || H265UnitType.isBrokenLink(slice.type)
      skipsLeading = isAnew && slice.type <= H265UnitType.cleanRandomAccess
      state = .open
      isDegraded = false
      return .pass
    }
    switch state {
    case .awaitingKeyFrame: return .awaitingKeyFrame
    case .broken: return .brokenReference
    case .open: return skipsLeading && H265UnitType.isSkippedLeading(slice.type) ? .leading : .pass
    }
  }
}
