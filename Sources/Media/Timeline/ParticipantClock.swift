package import Ground
package import RTCP

/// Where a participant's frames lie on our clock: sound and picture each from arrival, and against each other from sender reports.
///
/// Rules. The *reference* is the first audio track, or the first track where there is no audio. The reference follows arrivals. Every
/// other track follows arrivals too until both it and the reference have a sender report; then it follows the reference by the sender's
/// own wall clock, so that the offset between them is the sender's. Corrections are slewed: pictures by at most 20 ms a second, sound by
/// at most 1 ms a second (more for large errors: a tenth of it a second); one that makes a hole of more than `jumpThreshold` is applied at
/// once and told. Sender reports that disagree with arrivals by more than `trustLimit` are not believed.
package struct ParticipantClock: Sendable {
  /// A correction that was applied at once.
  package struct Correction: Sendable, Equatable {
    package var track: Int
    package var amount: TimeSpan
    /// `senderReport`, `arrival` or `timestampJump`.
    package var cause: Cause
    package enum Cause: String, Sendable { case senderReport, arrival, timestampJump }
  }

  /// A track's place is taken once no packet has come markedly faster than those before it for so long: a start burst is over then.
  package static let settling = TimeSpan.milliseconds(400)
  /// And after so long in any case.
  package static let longestSettling = TimeSpan.milliseconds(3_000)
  package static let jumpThreshold = TimeSpan.milliseconds(200)
  package static let trustLimit = TimeSpan.milliseconds(500)

  private struct TrackState: Sendable {
    var isAudio: Bool
    var rate: ClockRate
    var arrival: ArrivalClock?
    var sender: SenderClock
    var timestamps = TimestampExtender()
    /// What is applied: our clock at the arrival clock's origin, nanoseconds.
    var applied: Int64?
    /// The media time at which `applied` was last moved.
    var appliedAt: Int64 = 0
    var isSettled = false
    /// Media time zero against the reference's, by sender reports.
    var offsetFromReference: Int64?
  }
  private var comparedWith: Int?

  private var tracks: [TrackState] = []
  private var corrections: [Correction] = []

  package init() {}

  // MARK: Facts

  /// Whether frames of the track have a place yet; until then they wait.
  package func isSettled(_ track: Int) -> Bool { tracks[track].isSettled }

  /// When a track settles at the latest, or nil where it has or nothing came yet.
  package func settlingDeadline(_ track: Int) -> Instant? {
    let state = tracks[track]
    guard !state.isSettled, let arrival = state.arrival else { return nil }
    return min(arrival.lastImproved + ParticipantClock.settling, arrival.firstArrival + ParticipantClock.longestSettling)
  }

  /// How far the track's place differs from what arrivals alone would say; nil before it is known.
  package func senderOffset(_ track: Int) -> TimeSpan? {
    guard let applied = tracks[track].applied, let arrival = tracks[track].arrival else { return nil }
    return TimeSpan(nanoseconds: applied - arrival.offset)
  }

  /// The extended form of a timestamp that was observed not long ago.
  package func ticks(_ track: Int, _ timestamp: RTPTimestamp) -> Int64 { tracks[track].timestamps.peek(timestamp) }

  // MARK: World

  /// Adds a track and answers its index.
  package mutating func addTrack(isAudio: Bool, rate: ClockRate) -> Int {
    tracks.append(TrackState(isAudio: isAudio, rate: rate, sender: SenderClock(rate: rate, originTicks: 0)))
    return tracks.count - 1
  }

  /// The track's numbering started anew (another SSRC, a restarted sender): its clock is learnt again.
  package mutating func restart(_ track: Int) {
    tracks[track].arrival = nil
    tracks[track].timestamps = TimestampExtender()
    tracks[track].applied = nil
    tracks[track].isSettled = false
    tracks[track].offsetFromReference = nil
  }

  /// Takes in a packet's timestamp and arrival; answers the extended timestamp, which frames are later placed by.
  package mutating func observe(_ track: Int, timestamp: RTPTimestamp, arrival: Instant) -> Int64 {
    let ticks = tracks[track].timestamps.extend(timestamp)
    guard tracks[track].arrival != nil else {
      begin(track, ticks, arrival)
      return ticks
    }
    let predicted = (tracks[track].applied ?? tracks[track].arrival!.offset) + tracks[track].arrival!.span(to: ticks).nanoseconds
    let early = predicted - Int64(bitPattern: arrival.nanoseconds)
    if early > 2_000_000_000 || early < -30_000_000_000 {
      // No queue explains a packet from the future, and none that we believe holds one for half a minute: the RTP clock jumped.
      begin(track, ticks, arrival)
      if tracks[track].isSettled {
        tracks[track].applied = tracks[track].arrival!.offset
        corrections.append(Correction(track: track, amount: TimeSpan(nanoseconds: -early), cause: .timestampJump))
      }
      return ticks
    }
    _ = tracks[track].arrival!.observe(ticks: ticks, arrival: arrival)
    if let deadline = settlingDeadline(track), arrival >= deadline { settle(track) }
    return ticks
  }

  private mutating func begin(_ track: Int, _ ticks: Int64, _ arrival: Instant) {
    tracks[track].arrival = ArrivalClock(rate: tracks[track].rate, ticks: ticks, arrival: arrival)
    tracks[track].sender = SenderClock(rate: tracks[track].rate, originTicks: ticks)
    // Offsets were counted from the old origin.
    compareSenderClocks()
  }

  /// Takes in a sender report about the track.
  package mutating func observe(_ track: Int, _ report: SenderReport) {
    guard tracks[track].arrival != nil else { return }
    let ticks = tracks[track].timestamps.peek(report.rtp)
    tracks[track].sender.observe(ticks: ticks, ntp: report.ntp)
    compareSenderClocks()
  }

  /// Works out each track's offset from the reference anew: when a report came, or the reference changed.
  private mutating func compareSenderClocks() {
    guard let reference else { return }
    comparedWith = reference
    for track in tracks.indices {
      tracks[track].offsetFromReference = track == reference ? nil : tracks[track].sender.offset(from: tracks[reference].sender)
    }
  }

  /// Lets tracks settle whose time has come although no packet did.
  package mutating func advance(to now: Instant) {
    for track in tracks.indices {
      if let deadline = settlingDeadline(track), now >= deadline { settle(track) }
    }
  }

  /// Lets a track settle now, whatever is known: for the end of a stream.
  package mutating func settleNow(_ track: Int) { if tracks[track].arrival != nil { settle(track) } }

  private mutating func settle(_ track: Int) {
    guard !tracks[track].isSettled, tracks[track].arrival != nil else { return }
    tracks[track].isSettled = true
    tracks[track].applied = target(track).offset
    tracks[track].appliedAt = 0
  }

  // MARK: To do

  /// When the frame with this extended timestamp was captured, on our clock in nanoseconds. For settled tracks, in the order of the
  /// stream.
  package mutating func place(_ track: Int, ticks: Int64) -> Int64 {
    guard let arrival = tracks[track].arrival else { return 0 }
    let media = arrival.span(to: ticks).nanoseconds
    slew(track, media: media)
    return (tracks[track].applied ?? arrival.offset) + media
  }

  /// The next correction that was applied at once, to be told.
  package mutating func popCorrection() -> Correction? { corrections.isEmpty ? nil : corrections.removeFirst() }

  private mutating func slew(_ track: Int, media: Int64) {
    let elapsed = media - tracks[track].appliedAt
    guard elapsed >= 20_000_000, let applied = tracks[track].applied else { return }
    tracks[track].appliedAt = media
    let (offset, isSender) = target(track)
    let error = offset - applied
    if error > ParticipantClock.jumpThreshold.nanoseconds {
      tracks[track].applied = offset
      corrections.append(
        Correction(track: track, amount: TimeSpan(nanoseconds: error), cause: isSender ? .senderReport : .arrival))
      return
    }
    // What is on tape cannot be moved aside for what is found to be earlier, so that way it is never jumped.
    let size = abs(error)
    let perSecond: Int64 = tracks[track].isAudio ? min(max(1_000_000, size / 10), 50_000_000) : min(max(20_000_000, size / 2), 300_000_000)
    let step = min(size, perSecond * min(elapsed, 1_000_000_000) / 1_000_000_000)
    tracks[track].applied = applied + (error < 0 ? -step : step)
  }

  /// Where the track's clock should lie, and whether the sender's reports say so.
  private func target(_ track: Int) -> (offset: Int64, isSender: Bool) {
    guard let arrival = tracks[track].arrival else { return (0, false) }
    let byArrival = arrival.offset
    guard let reference, reference != track, reference == comparedWith, let base = tracks[reference].arrival,
      let relative = tracks[track].offsetFromReference
    else { return (byArrival, false) }
    let bySender = relative &+ (tracks[reference].applied ?? base.offset)
    let difference = bySender &- byArrival
    guard difference != .min, abs(difference) <= ParticipantClock.trustLimit.nanoseconds else { return (byArrival, false) }
    return (bySender, true)
  }

  private var reference: Int? {
    if let audio = tracks.firstIndex(where: { $0.isAudio && $0.arrival != nil }) { return audio }
    return tracks.firstIndex { $0.arrival != nil }
  }
}
