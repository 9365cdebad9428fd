import Codecs
import Ground

/// When segments begin and end.
extension HLSPackager {
  /// Moves waiting frames into segments as far as it is certain where they belong.
  mutating func pump() throws(MuxError) {
    while true {
      dropUndecodable()
      guard let earliest = lanes.compactMap({ $0.head?.time }).min() else { return }
      guard let open = segment else {
        guard isComplete(at: earliest) else { return }
        openSegment(at: earliest)
        continue
      }
      if try takeReady(open) { continue }
      guard try cut(open, earliest: earliest) else { return }
    }
  }

  /// Ends what was begun with the formats in force: every waiting frame is placed without waiting for others, and the segment is closed. `time`: where
  /// other formats begin, nil at the presentation's end.
  mutating func endFormats(at time: MediaTime?) throws(MuxError) {
    for i in lanes.indices where lanes[i].head == nil { lanes[i].isAbsent = true }
    try pump()
    while lanes.contains(where: { $0.head != nil }) {
      // A track that still has frames waits for one that has run out.
      for i in lanes.indices where lanes[i].head == nil { lanes[i].isAbsent = true }
      try pump()
    }
    guard let open = segment else { return }
    var end = mediaEnd
    if let time, time > open.start, (time - mediaEnd).magnitude <= HLSPackager.gap { end = time }
    // The last audio frame may reach over the boundary; that is no segment too long.
    if end > open.boundary, end - open.boundary <= .milliseconds(150) { end = open.boundary }
    try closeSegment(open, at: end)
  }

  /// Video that nothing here can decode goes at once.
  private mutating func dropUndecodable() {
    guard needsKey, let videoTrack else { return }
    while let head = lanes[videoTrack].head, !head.isKey {
      lanes[videoTrack].removeHead()
      droppedFrames += 1
    }
  }

  /// Whether every track shows what it has at `time`, or has been waited for long enough.
  private mutating func isComplete(at time: MediaTime) -> Bool {
    let newest = lanes.compactMap(\.newest).max() ?? time
    var complete = true
    for i in lanes.indices where lanes[i].head == nil && !lanes[i].isAbsent {
      if newest - time >= HLSPackager.patience { lanes[i].isAbsent = true } else { complete = false }
    }
    return complete
  }

  /// Takes every frame that belongs to the open segment whatever comes; false where there was none.
  private mutating func takeReady(_ open: OpenSegment) throws(MuxError) -> Bool {
    var took = false
    for i in lanes.indices {
      while let head = lanes[i].head, belongs(head, to: open) {
        lanes[i].removeHead()
        took = true
        try accept(head)
      }
    }
    return took
  }

  private func belongs(_ frame: EncodedFrame, to open: OpenSegment) -> Bool {
    if frame.time >= open.boundary, frame.time - mediaEnd > HLSPackager.gap { return false }
    guard let videoTrack else { return frame.time <= open.start || frame.time + frame.duration - open.start <= open.longest }
    let beforeBoundary = frame.time < open.boundary - HLSPackager.boundaryTolerance
    if frame.track == videoTrack { return beforeBoundary || !frame.isKey }
    // Sound goes as far as the picture: to the key frame that will end the segment, or along with a segment that none has ended.
    return beforeBoundary || frame.time < (endingKey(of: open)?.time ?? edge(of: open))
  }

  /// Where a segment with video ends if no key frame ends it: at its boundary, or where a picture that was no key frame went beyond it.
  private func edge(of open: OpenSegment) -> MediaTime { max(open.boundary, lastVideoTime) }

  /// The waiting key frame that ends the segment. One that comes long after the edge does not: then there was no picture for a while, and the sound
  /// goes on without.
  private func endingKey(of open: OpenSegment) -> EncodedFrame? {
    guard let videoTrack, let head = lanes[videoTrack].head, head.isKey, head.time - edge(of: open) <= HLSPackager.gap else { return nil }
    return head
  }

  /// Ends the segment where no waiting frame belongs to it; false where it must be waited.
  private mutating func cut(_ open: OpenSegment, earliest: MediaTime) throws(MuxError) -> Bool {
    if earliest >= open.boundary || videoTrack == nil, earliest - mediaEnd > HLSPackager.gap {
      guard isComplete(at: earliest) else { return false }
      try closeSegment(open, at: min(mediaEnd, open.start + open.longest))
      isDiscontinuous = true
      needsKey = true
      return true
    }
    if videoTrack == nil {
      // A small hole between two sounds does not make a segment longer than it may be.
      try closeSegment(open, at: min(earliest, open.start + open.longest))
      openSegment(at: earliest)
      return true
    }
    guard isComplete(at: earliest) else { return false }
    let end = endingKey(of: open)?.time ?? edge(of: open)
    needsKey = true
    try closeSegment(open, at: end)
    openSegment(at: end)
    return true
  }

  private mutating func openSegment(at start: MediaTime) {
    if grid == nil { grid = SegmentGrid(segment: segmentDuration, shortStart: configuration.hasShortStart ? start : nil) }
    let grid = grid ?? SegmentGrid(segment: segmentDuration)
    let rounded = start + HLSPackager.boundaryTolerance
    let zero = TimeSpan.milliseconds(start.milliseconds)
    segment = OpenSegment(
      start: start, boundary: grid.boundary(after: rounded), longest: grid.longest(from: rounded), fragmentStart: start,
      programDateTime: wallClockZero + zero,
      isDiscontinuous: isDiscontinuous)
    mediaEnd = max(mediaEnd, start)
    isDiscontinuous = false
  }
}
