package import Codecs
package import Ground

/// Makes fragmented MP4 (ISO/IEC 14496-12 §8.8) of H.264, VP9, AAC and Opus: an initialization segment, and fragments of `moof` and
/// `mdat` whose times are the frames' places on the timeline, to the tick (90 kHz for video, 48 kHz for audio).
package struct FragmentWriter: ~Copyable {
  private struct Track {
    var codec: Codec
    /// The last frame's time, and where the muxer takes it to end.
    var lastTicks: Int64?
    var endTicks: Int64 = 0
    var isInFragment = false
  }
  /// Frames of a track lie at least so far apart.
  static let leastTicks: Int64 = 2
  /// The muxer keeps a sample's duration in 31 bits of ticks: frames of one fragment lie at most half of that apart.
  private static let jumpTicks: Int64 = 1 << 30
  /// 24 days: the last time that a frame may have.
  static let latest = MediaTime(nanoseconds: 24 * 86_400 * 1_000_000_000)

  private var context: FragmentContext
  private var tracks: [Track]
  /// `ftyp` and `moov`: what a player needs before the first fragment. Holds no media.
  package let initSegment: [UInt8]
  /// Frames in the open fragment.
  package private(set) var pendingFrames = 0

  /// Throws `noTracks`, `unsupported`, `badFormat` where a track's configuration cannot be one (an avcC, hvcC, vpcC or av1C and a size for H.264, H.265, VP9 and AV1, an
  /// AudioSpecificConfig of 48 kHz for AAC, one or two channels), `library`, `outOfMemory`.
  package init(tracks formats: [TrackFormat]) throws(MuxError) {
    guard !formats.isEmpty else { throw .noTracks }
    for (index, format) in formats.enumerated() { try FragmentWriter.check(format, index) }
    context = try FragmentContext(formats: formats)
    initSegment = context.takeBytes()
    tracks = formats.map { Track(codec: $0.codec) }
  }

  /// Adds a frame to the open fragment. `duration`: until the track's next frame, where that is known. Of all but the last frame of a
  /// fragment, the next frame's time decides instead. Throws `noSuchTrack`, `badFrame`, `badTime` (negative, beyond 24 days, not two ticks after the
  /// track's last frame, or hours after one of the same fragment), `library`.
  package mutating func write(_ frame: EncodedFrame, duration: TimeSpan) throws(MuxError) {
    guard tracks.indices.contains(frame.track) else { throw .noSuchTrack(frame.track) }
    guard !frame.bytes.isEmpty, frame.bytes.count <= Int(Int32.max) else { throw .badFrame(track: frame.track) }
    guard frame.time >= .zero, frame.time <= FragmentWriter.latest else { throw .badTime(track: frame.track) }
    let rate = tracks[frame.track].codec.clockRate
    let ticks = rate.ticks(at: frame.time)
    if let last = tracks[frame.track].lastTicks {
      guard ticks - last >= FragmentWriter.leastTicks else { throw .badTime(track: frame.track) }
      if tracks[frame.track].isInFragment {
        guard ticks - last <= FragmentWriter.jumpTicks else { throw .badTime(track: frame.track) }
      } else if ticks != tracks[frame.track].endTicks {
        // A fragment's first frame would else be moved to where the fragment before was said to end.
        try context.allowJump(track: frame.track, after: last)
      }
    }
    // The end is rounded, not the length: then the frame's end is the next one's start to the tick.
    let end = max(ticks + 1, rate.ticks(at: frame.time + max(.zero, min(duration, TimeSpan.seconds(3_600)))))
    try context.write(frame.bytes, track: frame.track, isKey: frame.isKey, ticks: ticks, duration: end - ticks)
    tracks[frame.track].lastTicks = ticks
    tracks[frame.track].endTicks = end
    tracks[frame.track].isInFragment = true
    pendingFrames += 1
  }

  /// Closes the open fragment and answers its bytes: one `moof` with its `mdat`, or nothing where no frame was written.
  package mutating func flushFragment() throws(MuxError) -> [UInt8] {
    guard pendingFrames > 0 else { return [] }
    try context.flush()
    pendingFrames = 0
    for i in tracks.indices { tracks[i].isInFragment = false }
    return context.takeBytes()
  }

  private static func canDeclare(_ size: PictureSize?) -> Bool {
    size.map { (1...16_384).contains($0.width) && (1...16_384).contains($0.height) } ?? false
  }

  private static func check(_ format: TrackFormat, _ index: Int) throws(MuxError) {
    let configuration = format.configuration
    switch format.codec {
    case .h264:
      // avcC: version 1, profile, compatibility, level, then reserved ones and the size of a length less one (ISO/IEC 14496-15 §5.3.3.1).
      guard configuration.count >= 7, configuration[0] == 1, configuration[4] & 3 == 3, canDeclare(format.size) else {
        throw .badFormat(track: index)
      }
    case .aac:
      // AudioSpecificConfig: 5 bits of object type, 4 of frequency index (3 is 48 kHz), 4 of channels (ISO/IEC 14496-3 §1.6.2.1).
      guard configuration.count >= 2, (configuration[0] & 7) << 1 | configuration[1] >> 7 == 3, (1...2).contains(format.channels)
      else { throw .badFormat(track: index) }
    case .opus:
      guard (1...2).contains(format.channels) else { throw .badFormat(track: index) }
    case .vp9:
      guard configuration.count == 8, canDeclare(format.size) else { throw .badFormat(track: index) }
    case .h265:
      // hvcC: version 1, then profile and formats, the size of a length less one, and arrays of sets (ISO/IEC 14496-15 §8.3.3.1).
      guard configuration.count > 23, configuration[0] == 1, configuration[21] & 3 == 3, canDeclare(format.size) else {
        throw .badFormat(track: index)
      }
    case .av1:
      // av1C: marker and version, then what the sequence header says, and that header (AV1 in ISOBMFF §2.3.3).
      guard configuration.count > 4, configuration[0] == 0x81, canDeclare(format.size) else { throw .badFormat(track: index) }
    case .vp8, .multiopus, .pcmu, .pcma, .g722, .l16: throw .unsupported(format.codec)
    }
  }
}

extension ClockRate {
  /// The tick nearest to a time.
  func ticks(at time: MediaTime) -> Int64 {
    // Whole seconds apart from the rest, so that days of nanoseconds do not overflow when multiplied.
    let second: Int64 = 1_000_000_000
    return time.nanoseconds / second * Int64(hertz) + (time.nanoseconds % second * Int64(hertz) + second / 2) / second
  }
}
