import Codecs
import Ground

/// A table of a track that grows with the file, as it will stand in the file's index. What is older may lie in the file already.
struct MP4Table {
  /// Where the file holds what was written out, in order.
  private(set) var written: [Range<Int64>] = []
  /// What comes after that.
  private(set) var recent: [UInt8] = []

  var count: Int { written.reduce(recent.count) { $0 + $1.count } }

  mutating func append(_ value: UInt32) { recent.appendU32(value) }
  mutating func append(_ value: UInt64) { recent.appendU64(value) }

  /// The table's recent bytes are now in the file at `offset`.
  mutating func note(writtenAt offset: Int64) {
    guard !recent.isEmpty else { return }
    written.append(offset..<offset + Int64(recent.count))
    recent.removeAll(keepingCapacity: true)
  }
}

/// The index of one track: where its samples lie in the file and on the timeline (ISO/IEC 14496-12 §8.6 and §8.7).
struct MP4TrackTables {
  /// What the finished file counts by, a second, in all tracks and in edit lists: Firefox takes an edit's length for one in the track's own
  /// ticks. Sound's places are exact, pictures' to 11 microseconds.
  static let timescale: Int64 = 48_000

  /// A stretch of the track that goes on without a hole too long for a sample's duration.
  struct Stretch: Hashable {
    /// Where it begins on the timeline and in the track's media, in the finished file's ticks.
    var start: Int64
    var media: Int64
  }
  /// Sample durations have 32 bits, and readers take them for signed: 12 hours. Longer holes are left to an edit list, which not every
  /// reader follows in the middle of a track.
  private static let longestSample = Int64(Int32.max)

  let rate: ClockRate
  let isVideo: Bool
  /// `stts`: runs of samples of one duration, each with its number.
  private(set) var durations = MP4Table()
  /// `stsz`.
  private(set) var sizes = MP4Table()
  /// `stss`: the samples that decoding can start at.
  private(set) var keys = MP4Table()
  /// `stsc`: runs of chunks of one number of samples and one description.
  private(set) var chunkRuns = MP4Table()
  /// `co64`.
  private(set) var offsets = MP4Table()
  private(set) var samples = 0
  /// How many of them decoding can start at; of pictures only.
  var keyCount: Int { keys.count / 4 }
  private(set) var stretches: [Stretch] = []
  private(set) var descriptions: Set<UInt32> = []
  private var chunks: UInt32 = 0
  private var durationRun: (count: UInt32, duration: UInt32)?
  private var chunkRun: (first: UInt32, samples: UInt32, description: UInt32)?
  /// The last sample's place, and its length where no other follows, by the track's clock.
  private var last: (ticks: Int64, duration: UInt32)?
  /// Where the last sample begins in the track's media.
  private var media: Int64 = 0

  init(_ codec: Codec) {
    rate = codec.clockRate
    isVideo = codec.kind == .video
  }

  /// Where the last sample lies, by the track's clock; nil before the first.
  var lastTicks: Int64? { last?.ticks }
  /// Where it ends, from the timeline's zero.
  var end: TimeSpan { last.map { rate.span(ofTicks: $0.ticks + Int64($0.duration)) } ?? .zero }
  /// The same in the finished file's ticks.
  var endTicks: Int64 { last.map { fileTicks($0.ticks + Int64($0.duration)) } ?? 0 }
  /// How long the track's media is in them, holes between stretches apart.
  var mediaTicks: Int64 { last.map { media + endTicks - fileTicks($0.ticks) } ?? 0 }
  /// Bytes that wait in memory.
  var recentBytes: Int { recentTables.reduce(0) { $0 + $1.recent.count } }
  private var recentTables: [MP4Table] { [durations, sizes, keys, chunkRuns, offsets] }

  private func fileTicks(_ ticks: Int64) -> Int64 {
    let hertz = Int64(rate.hertz)
    return ticks / hertz * MP4TrackTables.timescale + (ticks % hertz * MP4TrackTables.timescale + hertz / 2) / hertz
  }

  /// Takes note of a sample, the last of the last chunk. `ticks` and `duration` by the track's clock; they lie behind the last sample's.
  mutating func note(ticks: Int64, duration: UInt32, size: UInt32, isKey: Bool) {
    if let last {
      let distance = fileTicks(ticks) - fileTicks(last.ticks)
      let isHole = distance > MP4TrackTables.longestSample
      let length = isHole ? endTicks - fileTicks(last.ticks) : distance
      add(UInt32(length))
      media += length
      if isHole { stretches.append(Stretch(start: fileTicks(ticks), media: media)) }
    } else {
      stretches = [Stretch(start: fileTicks(ticks), media: 0)]
    }
    last = (ticks, duration)
    samples += 1
    sizes.append(size)
    if isVideo, isKey { keys.append(UInt32(truncatingIfNeeded: samples)) }
  }

  /// Takes note of a chunk: so many samples, one after the other from `offset` of the file on.
  mutating func noteChunk(at offset: Int64, samples: UInt32, description: UInt32) {
    chunks += 1
    offsets.append(UInt64(offset))
    descriptions.insert(description)
    if let run = chunkRun, run.samples == samples, run.description == description { return }
    endChunkRun()
    chunkRun = (chunks, samples, description)
  }

  /// The same with everything in its tables that waits for what comes next.
  func finished() -> MP4TrackTables {
    var whole = self
    if let last { whole.add(UInt32(endTicks - fileTicks(last.ticks))) }
    whole.endDurationRun()
    whole.endChunkRun()
    return whole
  }

  private mutating func add(_ duration: UInt32) {
    if let run = durationRun, run.duration == duration {
      durationRun = (run.count + 1, duration)
      return
    }
    endDurationRun()
    durationRun = (1, duration)
  }

  private mutating func endDurationRun() {
    guard let run = durationRun else { return }
    durations.append(run.count)
    durations.append(run.duration)
    durationRun = nil
  }

  private mutating func endChunkRun() {
    guard let run = chunkRun else { return }
    chunkRuns.append(run.first)
    chunkRuns.append(run.samples)
    chunkRuns.append(run.description)
    chunkRun = nil
  }

  /// Appends what waits to `bytes`, which will lie at `offset` of the file, and forgets it.
  mutating func writeOut(to bytes: inout [UInt8], at offset: Int64) {
    for table in [\MP4TrackTables.durations, \.sizes, \.keys, \.chunkRuns, \.offsets] {
      let place = offset + Int64(bytes.count)
      bytes += self[keyPath: table].recent
      self[keyPath: table].note(writtenAt: place)
    }
  }
}
