package import Ground

/// Why a track's packet is in no frame on tape.
package enum PacketDiscard: Int, Sendable, CaseIterable {
  /// Its number came before.
  case duplicate
  /// Came after its place had been given up.
  case late
  /// A far-off sequence number that nothing confirmed.
  case strayed
  /// Padding without payload: uses up a number, carries nothing.
  case paddingOnly
  /// Forward error correction among the track's numbers (RFC 5109), made use of or not.
  case forwardErrorCorrection
  /// The payload format's own header is broken, or the frame's.
  case malformedPayload
  /// Part of a frame of which another packet was lost.
  case incompleteFrame
  /// Part of a video frame before the first key frame, or between a resume and the next one.
  case awaitingKeyFrame
  /// Part of a whole video frame that refers to one that was lost.
  case brokenReference
  /// Arrived while the recording was paused.
  case paused
  /// Part of a frame that lies before the recording's zero, or after its stop.
  case outsideRecording
  /// The writer was too slow and its queue full.
  case writerOverflow
  /// The file could not be written.
  case writeFailed
  /// A frame beyond the size that one may have.
  case oversized
  /// Another SSRC on the track's payload type while the track's own was sending.
  case foreignSSRC
  /// Part of a frame of a simulcast layer that is not the one on tape.
  case otherLayer
  /// On the track's SSRC but not of its codec: comfort noise, keys that were pressed.
  case otherPayload

  /// As the control API spells it.
  package var name: String { "\(self)" }
}

/// A track's numbers. `packetsReceived` is, at any time, the sum of `packetsInFrames`, `discarded` and what is waiting.
package struct TrackCounters: Sendable, Equatable {
  /// Packets that belong to the track, whatever became of them.
  package var packetsReceived: UInt64 = 0
  /// Bytes of those packets, from the RTP header on.
  package var bytesReceived: UInt64 = 0
  /// Numbers that never came, or came too late.
  package var packetsLost: UInt64 = 0
  /// Packets that came after one with a higher number.
  package var packetsReordered: UInt64 = 0
  /// Packets among those received that had been missing and were sent again (a sender that repeats packets as they were sends none that
  /// could be told from those that were only overtaken and asked for meanwhile), taken from redundancy, or rebuilt from forward
  /// error correction.
  package var packetsRecovered: UInt64 = 0
  /// Those among them that were taken from the redundancy of packets after them (RFC 2198): no datagram of their own brought them.
  package var packetsFromRedundancy: UInt64 = 0
  /// And those that were rebuilt from forward error correction (RFC 5109, flexfec-03): no datagram of their own brought them either.
  package var packetsFromFEC: UInt64 = 0
  /// Packets asked for again, each time counted.
  package var nackSent: UInt64 = 0
  /// Packets of frames that were given out.
  package var packetsInFrames: UInt64 = 0
  /// Frames that were given out.
  package var frames: UInt64 = 0
  /// Video key frames among them.
  package var keyFrames: UInt64 = 0
  /// Frames that were given out although they refer to pictures that are missing: no key frame came in time.
  package var framesDegraded: UInt64 = 0
  /// Whole or partial frames that were not given out.
  package var framesDropped: UInt64 = 0
  /// Whole frames among them that the writer or the disk did not take.
  package var framesNotWritten: UInt64 = 0
  /// Holes in the media that were told, and how long they were together.
  package var gaps: UInt64 = 0
  package var gapDuration = TimeSpan.zero
  /// Packets without coded sound that were put into holes, and how long they are together.
  package var packetsFilled: UInt64 = 0
  package var fillDuration = TimeSpan.zero
  /// Key frames asked for, by picture loss indications and by full intra requests.
  package var pliSent: UInt64 = 0
  package var firSent: UInt64 = 0
  /// Sender reports about the track.
  package var senderReports: UInt64 = 0
  /// How often the track went on under another SSRC.
  package var ssrcChanges: UInt64 = 0
  /// By `PacketDiscard.rawValue`.
  package private(set) var discarded = [UInt64](repeating: 0, count: PacketDiscard.allCases.count)

  /// Why the last packet that is in no frame is in none.
  package private(set) var lastDiscard: PacketDiscard?

  /// All zero.
  package init() {}

  /// Counts packets that are in no frame.
  package mutating func discard(_ cause: PacketDiscard, _ packets: Int = 1) {
    discarded[cause.rawValue] += UInt64(packets)
    lastDiscard = cause
  }
  /// Packets discarded for one cause.
  package func discarded(_ cause: PacketDiscard) -> UInt64 { discarded[cause.rawValue] }
  /// Packets that carry media of the track and could have gone to tape.
  package var mediaPackets: UInt64 {
    packetsReceived - discarded(.paddingOnly) - discarded(.duplicate) - discarded(.forwardErrorCorrection) - discarded(.foreignSSRC)
      - discarded(.otherLayer) - discarded(.strayed) - discarded(.paused)
  }
  /// Packets discarded for any cause.
  package var packetsDiscarded: UInt64 { discarded.reduce(0, +) }

  /// A frame that had been given out did not reach the file after all.
  package mutating func retract(packets: Int, cause: PacketDiscard) {
    // What filled a hole was none of the sender's.
    guard packets > 0 else { return }
    packetsInFrames -= UInt64(packets)
    frames -= 1
    framesDropped += 1
    if cause == .writerOverflow || cause == .writeFailed { framesNotWritten += 1 }
    discard(cause, packets)
  }
}
