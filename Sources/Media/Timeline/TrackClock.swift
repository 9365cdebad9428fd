import Ground
import RTCP

/// One track's RTP clock on ours: what arrivals and sender reports say of it, and what is applied.
///
/// The track is *settled* while frames can be placed by it. It is not at the start, until a burst of queued packets is over, nor after its
/// RTP clock seems to have jumped: then frames wait until packets have told where it lies now.
struct TrackClock: Sendable {
  /// What an observed packet says of the RTP clock.
  enum Observation: Equatable {
    /// The packet's extended timestamp.
    case ticks(Int64)
    /// The clock jumped. Frames from before must be placed first; then the packet is given to `begin(with:arrival:)`.
    case jumped
  }

  /// No packet has come markedly faster than those before it for so long: a start burst is over then.
  private static let settling = TimeSpan.milliseconds(400)
  /// And after so long in any case.
  static let longestSettling = TimeSpan.milliseconds(3_000)
  /// A clock that is to be learnt cannot be further off than what a start burst holds back.
  private static let longestBurst: Int64 = 10_000_000_000
  /// A clock that went back is set right where it is off by more.
  private static let tolerance: Int64 = 20_000_000
  /// After this silence a clock that stood still meanwhile shows as late.
  private static let silence = TimeSpan.milliseconds(1_000)
  /// A step of this size is a jump, whose cause is told; smaller ones are slewed.
  static let jump: Int64 = 200_000_000
  /// A packet that comes so much before and after its time is in time by the clock that was known before.
  private static let punctual: ClosedRange<Int64> = -100_000_000...50_000_000
  /// By how much sound may lie on the sound before it: what slewing takes of the longest packets.
  private static let overlap: Int64 = 6_000_000
  /// How often a time of capture counts.
  private static let captureInterval: Int64 = 500_000_000
  /// No two frames of a track may share a millisecond: containers count in them.
  private static let step: Int64 = 1_000_000

  let isAudio: Bool
  private let rate: ClockRate
  private var timestamps = TimestampExtender()
  private var origin: Int64 = 0
  /// What arrivals say; nothing before `hasArrived`. Not optional: what is taken out of an optional is a copy, and each packet asks.
  private(set) var arrival = ArrivalClock()
  /// A packet has come.
  private(set) var hasArrived = false
  /// What arrivals said before the clock seemed to jump.
  private var former: ArrivalClock?
  /// The clock went back for sure.
  private var hasGoneBack = false
  private(set) var sender = SenderClock()
  /// Our clock at the origin, in nanoseconds, as frames are placed by.
  private(set) var applied: Int64?
  private(set) var isSettled = false
  /// The last frame's media time, unless it is that of another clock, and its place.
  private var lastPlaced: (media: Int64?, place: Int64)?
  /// The times of capture that packets bear.
  private(set) var capture = SenderClock()
  private var lastCaptured: Int64?
  private(set) var hasEnded = false
  /// What was applied first.
  private var firstApplied: Int64?
  /// The stream was silent before its clock seemed to jump, which did not go on meanwhile.
  private var hasStalled = false
  /// By how much the clock stood still before the next frame, in nanoseconds.
  private var stall: Int64 = 0

  init(isAudio: Bool, rate: ClockRate) {
    self.isAudio = isAudio
    self.rate = rate
  }

  /// The media time of an extended timestamp, in nanoseconds since the origin.
  func media(_ ticks: Int64) -> Int64 { rate.span(ofTicks: ticks - origin).nanoseconds }

  /// By how much later frames are placed than by the clock as it was first learnt, in nanoseconds.
  var shift: Int64 { (applied ?? 0) - (firstApplied ?? 0) }

  /// By how many millionths the clock runs faster than ours; nil while too little of it is known.
  var driftPPM: Double? { (former ?? arrival).driftPPM }

  /// When the track settles at the latest, or nil where it has or nothing came yet.
  var settlingDeadline: Instant? {
    guard !isSettled, hasArrived else { return nil }
    return min(arrival.lastImproved + TrackClock.settling, arrival.firstArrival + TrackClock.longestSettling)
  }

  /// Takes in the next packet in order.
  mutating func observe(_ timestamp: RTPTimestamp, at now: Instant) -> Observation {
    guard hasArrived, let latest = timestamps.latest else { return .ticks(begin(with: timestamp, at: now)) }
    let ticks = timestamps.peek(timestamp)
    let media = media(ticks)
    guard isContinuous(media: media, since: latest, at: now) else { return .jumped }
    _ = timestamps.extend(timestamp)
    arrival.observe(media: media, arrival: now)
    if isPunctualByFormer(media: media, at: now) { keepFormer() }
    return .ticks(ticks)
  }

  /// Whether the clock that was known still holds: the path stood still, and what it held back has come.
  private func isPunctualByFormer(media: Int64, at now: Instant) -> Bool {
    guard !isSettled, !hasGoneBack, let former else { return false }
    return TrackClock.punctual.contains(former.lateness(media: media, arrival: now))
  }

  private mutating func keepFormer() {
    guard let former else { return }
    arrival = former
    self.former = nil
    isSettled = true
  }

  /// Takes in a packet that must wait for an earlier one: what it tells of the clock is known now.
  mutating func glance(_ timestamp: RTPTimestamp, at now: Instant) {
    guard hasArrived else {
      _ = begin(with: timestamp, at: now)
      return
    }
    let media = media(timestamps.peek(timestamp))
    let late = arrival.lateness(media: media, arrival: now)
    // A jump is judged when the packet's turn comes.
    guard late > (isSettled ? -TrackClock.jump : -TrackClock.longestBurst), late < TrackClock.jump else { return }
    arrival.observe(media: media, arrival: now)
  }

  /// Whether the packet's clock is the one that was observed before.
  private func isContinuous(media: Int64, since latest: Int64, at now: Instant) -> Bool {
    guard hasArrived else { return false }
    // Packets in order never go back in time.
    let before = self.media(latest)
    if media < before { return false }
    if isPunctualByFormer(media: media, at: now) { return true }
    let late = arrival.lateness(media: media, arrival: now)
    if late < (isSettled ? -TrackClock.jump : -TrackClock.longestBurst) { return false }
    let silence = now - arrival.lastArrival
    guard late >= TrackClock.jump, silence >= TrackClock.silence else { return true }
    // A clock that went on is right, and its packet late.
    return media - before > silence.nanoseconds / 4 * 3
  }

  /// Learns the clock from here on; answers the packet's extended timestamp. A clock that was known is compared when the track settles.
  mutating func begin(with timestamp: RTPTimestamp, at now: Instant) -> Int64 {
    if let latest = timestamps.latest, timestamps.peek(timestamp) < latest { hasGoneBack = true }
    hasStalled = !hasGoneBack && hasArrived && now - arrival.lastArrival >= TrackClock.silence
    sender.mark()
    capture.mark()
    let ticks = timestamps.extend(timestamp)
    if applied == nil { origin = ticks }
    if isSettled { former = arrival }
    arrival = ArrivalClock(media: media(ticks), arrival: now)
    hasArrived = true
    isSettled = false
    return ticks
  }

  /// The numbering started anew: the clock is another one.
  mutating func restart() {
    let placed = lastPlaced
    self = TrackClock(isAudio: isAudio, rate: rate)
    lastPlaced = placed.map { (nil, $0.place) }
  }

  /// Frames can be placed from now on; `target` is our clock at the origin where none was applied before. Answers by how much the clock had
  /// jumped, where it had, and whether it had stood still.
  mutating func settle(target: Int64) -> (amount: Int64, isStall: Bool)? {
    isSettled = true
    defer {
      former = nil
      hasGoneBack = false
    }
    guard let applied, let former else {
      if applied == nil {
        applied = target
        firstApplied = target
      }
      return nil
    }
    let amount = arrival.offset - former.offset
    // Packets that still come faster than they were made are caught up with: in the end they will be in time by the clock that was known.
    let isCaughtUp =
      !hasGoneBack && amount > 0 && arrival.lastImproved + TrackClock.settling > arrival.firstArrival + TrackClock.longestSettling
    guard !isCaughtUp, abs(amount) > (hasGoneBack ? TrackClock.tolerance : TrackClock.jump) else {
      // The same clock after all, as after a queue that stood and was let go: what was known of it still holds.
      arrival = former
      return nil
    }
    self.applied = applied + amount
    // Where the clock went back, its time goes on from there.
    lastPlaced?.media = nil
    sender.shift(by: amount)
    capture.shift(by: amount)
    arrival.continueDrift(of: former, shiftedBy: amount)
    let isStall = hasStalled && amount > 0
    if isStall { stall += amount }
    return (amount, isStall)
  }

  /// By how much the clock stood still before the frame that was placed last; asked for once.
  mutating func takeStall() -> Int64 {
    defer { stall = 0 }
    return stall
  }

  /// When a frame was captured, on our clock in nanoseconds. Frames come in order; the answers rise by a millisecond at least, and lie at
  /// most `overlap` before `end`, where the frame before ends.
  mutating func place(media: Int64, end: Int64?) -> Int64 {
    var place = (applied ?? 0) + media
    let earliest = max(lastPlaced.map { $0.place + TrackClock.step } ?? .min, end.map { $0 - TrackClock.overlap } ?? .min)
    if place < earliest {
      // Two frames of one timestamp, or a clock that was found to lie earlier: it goes on from here, and is slewed back.
      if lastPlaced?.media.map({ media > $0 }) ?? true { applied = (applied ?? 0) + earliest - place }
      place = earliest
    }
    lastPlaced = (max(media, lastPlaced?.media ?? media), place)
    return place
  }

  /// Moves what is applied towards `target` before the frame of media time `media` is placed. Answers the step where it was taken at once
  /// and is too large to pass unnoticed.
  mutating func slew(towards target: Int64, media: Int64) -> Int64? {
    guard let applied, let before = lastPlaced?.media, media > before else { return nil }
    let elapsed = media - before
    let error = target - applied
    var step = error
    if elapsed >= TrackClock.silence.nanoseconds {
      // Nobody hears or sees how long a pause was, as long as it does not end before it began.
      step = max(error, -elapsed / 2)
    } else if error <= TrackClock.jump {
      let size = abs(error)
      let perSecond: Int64 = isAudio ? min(max(1_000_000, size / 10), 50_000_000) : min(max(20_000_000, size / 2), 300_000_000)
      let most = perSecond * elapsed / 1_000_000_000
      step = error < 0 ? max(error, -most) : min(error, most)
    }
    self.applied = applied + step
    // What clocks drift apart in a long pause is no jump.
    return abs(step) > TrackClock.jump + elapsed / 4_000 ? step : nil
  }

  /// Takes in a sender report; answers whether it counts.
  mutating func observe(_ report: SenderReport) -> Bool { sender.observe(media: media(timestamps.peek(report.rtp)), ntp: report.ntp) }

  /// Takes in when a frame was captured, as its packet says; answers whether that counts. A sender may say it with every packet.
  mutating func observe(captured: NTPTimestamp, ticks: Int64) -> Bool {
    let media = media(ticks)
    if let last = lastCaptured, media >= last, media - last < TrackClock.captureInterval { return false }
    lastCaptured = media
    return capture.observe(media: media, ntp: captured)
  }

  /// The media time of a timestamp near the last packet's, in nanoseconds since the origin.
  func media(of timestamp: RTPTimestamp) -> Int64 { media(timestamps.peek(timestamp)) }

  /// The last two reports showed that the sender's wall clock was set.
  mutating func senderWasSet() { sender.keepLast(2) }

  /// Nothing will come any more.
  mutating func end() { hasEnded = true }
}
