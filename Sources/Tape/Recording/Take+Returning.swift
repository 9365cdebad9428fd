import Codecs
import Ground
import Timeline
import Track

/// A source that was lost and is back in time goes on where it was: in the same file, on the same timeline, after a hole that is told.
extension Take {
  /// Lets a track that begins take the place of its participant's track that has ended, where there is one of its kind in the open file and
  /// the time to be back is not over. Answers which one it continues.
  func continueFormer(_ number: Int, at now: Instant) -> Int? {
    let participant = tracks[number].participant
    guard participants[participant].isOpen, tracks[number].fileTrack == nil,
      let former = participants[participant].tracks.first(where: { mayContinue($0, number, at: now) })
    else { return nil }
    tracks[former].isContinued = true
    tracks[number].fileTrack = tracks[former].fileTrack
    tracks[number].lastTime = tracks[former].lastTime
    tracks[number].firstKeyTime = tracks[former].firstKeyTime
    tracks[number].lastKeyTime = tracks[former].lastKeyTime
    tracks[number].begin(part: participants[participant].openedParts)
    if let end = tracks[former].receiver.placedEnd { tracks[number].receiver.follow(end: end) }
    return former
  }

  private func mayContinue(_ former: Int, _ number: Int, at now: Instant) -> Bool {
    guard former != number, tracks[former].hasEnded, !tracks[former].isContinued, tracks[former].fileTrack != nil,
      let endedAt = tracks[former].endedAt, (now - endedAt).seconds < limits.reconnectGraceSeconds
    else { return false }
    let (one, other) = (tracks[former].specification, tracks[number].specification)
    return one.codec == other.codec && one.channels == other.channels && one.clockRate == other.clockRate
  }
}
