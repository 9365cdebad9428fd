import Ground

/// One fragment of an MP4 tape, sample by sample, as its `moof` tells it.
struct MP4Fragment {
  struct Sample: Hashable {
    var duration: UInt32
    var size: UInt32
    var isKey: Bool
  }
  /// What it has of one track.
  struct Part {
    /// An index into the file's tracks.
    var track: Int
    var description: UInt32
    /// Where its first sample lies.
    var ticks: Int64
    var samples: [Sample] = []
    /// Where its samples lie in the file, and how many lie there one after the other.
    var chunks: [(offset: Int64, count: Int)] = []
  }
  private(set) var parts: [Part] = []

  /// Reads a `moof` that stands at `offset` of the file. Nil where it is not as our writer makes it: tracks 1 to `trackCount`, each once, with
  /// samples that are not empty and lie in `data` of the file.
  init?(_ moof: FragmentBox, in bytes: Span<UInt8>, at offset: Int64, data: Range<Int64>, trackCount: Int) {
    var isWhole = true
    var parts: [Part] = []
    moof.forEachChild(in: bytes) { box in
      guard isWhole, box.isNamed("traf") else { return }
      guard let part = MP4Fragment.part(box, in: bytes, at: offset, data: data), part.track < trackCount,
        !parts.contains(where: { $0.track == part.track })
      else {
        isWhole = false
        return
      }
      if !part.samples.isEmpty { parts.append(part) }
    }
    guard isWhole, !parts.isEmpty else { return nil }
    self.parts = parts
  }

  private static func part(_ traf: FragmentBox, in bytes: Span<UInt8>, at moofOffset: Int64, data: Range<Int64>) -> Part? {
    guard let head = FragmentTrackHead(traf, in: bytes), head.id >= 1, head.ticks < 1 << 48 else { return nil }
    var part = Part(track: Int(head.id) - 1, description: head.description, ticks: Int64(head.ticks))
    var isWhole = true
    traf.forEachChild(in: bytes) { box in
      guard isWhole, box.isNamed("trun") else { return }
      guard let samples = FragmentSamples(box.body, in: bytes), let distance = samples.dataOffset, samples.count <= data.count else {
        isWhole = false
        return
      }
      guard samples.count > 0 else { return }
      let start = moofOffset + Int64(distance)
      let size = samples.sum(.size, otherwise: head.size, in: bytes)
      guard start >= data.lowerBound, start <= data.upperBound, size <= UInt64(data.upperBound - start) else {
        isWhole = false
        return
      }
      for index in 0..<samples.count {
        let flags =
          samples.value(.flags, of: index, in: bytes) ?? (index == 0 ? samples.firstFlags : nil) ?? head.flags
        let sample = Sample(
          duration: samples.value(.duration, of: index, in: bytes) ?? head.duration ?? 0,
          size: samples.value(.size, of: index, in: bytes) ?? head.size,
          // sample_is_non_sync_sample (§8.8.3.1).
          isKey: flags & 0x1_0000 == 0)
        guard sample.size > 0, sample.duration < 1 << 31 else {
          isWhole = false
          return
        }
        part.samples.append(sample)
      }
      part.chunks.append((start, samples.count))
    }
    return isWhole ? part : nil
  }

  /// Whether every part goes on behind what `tables` have, with descriptions that there are.
  func follows(_ tables: [MP4TrackTables], descriptionCounts: [Int]) -> Bool {
    parts.allSatisfy { part in
      part.ticks > tables[part.track].lastTicks ?? -1 && (1...max(1, descriptionCounts[part.track])).contains(Int(part.description))
        && part.samples.dropLast().allSatisfy { $0.duration > 0 }
    }
  }

  /// Enters the fragment's samples into the tables of their tracks.
  func enter(into tables: inout [MP4TrackTables]) {
    for part in parts {
      var ticks = part.ticks
      var next = 0
      for chunk in part.chunks {
        tables[part.track].noteChunk(at: chunk.offset, samples: UInt32(chunk.count), description: part.description)
        for sample in part.samples[next..<next + chunk.count] {
          tables[part.track].note(ticks: ticks, duration: sample.duration, size: sample.size, isKey: sample.isKey)
          ticks += Int64(sample.duration)
        }
        next += chunk.count
      }
    }
  }

  /// A `moof` with its `mdat`, in which the samples of some tracks are said to be of another description than the first. `descriptions`: by
  /// track.
  static func describe(_ fragment: [UInt8], _ descriptions: [Int]) -> [UInt8] {
    guard descriptions.contains(where: { $0 > 1 }) else { return fragment }
    let span = fragment.span
    guard let moof = FragmentBox(at: 0, before: fragment.count, in: span), moof.isNamed("moof") else { return fragment }
    // Every data offset is counted from the moof's start, so it grows by as much as the moof does.
    var growth: UInt32 = 0
    moof.forEachChild(in: span) { traf in
      if let number = number(traf, in: span, descriptions), number > 1 { growth += 4 }
    }
    guard growth > 0 else { return fragment }
    let grown = moof.rebuilt(in: fragment) { traf in
      guard traf.isNamed("traf") else { return nil }
      let description = number(traf, in: fragment.span, descriptions) ?? 1
      return traf.rebuilt(in: fragment) { box in
        if box.isNamed("tfhd"), description > 1 { return tfhd(Array(fragment[box.body]), description) }
        return box.isNamed("trun") ? trun(Array(fragment[box.body]), growth) : nil
      }
    }
    return grown + fragment[moof.whole.upperBound...]
  }

  private static func number(_ traf: FragmentBox, in bytes: Span<UInt8>, _ descriptions: [Int]) -> Int? {
    guard traf.isNamed("traf"), let head = FragmentTrackHead(traf, in: bytes) else { return nil }
    let track = Int(head.id) - 1
    return descriptions.indices.contains(track) ? descriptions[track] : nil
  }

  private static func tfhd(_ body: [UInt8], _ description: Int) -> [UInt8] {
    var body = body
    // Flag 0x2 announces the description, behind the track and the base offset (flag 0x1).
    let at = body[3] & 1 != 0 ? 16 : 8
    guard body[3] & 2 == 0, body.count >= at else { return FragmentBox.box(FragmentBox.code("tfhd"), body) }
    body[3] |= 2
    var number: [UInt8] = []
    number.appendU32(UInt32(description))
    body.insert(contentsOf: number, at: at)
    return FragmentBox.box(FragmentBox.code("tfhd"), body)
  }

  private static func trun(_ body: [UInt8], _ growth: UInt32) -> [UInt8] {
    var body = body
    if body.count >= 12, body[3] & 1 != 0 {
      var offset: [UInt8] = []
      offset.appendU32(body.span.u32(at: 8) &+ growth)
      body.replaceSubrange(8..<12, with: offset)
    }
    return FragmentBox.box(FragmentBox.code("trun"), body)
  }
}
