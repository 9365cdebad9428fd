import Codecs
package import Ground
import Track

/// What a take says of tracks that send and are not heard or seen.
extension Take {
  /// Raises and clears the tracks' alarms. After what is due has been ordered.
  func watchTracks(at now: Instant) {
    for number in tracks.indices { watch(number, at: now) }
  }

  private func watch(_ number: Int, at now: Instant) {
    let isSettling = participants[tracks[number].participant].tracks.contains { tracks[$0].isLearning() }
    for (kind, isRaised) in tracks[number].watch(isSettling: isSettling, isPaused: timeline.isPaused, silence: silenceAlarm, at: now) {
      var fields = trackFields(number) + [EventField("alarm", kind.rawValue)]
      if isRaised, kind == .nothingWritten, let cause = nothingWrittenCause(number) { fields.append(EventField("cause", cause)) }
      tell(isRaised ? "track.alarm" : "track.alarmCleared", at: now, fields)
    }
  }

  /// Why nothing of a track goes to tape, as far as its last packets' fate tells; nil where they wait for others.
  private func nothingWrittenCause(_ number: Int) -> String? {
    let receiver = tracks[number].receiver
    if tracks[number].tapeNeedsKeyFrame || (tracks[number].specification.kind == .video && !receiver.hasKeyFrame) {
      return PacketDiscard.awaitingKeyFrame.name
    }
    return receiver.counters.lastDiscard?.name
  }

  /// Notes whether the sender of a source's track is muted: then silence is no alarm. False where the source has no such track.
  package func setMuted(_ isMuted: Bool, track id: String, source: Int, at now: Instant) -> Bool {
    guard let number = tracks.firstIndex(where: { $0.source == source && $0.id == id }) else { return false }
    guard !hasStopped, tracks[number].isMuted != isMuted else { return true }
    tracks[number].isMuted = isMuted
    tell(isMuted ? "track.muted" : "track.unmuted", at: now, trackFields(number))
    return true
  }
}
