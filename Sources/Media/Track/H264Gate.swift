import Codecs

/// Whether a whole H.264 access unit can be decoded correctly with what is on tape before it.
///
/// After a hole nothing passes until an IDR picture, until an exact recovery point, or until frame_num proves that no reference picture is
/// missing (ITU-T H.264 §7.4.3): it goes up by one from one reference picture to the next. A picture that resets it (IDR, or
/// memory_management_control_operation 5) and is lost with those after it can lead to the same number; then at least as many packets are
/// missing as the number says. Parameter sets that come between key frames can be lost as well: streams that have such are proven nothing.
struct H264Gate: Sendable {
  enum Verdict: Sendable, Equatable { case pass, awaitingKeyFrame, brokenReference }

  private enum State { case awaitingKeyFrame, open, broken }
  private var state = State.awaitingKeyFrame
  /// Packets missing since the last whole access unit, not yet judged; nil without a hole.
  private var hole: Int64?
  /// The last reference picture's frame_num; nil where it is not known.
  private var lastReference: Int?
  private var hasSetsBetweenKeyFrames = false
  private var sets = ParameterSetWatch()

  /// Opened although a reference is missing: up to where decoding can begin anew everything passes.
  private(set) var isDegraded = false

  var isOpen: Bool { state == .open }

  /// So many packets are missing before what comes next.
  mutating func missing(packets: Int64) {
    let (sum, hasOverflown) = (hole ?? 0).addingReportingOverflow(packets)
    hole = hasOverflown ? .max : sum
    sets.missing()
  }

  /// An access unit is lost of which a part came.
  mutating func lost(_ frame: H264Assembler.Frame) {
    // What nobody refers to may be missing.
    guard frame.slice == nil || frame.isReference || frame.fragment != nil else { return }
    missing(packets: Int64(frame.packets))
  }

  /// Wants a key frame whatever the references say.
  mutating func close() {
    // Parameter sets of the stream before are none of this one.
    missing(packets: 1)
    state = .awaitingKeyFrame
    hole = nil
    isDegraded = false
  }

  /// Lets everything pass from now on, whatever is missing. Before a first key frame nothing can be decoded, so nothing happens then.
  mutating func openAnyway() {
    guard state != .awaitingKeyFrame else { return }
    state = .open
    isDegraded = true
  }

  /// Judges a whole access unit. `sequence`: the parameter set of its picture, where it is known.
  mutating func judge(_ frame: H264Assembler.Frame, _ slice: H264Assembler.Slice, _ sequence: H264SequenceParameterSet?) -> Verdict {
    sets.receive(sequenceSet: frame.hasSequenceSet, pictureSet: frame.hasPictureSet)
    let isKey = slice.type == H264UnitType.idrSlice
    if !isKey, frame.hasSequenceSet || frame.hasPictureSet { hasSetsBetweenKeyFrames = true }
    guard let sequence else { return state == .awaitingKeyFrame ? .awaitingKeyFrame : broken() }
    if isKey { return judgeKey(frame, slice) }
    if state == .awaitingKeyFrame { return .awaitingKeyFrame }
    if let packets = hole {
      hole = nil
      if !isDegraded, !proves(slice, sequence, nothingLostIn: packets) { state = .broken }
    }
    if state == .broken || isDegraded, frame.isRecoveryPoint, frame.isIntra, sequence.keepsOrder, sets.isCertain {
      state = .open
      isDegraded = false
    }
    guard state == .open else { return .brokenReference }
    if frame.isReference { lastReference = slice.head.frameNumber }
    return .pass
  }

  private mutating func judgeKey(_ frame: H264Assembler.Frame, _ slice: H264Assembler.Slice) -> Verdict {
    hole = nil
    guard sets.begin() else {
      if state == .open, !isDegraded { state = .broken }
      return state == .awaitingKeyFrame ? .awaitingKeyFrame : .brokenReference
    }
    isDegraded = false
    state = .open
    lastReference = slice.head.frameNumber
    return .pass
  }

  private mutating func broken() -> Verdict {
    if !isDegraded { state = .broken }
    hole = nil
    return .brokenReference
  }

  private func proves(_ slice: H264Assembler.Slice, _ sequence: H264SequenceParameterSet, nothingLostIn packets: Int64) -> Bool {
    guard state == .open, !hasSetsBetweenKeyFrames, sequence.hasFramesOnly, let last = lastReference, let number = slice.head.frameNumber
    else { return false }
    let count = 1 << sequence.frameNumberBits
    return packets < last && packets < count && number == (last + 1) % count
  }
}
