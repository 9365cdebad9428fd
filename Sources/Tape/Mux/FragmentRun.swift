import Ground

/// The samples of one track in one fragment (`traf`).
struct FragmentRun {
  var start: MediaTime
  var end: MediaTime
  /// Of all samples together, where the boxes say; at most 2^40.
  var sampleBytes: Int

  static func parse(
    _ traf: FragmentBox, in bytes: Span<UInt8>, header: FragmentHeader
  ) -> (run: FragmentRun, track: FragmentHeader.Track)? {
    guard let head = FragmentTrackHead(traf, in: bytes), let track = header.track(head.id) else { return nil }
    var total: UInt64 = 0
    var size: UInt64 = 0
    var isWhole = true
    traf.forEachChild(in: bytes) { box in
      guard box.isNamed("trun") else { return }
      // The bound keeps the sums of any number of runs from overflowing.
      guard let samples = FragmentSamples(box.body, in: bytes), max(total, size) < 1 << 60 else {
        isWhole = false
        return
      }
      total += samples.sum(.duration, otherwise: head.duration ?? track.defaultDuration, in: bytes)
      size += samples.sum(.size, otherwise: head.size, in: bytes)
    }
    // Centuries are no media time, and would not fit nanoseconds.
    guard isWhole, head.ticks < UInt64(track.timescale) << 32, total < UInt64(track.timescale) << 32, size < 1 << 40 else { return nil }
    let run = FragmentRun(
      start: time(head.ticks, track.timescale), end: time(head.ticks + total, track.timescale), sampleBytes: Int(size))
    return (run, track)
  }

  private static func time(_ ticks: UInt64, _ timescale: UInt32) -> MediaTime {
    let scale = UInt64(timescale)
    return MediaTime(nanoseconds: Int64(ticks / scale * 1_000_000_000 + (ticks % scale * 1_000_000_000 + scale / 2) / scale))
  }
}

/// What a fragment says of one of its tracks (`tfhd` and `tfdt`, ISO/IEC 14496-12 §8.8.7 and §8.8.12).
///
/// tfhd: version and flags (32), track (32), then what the flags announce: base offset (64), and 32 bits each for the sample description, duration,
/// size and flags of samples that say none.
struct FragmentTrackHead {
  var id: UInt32
  /// Which entry of the track's `stsd`, counted from 1.
  var description: UInt32 = 1
  /// Nil: as the header's defaults have it.
  var duration: UInt32?
  var size: UInt32 = 0
  var flags: UInt32 = 0
  /// Where the first sample lies, in the track's ticks.
  var ticks: UInt64

  /// Nil where a box is missing or broken.
  init?(_ traf: FragmentBox, in bytes: Span<UInt8>) {
    guard let tfhd = traf.child("tfhd", in: bytes)?.body, tfhd.count >= 8, let tfdt = traf.child("tfdt", in: bytes)?.body,
      tfdt.count >= 8
    else { return nil }
    id = bytes.u32(at: tfhd.lowerBound + 4)
    let isLong = bytes[tfdt.lowerBound] == 1
    guard !isLong || tfdt.count >= 12 else { return nil }
    ticks = isLong ? bytes.u64(at: tfdt.lowerBound + 4) : UInt64(bytes.u32(at: tfdt.lowerBound + 4))
    let announced = bytes.u32(at: tfhd.lowerBound) & 0xff_ffff
    var at = tfhd.lowerBound + 8 + (announced & 0x1 != 0 ? 8 : 0)
    func next(_ flag: UInt32) -> UInt32?? {
      guard announced & flag != 0 else { return .some(nil) }
      guard at + 4 <= tfhd.upperBound else { return nil }
      defer { at += 4 }
      return bytes.u32(at: at)
    }
    guard let description = next(0x2), let duration = next(0x8), let size = next(0x10), let flags = next(0x20) else { return nil }
    self.description = description ?? 1
    self.duration = duration
    self.size = size ?? 0
    self.flags = flags ?? 0
  }
}

/// A run of samples that lie one after the other (`trun`, ISO/IEC 14496-12 §8.8.8).
///
/// Version and flags (32), sample count (32), data offset (32) and first sample's flags (32) where announced, then for each sample what is
/// announced of duration, size, flags and composition offset, 32 bits each.
struct FragmentSamples {
  /// What may be said of each sample, by the flag that announces it.
  enum Field: UInt32 { case duration = 0x100, size = 0x200, flags = 0x400, compositionOffset = 0x800 }
  private static let fields: [Field] = [.duration, .size, .flags, .compositionOffset]
  private static let most = 1 << 20

  let count: Int
  /// Where the first sample begins, counted from the `moof`.
  private(set) var dataOffset: Int32?
  private(set) var firstFlags: UInt32?
  private let announced: UInt32
  private let start: Int
  private let stride: Int

  /// Nil where the box has less room than its samples need.
  init?(_ trun: Range<Int>, in bytes: Span<UInt8>) {
    guard trun.count >= 8 else { return nil }
    announced = bytes.u32(at: trun.lowerBound) & 0xff_ffff
    count = Int(bytes.u32(at: trun.lowerBound + 4))
    let announced = announced
    stride = FragmentSamples.fields.reduce(0) { $0 + (announced & $1.rawValue != 0 ? 4 : 0) }
    start = trun.lowerBound + 8 + (announced & 0x1 != 0 ? 4 : 0) + (announced & 0x4 != 0 ? 4 : 0)
    guard count <= FragmentSamples.most, start + count * stride <= trun.upperBound else { return nil }
    if announced & 0x1 != 0 { dataOffset = Int32(bitPattern: bytes.u32(at: trun.lowerBound + 8)) }
    if announced & 0x4 != 0 { firstFlags = bytes.u32(at: start - 4) }
  }

  /// A field of a sample; nil where samples do not say it.
  func value(_ field: Field, of sample: Int, in bytes: Span<UInt8>) -> UInt32? {
    guard announced & field.rawValue != 0 else { return nil }
    var at = start + sample * stride
    for other in FragmentSamples.fields where other.rawValue < field.rawValue && announced & other.rawValue != 0 { at += 4 }
    return bytes.u32(at: at)
  }

  /// A field of all samples together. `otherwise`: what each has that does not say it.
  func sum(_ field: Field, otherwise: UInt32, in bytes: Span<UInt8>) -> UInt64 {
    guard announced & field.rawValue != 0 else { return UInt64(count) * UInt64(otherwise) }
    var sum: UInt64 = 0
    for sample in 0..<count { sum += UInt64(value(field, of: sample, in: bytes) ?? 0) }
    return sum
  }
}
