/// Media is missing between two places on our clock, in nanoseconds.
package struct TrackGap: Sendable, Equatable {
  package enum Cause: String, Sendable {
    case packetLoss
    /// The sender stood still, and its RTP clock with it: nothing was lost on the way.
    case senderStall
    /// The sender was lost, and it or another came back.
    case disconnected
  }
  package var from: Int64
  package var to: Int64
  package var packetsLost: Int64
  package var cause: Cause
  /// What comes next refers to what is missing.
  package var isDegraded = false
}

extension TrackReceiver {
  /// What is missing since the last frame that was given out.
  struct Missing: Sendable {
    /// Numbers that were given up.
    var packets: Int64 = 0
    /// Packets came that no frame could be made of.
    var hasDropped = false
    /// The sender itself was away: that is a hole, and none to be concealed.
    var wasAway = false
    /// Another stream goes on: where it begins much later than the one before ended, the sender was away.
    var isSuccession = false

    /// Why a stretch of `span` nanoseconds before a frame is empty, where that is a hole. `stall`: for how long the sender stood still in it.
    func cause(over span: Int64, stall: Int64) -> TrackGap.Cause? {
      guard span > 1_000_000 else { return nil }
      if wasAway { return .disconnected }
      if stall > span / 2 { return .senderStall }
      if isSuccession, span >= TrackReceiver.longestSuccession { return .disconnected }
      return packets > 0 || hasDropped ? .packetLoss : nil
    }
  }
}
