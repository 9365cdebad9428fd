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

/// The samples of one track in one fragment (`traf`).
struct FragmentRun {
  var start: MediaTime
  var end: MediaTime
  /// Of all samples together, where the boxes say; at most 2^40.
  var sampleBytes: Int

  static func parse(
    _ traf: FragmentBox, in bytes: Span<UInt8>, header: FragmentHeader
  ) -> (run: FragmentRun, track: FragmentHeader.Track)? {
    guard let tfhd = traf.child("tfhd", in: bytes)?.body, tfhd.count >= 8, let tfdt = traf.child("tfdt", in: bytes)?.body,
      tfdt.count >= 8, let track = header.track(bytes.u32(at: tfhd.lowerBound + 4)),
      let defaults = Defaults(tfhd, in: bytes, track: track)
    else { return nil }
    let isLong = bytes[tfdt.lowerBound] == 1
    guard !isLong || tfdt.count >= 12 else { return nil }
    let ticks = isLong ? bytes.u64(at: tfdt.lowerBound + 4) : UInt64(bytes.u32(at: tfdt.lowerBound + 4))
    var total: UInt64 = 0
    var size: UInt64 = 0
    var isWhole = true
    traf.forEachChild(in: bytes) { box in
      guard box.isNamed("trun") else { return }
      // The bound keeps the sums of any number of runs from overflowing.
      guard let sum = sum(box.body, in: bytes, defaults), max(total, size) < 1 << 60 else {
        isWhole = false
        return
      }
      total += sum.duration
      size += sum.bytes
    }
    // Centuries are no media time, and would not fit nanoseconds.
    guard isWhole, ticks < UInt64(track.timescale) << 32, total < UInt64(track.timescale) << 32, size < 1 << 40 else { return nil }
    let run = FragmentRun(
      start: time(ticks, track.timescale), end: time(ticks + total, track.timescale), sampleBytes: Int(size))
    return (run, track)
  }

  private struct Defaults {
    var duration: UInt32
    var size: UInt32 = 0

    /// tfhd: version and flags (32), track (32), then what the flags announce: base offset (64), description (32), duration, size, flags.
    init?(_ tfhd: Range<Int>, in bytes: Span<UInt8>, track: FragmentHeader.Track) {
      duration = track.defaultDuration
      let flags = bytes.u32(at: tfhd.lowerBound) & 0xff_ffff
      var at = tfhd.lowerBound + 8 + (flags & 0x1 != 0 ? 8 : 0) + (flags & 0x2 != 0 ? 4 : 0)
      if flags & 0x8 != 0 {
        guard at + 4 <= tfhd.upperBound else { return nil }
        duration = bytes.u32(at: at)
        at += 4
      }
      if flags & 0x10 != 0 {
        guard at + 4 <= tfhd.upperBound else { return nil }
        size = bytes.u32(at: at)
      }
    }
  }

  /// trun: version and flags (32), sample count (32), data offset (32) and first sample's flags (32) where announced, then for each sample what
  /// is announced of duration, size, flags and composition offset, 32 bits each.
  private static func sum(
    _ trun: Range<Int>, in bytes: Span<UInt8>, _ defaults: Defaults
  ) -> (duration: UInt64, bytes: UInt64)? {
    guard trun.count >= 8 else { return nil }
    let flags = bytes.u32(at: trun.lowerBound) & 0xff_ffff
    let count = Int(bytes.u32(at: trun.lowerBound + 4))
    var at = trun.lowerBound + 8 + (flags & 0x1 != 0 ? 4 : 0) + (flags & 0x4 != 0 ? 4 : 0)
    let hasDuration = flags & 0x100 != 0
    let hasSize = flags & 0x200 != 0
    let stride = [0x100, 0x200, 0x400, 0x800].reduce(0) { $0 + (flags & $1 != 0 ? 4 : 0) }
    guard count <= 1 << 20, at + count * stride <= trun.upperBound else { return nil }
    var duration = hasDuration ? 0 : UInt64(count) * UInt64(defaults.duration)
    var size = hasSize ? 0 : UInt64(count) * UInt64(defaults.size)
    guard hasDuration || hasSize else { return (duration, size) }
    for _ in 0..<count {
      if hasDuration { duration += UInt64(bytes.u32(at: at)) }
      if hasSize { size += UInt64(bytes.u32(at: at + (hasDuration ? 4 : 0))) }
      at += stride
    }
    return (duration, size)
  }

  private static func time(_ ticks: UInt64, _ timescale: UInt32) -> MediaTime {
    let scale = UInt64(timescale)
    return MediaTime(nanoseconds: Int64(ticks / scale * 1_000_000_000 + (ticks % scale * 1_000_000_000 + scale / 2) / scale))
  }
}
