/// Notices that a sender's wall clock was set: its reports then go on from another time, while its RTP clock and its packets go on as before.
///
/// It is believed once two reports agree on the new time, so one absurd report sets nothing. A sender that stood still, an RTP clock that
/// jumped, and a path that became longer each change only one of the two numbers that are watched.
struct WallClock: Sendable {
  /// What two reports may differ by and still agree.
  static let agreement: Int64 = 100_000_000
  /// Less is how clocks are set by slewing, or noise.
  private static let step: Int64 = 200_000_000

  private struct Sample {
    /// The wall clock at the origin of the RTP clock, and against ours.
    var atOrigin: Int64
    var againstOurs: Int64
    /// What the report itself says: a report that is repeated agrees with nothing.
    var ntp: Int64

    func agrees(with other: Sample) -> Bool {
      ntp != other.ntp && abs(atOrigin &- other.atOrigin) <= WallClock.agreement
        && abs(againstOurs &- other.againstOurs) <= WallClock.agreement
    }
  }
  private var known: Sample?
  private var candidate: Sample?
  /// By how much the wall clock was put forward in all, in nanoseconds.
  private(set) var shift: Int64

  /// A clock that has been put forward by `shift` before anything of it is known.
  init(shift: Int64) { self.shift = shift }

  /// Takes in a report: its NTP time, its media time since the RTP clock's origin, and where arrivals put that origin on our clock.
  mutating func observe(ntp: Int64, media: Int64, arrivalOffset: Int64) {
    let atOrigin = ntp &- media
    let sample = Sample(atOrigin: atOrigin, againstOurs: atOrigin &- arrivalOffset, ntp: ntp)
    guard let known, !sample.agrees(with: known) else {
      if known != nil {
        known = sample
        candidate = nil
      } else if let candidate, sample.agrees(with: candidate) {
        known = sample
        self.candidate = nil
      } else {
        candidate = sample
      }
      return
    }
    guard let candidate, sample.agrees(with: candidate) else {
      candidate = sample
      return
    }
    let (byOrigin, byOurs) = (sample.atOrigin &- known.atOrigin, sample.againstOurs &- known.againstOurs)
    if abs(byOurs) >= WallClock.step, abs(byOrigin &- byOurs) <= WallClock.agreement { shift &+= byOurs }
    self.known = sample
    self.candidate = nil
  }
}
