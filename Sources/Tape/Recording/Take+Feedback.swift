import Feedback
import Ground
import Jitter
import RTCP
import Track

/// What senders that can repeat and adapt are told between reports.
extension Take {
  /// Asks for missing packets, and tells arrivals and bitrates, where they are due.
  func sendFeedback(at now: Instant) {
    for number in tracks.indices {
      let due = tracks[number].popDueRepairs(at: now)
      if !due.isEmpty { askAgain(number, due, at: now) }
    }
    for source in sources.indices where !sources[source].isRemoved {
      for leg in sources[source].legs.indices {
        if sources[source].legs[leg].feedback.transport != nil { tellArrivals(source, leg, at: now) }
        if sources[source].legs[leg].feedback.tellsBitrate { tellBitrate(source, leg, at: now) }
      }
    }
  }

  private func askAgain(_ number: Int, _ due: [SequenceNumber], at now: Instant) {
    guard let media = tracks[number].receiver.ssrc, !timeline.isPaused else { return }
    beginFeedback(on: number, at: now)
    let taken = writer.negativeAcknowledgement(from: ssrc, media: media, lost: due)
    if transmit(tracks[number].source, tracks[number].leg) { tracks[number].receiver.countNACK(taken) }
  }

  private func tellArrivals(_ source: Int, _ leg: Int, at now: Instant) {
    guard sources[source].legs[leg].rtcpDestination != nil else { return }
    let media = sources[source].legs[leg].tracks.lazy.compactMap { self.tracks[$0].receiver.ssrc }.first ?? SSRC(0)
    while true {
      writer.reset()
      guard sources[source].legs[leg].feedback.transport?.write(into: &writer, from: ssrc, media: media, at: now) == true else { return }
      guard transmit(source, leg) else { return }
    }
  }

  private func tellBitrate(_ source: Int, _ leg: Int, at now: Instant) {
    let state = sources[source].legs[leg]
    guard state.rtcpDestination != nil, state.feedback.nextBitrateAt.map({ now >= $0 }) ?? true else { return }
    let streams = state.tracks.compactMap { tracks[$0].receiver.ssrc }
    guard !streams.isEmpty, let first = state.tracks.first(where: { tracks[$0].receiver.ssrc != nil }) else { return }
    state.feedback.nextBitrateAt = now + LegFeedback.bitrateInterval
    beginFeedback(on: first, at: now)
    writer.receiverEstimatedMaximumBitrate(from: ssrc, bitsPerSecond: LegFeedback.bitsPerSecond, streams: streams)
    _ = transmit(source, leg)
  }
}
