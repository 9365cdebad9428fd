package import Ground
package import RTCP

/// Where a participant's frames lie on our clock: sound and picture each from arrival, and against each other from sender reports.
///
/// The *reference* is the first audio track, or the first track where there is no audio. The reference follows arrivals. Every other track
/// keeps its distance from the reference: by the capturer's clock where packets of both bear its time, else by the sender's own wall clock
/// once both have sender reports, so that the offset between them is the sender's; by the difference of their arrivals until then, and
/// where the sender's word disagrees with that by more than `trustLimit`. A word that agreed once, and stays what it was, is believed up to
/// `keptTrustLimit`: then it is the packets that are late, as behind an encoder that falls behind. So what delays packets moves nothing
/// against each other, whether it delays those of all tracks or of one.
///
/// Corrections are slewed: pictures by at most 20 ms a second, sound by at most 1 ms a second (more for errors of a tenth of a second and
/// more). A correction is applied at once in a pause of the stream, and where it makes a hole of more than 200 ms; that one is told. An
/// RTP clock that jumps is learnt anew, and applied at once.
package struct ParticipantClock: Sendable {
  /// A correction that was applied at once, or a wall clock of the sender's that was set.
  package struct Correction: Sendable, Equatable {
    /// Which track's.
    package var track: Int
    /// By how much its frames are placed later than before; of a wall clock: by how much it was put forward.
    package var amount: TimeSpan
    /// What made it known.
    package var cause: Cause
    /// By how much later frames are placed now than by the clock as it was first learnt; of a wall clock: by how much it has been put
    /// forward since its first report.
    package var after: TimeSpan
    package var before: TimeSpan { after - amount }
    package enum Cause: String, Sendable {
      case senderReport, captureTime, arrival, timestampJump
      /// The sender stood still, and its RTP clock with it.
      case senderStall
      /// Nothing was moved.
      case senderWallClock
    }
  }

  /// What the distance between two tracks is known from.
  package enum Basis: String, Sendable { case captureTime, senderReport, arrival }

  /// What is known of a track's clock.
  package struct Facts: Sendable {
    /// How often a correction of its places was told, and the last one.
    package var corrections = 0
    package var lastCorrection: TimeSpan?
    /// How often the sender's wall clock was seen to be set, by the reports of any track.
    package var wallClockSteps = 0
    /// By how many millionths its RTP clock runs faster than ours; nil while too little of it is known.
    package var driftPPM: Double?
    /// How the track lies against the reference; nil for the reference, and while nothing is known.
    package var offset: Offset?
  }

  /// How a track's frames lie against the reference's, by what is known.
  package struct Offset: Sendable {
    /// By how much later they are placed than they should be. Near zero but while a correction is slewed.
    package var amount: TimeSpan
    /// How far the truth may lie from that: what the knowledge contradicts itself by, and where it is from arrival alone what paths and
    /// encoders commonly differ by.
    package var uncertainty: TimeSpan
    package var basis: Basis
  }

  /// A track settles after so long in any case.
  package static let longestSettling = TrackClock.longestSettling

  private static let trustLimit: Int64 = 500_000_000
  private static let keptTrustLimit: Int64 = 5_000_000_000
  /// By how much the sender's word may wander from one comparison to the next and be what it was.
  private static let constancy: Int64 = 50_000_000
  private static let maximumCorrections = 64
  /// How many reports may come that cannot be compared before what the last comparison said is forgotten.
  private static let maximumSilent = 40
  /// After so long without a comparison arrivals tell how the clocks have drifted apart since.
  private static let longestHold = TimeSpan.seconds(30)
  /// What arrivals cannot tell of the delay between two tracks.
  private static let unknownDelay: Int64 = 40_000_000
  /// What reports are wrong by that are made from packets' times.
  private static let reportNoise: Int64 = 2_000_000

  private struct Relative {
    /// The track's origin minus the reference's, by the sender's word, in nanoseconds.
    var offset: Int64
    var basis: Basis
    /// The same by arrivals, and when that was so.
    var byArrival: Int64
    var at: Instant
    /// How many reports have come since that could not be compared.
    var silent = 0
  }

  private var tracks: [TrackClock] = []
  private var reference: Int?
  /// By track.
  private var relative: [Relative?] = []
  private var corrections: [Correction] = []
  private var told: [(count: Int, last: TimeSpan?)] = []
  private var walls: [WallClock] = []
  /// By how much the sender's wall clock was put forward since its first report, in nanoseconds.
  private var wallShift: Int64 = 0
  private var wallSteps = 0

  /// A clock without tracks.
  package init() {}

  // MARK: Facts

  /// Whether frames of the track have a place yet; until then they wait.
  package func isSettled(_ track: Int) -> Bool { tracks[track].isSettled }

  /// When a track settles if no packet puts it off; nil where it has settled or nothing came yet.
  package func settlingDeadline(_ track: Int) -> Instant? { tracks[track].settlingDeadline }

  /// What is known of a track's clock.
  package func facts(_ track: Int) -> Facts {
    Facts(
      corrections: told[track].count, lastCorrection: told[track].last, wallClockSteps: wallSteps, driftPPM: tracks[track].driftPPM,
      offset: offset(track))
  }

  private func offset(_ track: Int) -> Offset? {
    guard let reference, reference != track, tracks[track].isSettled, let applied = tracks[track].applied, let target = target(track)
    else { return nil }
    let uncertainty =
      switch target.basis {
      case .captureTime: tracks[track].capture.spread(from: tracks[reference].capture) ?? 0
      case .senderReport: (tracks[track].sender.spread(from: tracks[reference].sender) ?? 0) + ParticipantClock.reportNoise
      case .arrival: tracks[track].arrival.spread(from: tracks[reference].arrival) + ParticipantClock.unknownDelay
      }
    return Offset(
      amount: TimeSpan(nanoseconds: applied - target.offset), uncertainty: TimeSpan(nanoseconds: uncertainty), basis: target.basis)
  }

  // MARK: World

  /// Adds a track and answers its index.
  package mutating func addTrack(isAudio: Bool, rate: ClockRate) -> Int {
    tracks.append(TrackClock(isAudio: isAudio, rate: rate))
    relative.append(nil)
    told.append((0, nil))
    walls.append(WallClock(shift: wallShift))
    return tracks.count - 1
  }

  /// Takes in the next packet in order; answers its extended timestamp, which its frame is later placed by. Nil where the RTP clock jumped:
  /// then give out what waits (`settleNow`, `place`), and let the clock `begin` with the packet.
  package mutating func observe(_ track: Int, timestamp: RTPTimestamp, arrival: Instant) -> Int64? {
    let isFirst = !tracks[track].hasArrived
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
    let isFirst = !tracks[track].hasArrived
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
    walls[track] = WallClock(shift: wallShift)
    relate()
  }

  /// Nothing of the track will come: the others are no longer held against it.
  package mutating func end(_ track: Int) {
    tracks[track].end()
    if reference == track { chooseReference() }
  }

  /// Takes in a sender report about the track.
  package mutating func observe(_ track: Int, _ report: SenderReport, at now: Instant) {
    guard tracks[track].hasArrived else { return }
    if tracks[track].observe(report) { relate(track, at: now) }
    watchWallClock(track, report)
  }

  /// Takes in when the frame with this extended timestamp was captured by the capturer's wall clock, as its packet says (abs-capture-time).
  package mutating func observe(_ track: Int, captured: NTPTimestamp, ticks: Int64) {
    if tracks[track].observe(captured: captured, ticks: ticks) { relate(track) }
  }

  /// Lets tracks settle whose time has come although no packet did.
  package mutating func advance(to now: Instant) {
    for track in tracks.indices { settleIfDue(track, now) }
  }

  /// Lets a track settle now, whatever is known: for the end of a stream.
  package mutating func settleNow(_ track: Int) {
    guard !tracks[track].isSettled, tracks[track].hasArrived else { return }
    let own = tracks[track].arrival.offset
    if let (amount, isStall) = tracks[track].settle(target: target(track)?.offset ?? own) {
      tell(track, amount, isStall ? .senderStall : .timestampJump)
      relate(track)
    }
  }

  private mutating func settleIfDue(_ track: Int, _ now: Instant) {
    if !tracks[track].isSettled, let deadline = tracks[track].settlingDeadline, now >= deadline { settleNow(track) }
  }

  private mutating func chooseReference() {
    func isChosen(_ track: TrackClock) -> Bool { !track.hasEnded && (track.hasArrived || (track.isAudio && track.isSettled)) }
    let chosen = tracks.firstIndex { $0.isAudio && isChosen($0) } ?? tracks.firstIndex(where: isChosen) ?? reference
    guard chosen != reference else { return }
    reference = chosen
    relate()
  }

  /// Works out offsets from the reference anew: all, or that of the one track that has changed.
  private mutating func relate(_ changed: Int? = nil, at now: Instant? = nil) {
    guard let reference else { return }
    for track in tracks.indices where changed == nil || changed == reference || changed == track {
      if track == reference {
        relative[track] = nil
      } else if let known = compare(track, with: reference, at: now) {
        // The same reports say nothing of how the clocks went on.
        if changed != nil || relative[track]?.offset != known.offset { relative[track] = known }
      } else if changed == nil || relative[track]?.silent ?? 0 >= ParticipantClock.maximumSilent {
        relative[track] = nil
      } else {
        relative[track]?.silent += 1
      }
    }
  }

  /// What the sender says of the distance between two tracks; nil where it says nothing that can be believed.
  private func compare(_ track: Int, with reference: Int, at now: Instant?) -> Relative? {
    guard tracks[track].hasArrived, tracks[reference].hasArrived else { return nil }
    let basis: Basis
    let offset: Int64
    if let captured = tracks[track].capture.offset(from: tracks[reference].capture) {
      (offset, basis) = (captured, .captureTime)
    } else if let reported = tracks[track].sender.offset(from: tracks[reference].sender) {
      (offset, basis) = (reported, .senderReport)
    } else {
      return nil
    }
    // A track that is silent meanwhile has a place that is as old as its last packet.
    let (own, other) = (tracks[track].arrival.lastArrival, tracks[reference].arrival.lastArrival)
    let now = max(now ?? own, own, other)
    if let known = relative[track], now - min(own, other) > ParticipantClock.longestHold { return known }
    // The sender's wall clock was set, and the reports of one of the two do not show it yet.
    if abs(walls[track].shift &- walls[reference].shift) > WallClock.agreement { return relative[track] }
    let byArrival = tracks[track].arrival.offset(from: tracks[reference].arrival)
    let isKept = relative[track].map { $0.basis == basis && isWithin(ParticipantClock.constancy, offset, $0.offset) } ?? false
    let limit = isKept ? ParticipantClock.keptTrustLimit : ParticipantClock.trustLimit
    guard isWithin(limit, offset, byArrival) else { return nil }
    return Relative(offset: offset, basis: basis, byArrival: byArrival, at: now)
  }

  private func isWithin(_ limit: Int64, _ first: Int64, _ second: Int64) -> Bool {
    let difference = first &- second
    return difference != .min && abs(difference) <= limit
  }

  /// A wall clock that was set is told once, whichever tracks' reports show it.
  private mutating func watchWallClock(_ track: Int, _ report: SenderReport) {
    guard tracks[track].isSettled, report.ntp.value != 0, tracks[track].hasArrived else { return }
    let before = walls[track].shift
    walls[track].observe(
      ntp: report.ntp.nanoseconds, media: tracks[track].media(of: report.rtp), arrivalOffset: tracks[track].arrival.offset)
    if walls[track].shift != before { tracks[track].senderWasSet() }
    guard walls[track].shift != before, abs(walls[track].shift &- wallShift) > WallClock.agreement else { return }
    let amount = walls[track].shift - wallShift
    wallShift = walls[track].shift
    wallSteps += 1
    tell(
      Correction(
        track: track, amount: TimeSpan(nanoseconds: amount), cause: .senderWallClock, after: TimeSpan(nanoseconds: wallShift)))
  }

  // MARK: To do

  /// When the frame with this extended timestamp was captured, on our clock in nanoseconds. For settled tracks, in the order of the
  /// stream; the answers of a track rise by a millisecond at least. `end`: where the frame before it ends, if it has a length: sound is not
  /// placed on sound, but for a few milliseconds that slewing takes.
  package mutating func place(_ track: Int, ticks: Int64, end: Int64? = nil) -> Int64 {
    let media = tracks[track].media(ticks)
    if let target = target(track), let step = tracks[track].slew(towards: target.offset, media: media) {
      let cause: Correction.Cause =
        switch target.basis {
        case .captureTime: .captureTime
        case .senderReport: .senderReport
        case .arrival: .arrival
        }
      tell(track, step, cause)
    }
    return tracks[track].place(media: media, end: end)
  }

  /// By how many nanoseconds the track's sender stood still before the frame that was placed last; asked for once.
  package mutating func takeStall(_ track: Int) -> Int64 { tracks[track].takeStall() }

  /// The next correction that was applied at once, to be told.
  package mutating func popCorrection() -> Correction? { corrections.isEmpty ? nil : corrections.removeFirst() }

  private mutating func tell(_ track: Int, _ amount: Int64, _ cause: Correction.Cause) {
    told[track].count += 1
    told[track].last = TimeSpan(nanoseconds: amount)
    tell(
      Correction(
        track: track, amount: TimeSpan(nanoseconds: amount), cause: cause, after: TimeSpan(nanoseconds: tracks[track].shift)))
  }

  private mutating func tell(_ correction: Correction) {
    if corrections.count < ParticipantClock.maximumCorrections { corrections.append(correction) }
  }

  /// Where the track's origin should lie, and what says so; nil while the reference is not settled.
  private func target(_ track: Int) -> (offset: Int64, basis: Basis)? {
    guard tracks[track].hasArrived else { return nil }
    guard let reference, reference != track else { return (tracks[track].arrival.offset, .arrival) }
    guard tracks[reference].isSettled, let base = tracks[reference].applied, tracks[reference].hasArrived else { return nil }
    let byArrival = tracks[track].arrival.offset(from: tracks[reference].arrival)
    guard let known = relative[track] else { return (base + byArrival, .arrival) }
    // How much longer the one takes than the other stays, however the clocks run.
    let isOld = max(tracks[track].arrival.lastArrival, tracks[reference].arrival.lastArrival) - known.at > ParticipantClock.longestHold
    let before = isOld ? known.byArrival : byArrival
    guard isWithin(isOld ? ParticipantClock.trustLimit : ParticipantClock.keptTrustLimit, known.offset, before) else {
      return (base + byArrival, .arrival)
    }
    return (base + byArrival + (known.offset - before), known.basis)
  }
}
