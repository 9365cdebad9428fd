package import Ground
package import RTCP

/// Where a participant's frames lie on our clock: sound and picture each from arrival, and against each other from sender reports.
///
/// The *reference* is the first audio track, or the first track where there is no audio. The reference follows arrivals. Every other track
/// keeps its distance from the reference: by the sender's own wall clock once both have sender reports, so that the offset between them is
/// the sender's; by the difference of their arrivals until then, and where the reports disagree with that by more than `trustLimit`. So
/// what delays all packets alike moves nothing against each other.
///
/// Corrections are slewed: pictures by at most 20 ms a second, sound by at most 1 ms a second (more for errors of a tenth of a second and
/// more). A correction is applied at once in a pause of the stream, and where it makes a hole of more than 200 ms; that one is told. An
/// RTP clock that jumps is learnt anew, and applied at once.
package struct ParticipantClock: Sendable {
  /// A correction that was applied at once.
  package struct Correction: Sendable, Equatable {
    /// Which track's.
    package var track: Int
    /// By how much its frames are placed later than before.
    package var amount: TimeSpan
    /// What made it known.
    package var cause: Cause
    package enum Cause: String, Sendable { case senderReport, arrival, timestampJump }
  }

  /// A track settles after so long in any case.
  package static let longestSettling = TrackClock.longestSettling

  private static let trustLimit: Int64 = 500_000_000
  private static let maximumCorrections = 64
  /// How many reports may come that cannot be compared before what the last comparison said is forgotten.
  private static let maximumSilent = 12

  private var tracks: [TrackClock] = []
  private var reference: Int?
  /// By track: its origin minus the reference's, by sender reports, in nanoseconds, and how many reports have come since that could not
  /// be compared.
  private var relative: [(offset: Int64, silent: Int)?] = []
  private var corrections: [Correction] = []

  /// A clock without tracks.
  package init() {}

  // MARK: Facts

  /// Whether frames of the track have a place yet; until then they wait.
  package func isSettled(_ track: Int) -> Bool { tracks[track].isSettled }

  /// When a track settles if no packet puts it off; nil where it has settled or nothing came yet.
  package func settlingDeadline(_ track: Int) -> Instant? { tracks[track].settlingDeadline }

  // MARK: World

  /// Adds a track and answers its index.
  package mutating func addTrack(isAudio: Bool, rate: ClockRate) -> Int {
    tracks.append(TrackClock(isAudio: isAudio, rate: rate))
    relative.append(nil)
    return tracks.count - 1
  }

  /// Takes in the next packet in order; answers its extended timestamp, which its frame is later placed by. Nil where the RTP clock jumped:
  /// then give out what waits (`settleNow`, `place`), and let the clock `begin` with the packet.
  package mutating func observe(_ track: Int, timestamp: RTPTimestamp, arrival: Instant) -> Int64? {
    let isFirst = tracks[track].arrival == nil
    switch tracks[track].observe(timestamp, at: arrival) {
    case .jumped: return nil
    case .ticks(let ticks):
      if isFirst { chooseReference() }
      settleIfDue(track, arrival)
      return ticks
    }
  }

  /// Takes in a packet that came before its turn.
  package mutating func glance(_ track: Int, timestamp: RTPTimestamp, arrival: Instant) {
    let isFirst = tracks[track].arrival == nil
    tracks[track].glance(timestamp, at: arrival)
    if isFirst { chooseReference() }
    settleIfDue(track, arrival)
  }

  /// Learns the track's clock anew from a packet that `observe` found to have jumped; answers its extended timestamp.
  package mutating func begin(_ track: Int, timestamp: RTPTimestamp, arrival: Instant) -> Int64 {
    tracks[track].begin(with: timestamp, at: arrival)
  }

  /// The track's numbering started anew (another SSRC, a restarted sender): its clock is another one.
  package mutating func restart(_ track: Int) {
    tracks[track].restart()
    relate()
  }

  /// Takes in a sender report about the track.
  package mutating func observe(_ track: Int, _ report: SenderReport) {
    guard tracks[track].arrival != nil else { return }
    tracks[track].observe(report)
    relate(track)
  }

  /// Lets tracks settle whose time has come although no packet did.
  package mutating func advance(to now: Instant) {
    for track in tracks.indices { settleIfDue(track, now) }
  }

  /// Lets a track settle now, whatever is known: for the end of a stream.
  package mutating func settleNow(_ track: Int) {
    guard !tracks[track].isSettled, let own = tracks[track].arrival?.offset else { return }
    if let amount = tracks[track].settle(target: target(track)?.offset ?? own) {
      tell(Correction(track: track, amount: TimeSpan(nanoseconds: amount), cause: .timestampJump))
      relate(track)
    }
  }

  private mutating func settleIfDue(_ track: Int, _ now: Instant) {
    if !tracks[track].isSettled, let deadline = tracks[track].settlingDeadline, now >= deadline { settleNow(track) }
  }

  private mutating func chooseReference() {
    let chosen =
      tracks.firstIndex { $0.isAudio && ($0.arrival != nil || $0.isSettled) } ?? tracks.firstIndex { $0.arrival != nil }
    guard chosen != reference else { return }
    reference = chosen
    relate()
  }

  /// Works out offsets from the reference anew: all, or that of the one track that has changed.
  private mutating func relate(_ changed: Int? = nil) {
    guard let reference else { return }
    for track in tracks.indices where changed == nil || changed == reference || changed == track {
      if track == reference {
        relative[track] = nil
      } else if let offset = tracks[track].sender.offset(from: tracks[reference].sender) {
        relative[track] = (offset, 0)
      } else if changed == nil || relative[track]?.silent ?? 0 >= ParticipantClock.maximumSilent {
        relative[track] = nil
      } else {
        relative[track]?.silent += 1
      }
    }
  }

  // MARK: To do

  /// When the frame with this extended timestamp was captured, on our clock in nanoseconds. For settled tracks, in the order of the
  /// stream; the answers of a track rise by a millisecond at least. `end`: where the frame before it ends, if it has a length: sound is not
  /// placed on sound, but for a few milliseconds that slewing takes.
  package mutating func place(_ track: Int, ticks: Int64, end: Int64? = nil) -> Int64 {
    let media = tracks[track].media(ticks)
    if let (offset, isSender) = target(track), let step = tracks[track].slew(towards: offset, media: media) {
      tell(Correction(track: track, amount: TimeSpan(nanoseconds: step), cause: isSender ? .senderReport : .arrival))
    }
    return tracks[track].place(media: media, end: end)
  }

  /// The next correction that was applied at once, to be told.
  package mutating func popCorrection() -> Correction? { corrections.isEmpty ? nil : corrections.removeFirst() }

  private mutating func tell(_ correction: Correction) {
    if corrections.count < ParticipantClock.maximumCorrections { corrections.append(correction) }
  }

  /// Where the track's origin should lie, and whether the sender's reports say so; nil while the reference is not settled.
  private func target(_ track: Int) -> (offset: Int64, isSender: Bool)? {
    guard let own = tracks[track].arrival?.offset else { return nil }
    guard let reference, reference != track else { return (own, false) }
    guard tracks[reference].isSettled, let base = tracks[reference].applied, let other = tracks[reference].arrival,
      let arrival = tracks[track].arrival
    else { return nil }
    let byArrival = arrival.offset(from: other)
    guard let bySender = relative[track]?.offset else { return (base + byArrival, false) }
    let difference = bySender &- byArrival
    guard difference != .min, abs(difference) <= ParticipantClock.trustLimit else { return (base + byArrival, false) }
    return (base + bySender, true)
  }
}
