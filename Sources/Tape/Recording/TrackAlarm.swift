import Ground

/// Which alarm a track can raise.
package enum AlarmKind: String, Sendable, CaseIterable {
  /// Its packets come, and nothing of them goes to tape.
  case nothingWritten
  /// Its sound is digital silence.
  case noSound
}

/// Watches one track for what a recording must not pass over in silence. Looked at every 50 ms; tells an alarm when it is raised, and again
/// when it is over.
struct TrackAlarm {
  /// How long packets may come of which nothing goes to tape. Beyond any jitter buffer's patience but for a repair that is awaited.
  static let patience = TimeSpan.milliseconds(1_700)
  /// A track that has sent nothing for so long has no alarm: it is away, which `track.stalled` tells.
  static let recent = TimeSpan.milliseconds(1_000)

  /// What is looked at.
  struct Facts {
    /// Packets that carry media of the track and could have gone to tape.
    var mediaPackets: UInt64
    var framesOrdered: UInt64
    /// Whether frames wait for clocks that are being learnt.
    var isSettling: Bool
    /// Whether nothing is to go to tape.
    var isPaused: Bool
    var isMuted: Bool
    /// How long there may be no sound; nil for tracks without, and where nobody wants to know.
    var silence: TimeSpan?
  }

  private var mediaPackets: UInt64 = 0
  private var framesOrdered: UInt64 = 0
  private var grewAt: Instant?
  private var waitingSince: Instant?
  private var isNothingWritten = false
  private var isNoSound = false
  /// When sound was last heard, or began to be expected.
  var heardAt: Instant?

  /// Whether an alarm has been raised and is not over.
  func isRaised(_ kind: AlarmKind) -> Bool {
    switch kind {
    case .nothingWritten: isNothingWritten
    case .noSound: isNoSound
    }
  }

  /// The alarms that begin (true) or end (false) at `now`.
  mutating func look(_ facts: Facts, at now: Instant) -> [(kind: AlarmKind, isRaised: Bool)] {
    if facts.mediaPackets > mediaPackets {
      grewAt = now
      mediaPackets = facts.mediaPackets
      if waitingSince == nil { waitingSince = now }
    }
    if facts.framesOrdered != framesOrdered || facts.isPaused {
      framesOrdered = facts.framesOrdered
      waitingSince = nil
    }
    let isSending = grewAt.map { now - $0 <= TrackAlarm.recent } ?? false
    var changes: [(kind: AlarmKind, isRaised: Bool)] = []
    if isSending, !facts.isSettling, let since = waitingSince, now - since >= TrackAlarm.patience {
      if !isNothingWritten { changes.append((.nothingWritten, true)) }
      isNothingWritten = true
    } else if waitingSince == nil, isNothingWritten {
      isNothingWritten = false
      changes.append((.nothingWritten, false))
    }
    if facts.isMuted || facts.isPaused || !isSending { heardAt = max(heardAt ?? now, now) }
    if let silence = facts.silence, let heard = heardAt {
      if isNoSound != (now - heard >= silence) {
        isNoSound.toggle()
        changes.append((.noSound, isNoSound))
      }
    }
    return changes
  }
}
