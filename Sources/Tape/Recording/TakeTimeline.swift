import Ground

/// The recording's one timeline: from our clock to media time, across pauses.
struct TakeTimeline {
  struct Pause {
    /// Our clock, nanoseconds.
    var from: Int64
    var to: Int64?
    var mode: PauseMode
  }

  /// Our clock at media time zero; nil until the first frame is placed.
  private(set) var zero: Int64?
  private(set) var pauses: [Pause] = []

  enum Place: Equatable {
    case at(MediaTime)
    case paused
  }

  mutating func begin(at place: Int64) { zero = place }

  var isPaused: Bool { pauses.last.map { $0.to == nil } ?? false }

  mutating func pause(at now: Int64, mode: PauseMode) { pauses.append(Pause(from: now, to: nil, mode: mode)) }
  mutating func resume(at now: Int64) {
    guard let last = pauses.indices.last, pauses[last].to == nil else { return }
    pauses[last].to = max(now, pauses[last].from)
  }

  /// The media time of a place on our clock.
  func place(_ place: Int64) -> Place {
    guard let zero else { return .at(.zero) }
    var cut: Int64 = 0
    for pause in pauses where place >= pause.from {
      guard let end = pause.to, place >= end else { return .paused }
      if pause.mode == .cut { cut += max(0, end - max(pause.from, zero)) }
    }
    return .at(MediaTime(nanoseconds: max(0, place - zero - cut)))
  }

  /// The media time that has been reached at `now`, also while paused.
  func reached(_ now: Int64) -> MediaTime {
    guard let zero else { return .zero }
    var cut: Int64 = 0
    for pause in pauses where now >= pause.from && pause.mode == .cut {
      cut += max(0, min(pause.to ?? now, now) - max(pause.from, zero))
    }
    return MediaTime(nanoseconds: max(0, now - zero - cut))
  }

  /// By how much the closed pauses have closed the timeline up.
  var cutTotal: TimeSpan {
    guard let zero else { return .zero }
    return TimeSpan(nanoseconds: pauses.reduce(0) { $1.mode == .cut && $1.to != nil ? $0 + max(0, $1.to! - max($1.from, zero)) : $0 })
  }
}
