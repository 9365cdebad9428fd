import Feedback
import Ground

/// What a leg's sender is told beside reports: set up by what was agreed on with it.
struct LegFeedback {
  /// When packets came, by their transport-wide numbers; nil where that was not agreed on.
  var transport: TransportFeedback?
  /// Whether the sender awaits an estimate of the bitrate.
  var tellsBitrate = false
  var nextBitrateAt: Instant?

  /// What a recorder next to its SFU can take; the sender's own maximum lies below.
  static let bitsPerSecond: UInt64 = 30_000_000
  static let bitrateInterval = TimeSpan.milliseconds(1_000)
}
