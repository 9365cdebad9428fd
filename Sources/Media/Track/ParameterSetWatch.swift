/// Whether parameter sets may be missing where a picture wants to be decoded after a hole: a sender that brings them with its key frames
/// will bring them again.
struct ParameterSetWatch: Sendable {
  /// Whether the last key frame came with parameter sets.
  private var keyFramesBringSets = false
  /// Parameter sets that came since the last hole or key frame.
  private var hasSequenceSet = false
  private var hasPictureSet = false
  /// Parameter sets may be among what was lost.
  private var mayMissSets = false
  /// A key frame without parameter sets was refused, and nothing was lost since.
  private var hasRefused = false

  /// Whether those that are in force are known for certain.
  var isCertain: Bool { !mayMissSets || bringsSets }
  private var bringsSets: Bool { hasSequenceSet && hasPictureSet }

  /// Something was lost.
  mutating func missing() {
    mayMissSets = true
    hasRefused = false
    hasSequenceSet = false
    hasPictureSet = false
  }

  /// A whole access unit came, with these.
  mutating func receive(sequenceSet: Bool, pictureSet: Bool) {
    hasSequenceSet = hasSequenceSet || sequenceSet
    hasPictureSet = hasPictureSet || pictureSet
  }

  /// A key frame came: whether decoding can begin with it. One that could not is refused once.
  mutating func begin() -> Bool {
    if mayMissSets, keyFramesBringSets, !bringsSets, !hasRefused {
      hasRefused = true
      return false
    }
    keyFramesBringSets = bringsSets
    mayMissSets = false
    hasRefused = false
    hasSequenceSet = false
    hasPictureSet = false
    return true
  }
}
