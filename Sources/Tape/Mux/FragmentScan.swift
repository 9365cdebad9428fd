import Ground

/// What whole fragments a segment file holds, and the time that they cover. For a file that may end anywhere.
struct FragmentScan {
  /// How many bytes from the start are whole `moof` and `mdat` pairs.
  private(set) var wholeBytes = 0
  /// The first fragment's number (`mfhd`). A muxer counts from 1, so 1 tells that an initialization segment was new.
  private(set) var firstSequence: UInt32?
  /// Where the first whole fragment's video begins, or its sound where no fragment has video.
  private(set) var start = MediaTime.zero
  /// Where the last sample ends.
  private(set) var end = MediaTime.zero
  private var hasVideo = false

  /// Nil where no whole fragment of the header's tracks is in the bytes.
  init?(_ bytes: [UInt8], header: FragmentHeader) {
    let span = bytes.span
    var offset = 0
    var fragment: Facts?
    while let box = FragmentBox(at: offset, before: span.count, in: span) {
      offset = box.body.upperBound
      if box.isNamed("moof") {
        fragment = Facts(box, in: span, header: header)
        guard fragment != nil else { break }
      } else if box.isNamed("mdat") {
        guard let facts = fragment, facts.sampleBytes <= box.body.count else { break }
        take(facts)
        wholeBytes = offset
        fragment = nil
      } else if fragment != nil {
        // Nothing may stand between the two.
        break
      } else if box.isNamed("moov") {
        break
      }
    }
    guard wholeBytes > 0 else { return nil }
  }

  private mutating func take(_ facts: Facts) {
    let isFirst = wholeBytes == 0
    if isFirst {
      firstSequence = facts.sequence
      end = facts.end
    }
    end = max(end, facts.end)
    if let video = facts.videoStart, !hasVideo {
      start = video
      hasVideo = true
    } else if isFirst {
      start = facts.start
    }
  }

  /// One `moof`.
  private struct Facts {
    var sequence: UInt32
    var start: MediaTime
    var videoStart: MediaTime?
    var end: MediaTime
    var sampleBytes: Int

    /// Nil where a box of it is missing or broken, or a track is not the header's.
    init?(_ moof: FragmentBox, in bytes: Span<UInt8>, header: FragmentHeader) {
      guard let mfhd = moof.child("mfhd", in: bytes)?.body, mfhd.count >= 8 else { return nil }
      sequence = bytes.u32(at: mfhd.lowerBound + 4)
      var runs: [(run: FragmentRun, isVideo: Bool)] = []
      var isWhole = true
      moof.forEachChild(in: bytes) { box in
        guard box.isNamed("traf") else { return }
        guard let (run, track) = FragmentRun.parse(box, in: bytes, header: header) else {
          isWhole = false
          return
        }
        runs.append((run, track.isVideo))
      }
      guard isWhole, let first = runs.first else { return nil }
      start = first.run.start
      end = first.run.end
      sampleBytes = 0
      for (run, isVideo) in runs {
        start = min(start, run.start)
        end = max(end, run.end)
        sampleBytes += run.sampleBytes
        if isVideo, videoStart == nil { videoStart = run.start }
      }
    }
  }
}
