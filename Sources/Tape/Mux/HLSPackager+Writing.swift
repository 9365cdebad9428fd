import Codecs
import Ground
import HLSPlaylist

/// What segments are made of, and what is ordered for them.
extension HLSPackager {
  /// Puts a frame into the open segment.
  mutating func accept(_ frame: EncodedFrame) throws(MuxError) {
    if frame.track == videoTrack {
      if let held, frame.time > held.time { videoInterval = frame.time - held.time }
      try writeHeld(until: frame.time)
    }
    if let open = segment, (frame.time - open.fragmentStart).nanoseconds >= Int64(configuration.fragmentMilliseconds) * 1_000_000 {
      try flushFragment()
      segment?.fragmentStart = frame.time
    }
    if frame.track == videoTrack {
      var whole = frame
      if frame.isKey { whole.bytes = parameterSets.prepended(to: frame.bytes) }
      held = whole
      needsKey = false
      lastVideoTime = frame.time
      mediaEnd = max(mediaEnd, frame.time + min(videoInterval, HLSPackager.gap))
    } else {
      try writer?.write(frame, duration: frame.duration)
      mediaEnd = max(mediaEnd, frame.time + frame.duration)
    }
  }

  /// Closes the segment at `end`, which the next one begins at unless there is a break.
  mutating func closeSegment(_ open: OpenSegment, at end: MediaTime) throws(MuxError) {
    try writeHeld(until: end)
    try flushFragment()
    let byteCount = segment?.byteCount ?? 0
    segment = nil
    guard byteCount > 0 else {
      isDiscontinuous = isDiscontinuous || open.isDiscontinuous
      return
    }
    // Both ends are rounded, not the length: then the lengths of many segments add up to their times.
    let length = Int(end.milliseconds - open.start.milliseconds)
    let limit = configuration.segmentSeconds * 1_000
    if length > limit { overlongSegments += 1 }
    let number = segmentCount
    let finished = HLSSegment(
      uri: HLSName.segment(number), sequence: number, start: open.start,
      durationMilliseconds: configuration.hasForeignKeyFrames ? max(length, 1) : min(max(length, 1), limit),
      byteCount: byteCount, programDateTime: open.programDateTime, isDiscontinuous: open.isDiscontinuous)
    presentation.add(
      MediaPlaylist.Segment(
        uri: finished.uri, durationMilliseconds: finished.durationMilliseconds, programDateTime: finished.programDateTime,
        isDiscontinuous: finished.isDiscontinuous, map: HLSName.initSegment(initNumber)), bytes: byteCount)
    orders.append(.rename(from: HLSName.part(number), to: finished.uri))
    unannounced.append(finished)
    guard segmentCount >= configuration.leadSegments else { return }
    // The media playlist comes first: what the multivariant one names is there.
    orders.append(.write(path: HLSName.media, bytes: presentation.mediaPlaylist))
    if let bytes = presentation.takeMultivariantPlaylist() { orders.append(.write(path: HLSName.master, bytes: bytes)) }
    announce()
  }

  /// Announces the segments that the playlists ordered last are the first to name.
  mutating func announce() {
    orders += unannounced.map { .announce($0) }
    unannounced = []
  }

  private mutating func writeHeld(until next: MediaTime) throws(MuxError) {
    guard let frame = held else { return }
    held = nil
    let known = frame.duration > .zero ? frame.duration : videoInterval
    try writer?.write(frame, duration: next > frame.time ? next - frame.time : known)
  }

  private mutating func flushFragment() throws(MuxError) {
    guard let bytes = try writer?.flushFragment(), !bytes.isEmpty else { return }
    if !isInitWritten, let header = writer?.initSegment {
      orders.append(.write(path: HLSName.initSegment(initNumber), bytes: header))
      presentation.include(formats)
      isInitWritten = true
    }
    orders.append(.append(path: HLSName.part(segmentCount), bytes: bytes))
    segment?.byteCount += bytes.count
  }
}
