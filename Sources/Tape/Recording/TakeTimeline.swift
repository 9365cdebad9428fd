import Ground

/// The recording's one timeline: from our clock to media time, across pauses.
struct TakeTimeline {
  struct Pause {
    /// Our clock, nanoseconds.
    var from: Int64
    /// Nil while it lasts.
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

  /// Begins a pause; nothing happens in one.
  mutating func pause(at now: Int64, mode: PauseMode) {
    guard !isPaused else { return }
    // Pauses never overlap, whatever the caller's clock says.
    pauses.append(Pause(from: max(now, pauses.last?.to ?? now), to: nil, mode: mode))
  }
  mutating func resume(at now: Int64) {
    guard let last = pauses.indices.last, pauses[last].to == nil else { return }
    pauses[last].to = max(now, pauses[last].from)
  }

  /// Whether a place on our clock lies in a pause.
  func isPaused(at place: Int64) -> Bool {
    pauses.contains { place >= $0.from && ($0.to.map { place < $0 } ?? true) }
  }

  /// The media time of a place on our clock.
  func place(_ place: Int64) -> Place { isPaused(at: place) ? .paused : .at(reached(place)) }

  /// The media time that has been reached at `now`: in a pause that closes the timeline up, where it began; in one that is kept, true time.
  func reached(_ now: Int64) -> MediaTime {
    guard let zero else { return .zero }
    return MediaTime(nanoseconds: max(0, now - zero - cut(until: now, after: zero)))
  }

  /// How much lies between two places on our clock that no pause leaves out, of either mode.
  func recorded(_ from: Int64, _ to: Int64) -> TimeSpan {
    var span = to - from
    for pause in pauses { span -= max(0, min(pause.to ?? to, to) - max(pause.from, from)) }
    return TimeSpan(nanoseconds: max(0, span))
  }

  /// By how much the closed pauses have closed the timeline up.
  var cutTotal: TimeSpan {
    guard let zero else { return .zero }
    return TimeSpan(nanoseconds: cut(until: .max, after: zero))
  }

  private func cut(until now: Int64, after zero: Int64) -> Int64 {
    var cut: Int64 = 0
    for pause in pauses where now >= pause.from && pause.mode == .cut {
      guard let end = pause.to ?? (now == .max ? nil : now) else { continue }
      cut += max(0, min(end, now) - max(pause.from, zero))
    }
    return cut
  }
}
