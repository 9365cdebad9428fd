import Codecs
import Ground

/// Walks a file's clusters and finds how far it is whole.
struct WebMScan {
  /// A cluster's head and, where it has one, its first block.
  private struct Cluster {
    var offset: Int64
    var head: MatroskaElement
    /// Where its payload begins, and where it ends by its size.
    var start: Int64
    var end: Int64
    var timestamp: Int64
    var blocks: Int64
    var first: Block?
  }
  private struct Block {
    var offset: Int64
    /// An index into the header's tracks.
    var track: Int
    var timestamp: Int64
    var isKey: Bool
    var payload: Range<Int64>
  }
  /// How many clusters at the end are looked into at least: 40 s of our writer's at its default, which is more than a kernel lets
  /// lie unwritten.
  private static let checkedClusters = 80
  /// What is read at a time to see a cluster's head and first block, and to go through its blocks.
  private static let headBytes = 512
  private static let blockBytes = 16 << 10

  /// No Opus packet is longer: 48 frames of 1275 bytes with their lengths (RFC 6716 §3.2).
  private static let longestSound: Int64 = 1 << 16
  private static let vp8HeadBytes: Int64 = 10
  /// More than the longest beginning of a VP9 frame header, up to its size.
  private static let vp9HeadBytes: Int64 = 32

  let header: WebMHeader
  private(set) var cues = WebMCues()
  private(set) var facts = TapeFacts()
  /// The numbers of the tracks of which a block was seen. Pictures are seen wherever they are: they begin with a key frame, which
  /// opens a cluster.
  private(set) var used: Set<Int64> = []
  /// Where what is kept ends.
  private(set) var keptEnd: Int64
  /// The new size of a last cluster of which only a part is kept.
  private(set) var shortened: FilePatch?
  private var window: FileWindow
  private var tail: [Cluster] = []

  init(_ header: WebMHeader, _ window: FileWindow) {
    self.header = header
    self.window = window
    keptEnd = Int64(header.end)
    facts.tracks = header.tracks.map { TapeFacts.Track($0) }
  }

  /// The facts, without the tracks that the file's end will take from the header.
  var factsOfUsedTracks: TapeFacts {
    var facts = facts
    let gone = WebMIndex.withoutPictures(header, used: used)
    facts.tracks = header.tracks.filter { track in !gone.contains { $0.number == track.number } }.map { TapeFacts.Track($0) }
    return facts
  }

  /// Goes from cluster to cluster by their sizes, to the first place where none begins.
  mutating func walkClusters() throws(RecoveryError) {
    window.chunkBytes = WebMScan.headBytes
    while let cluster = try cluster(at: keptEnd) {
      facts.clusters += 1
      note(cluster)
      tail.append(cluster)
      if tail.count == 2 * WebMScan.checkedClusters { tail.removeFirst(WebMScan.checkedClusters) }
      keptEnd = min(cluster.end, window.length)
      if cluster.end >= window.length { break }
    }
    facts.bytesKept = keptEnd
    facts.keyFrames = cues.videoCount
  }

  /// Whether the file is as a writer leaves it that came to its end. To be asked after `walkClusters`.
  mutating func isFinished(fileLength: Int64) throws(RecoveryError) -> Bool {
    guard let size = header.segmentSize, Int64(header.segmentStart) + size == fileLength, header.hasSeekHead else { return false }
    if cues.cues.isEmpty { return keptEnd == fileLength }
    // A damaged header may have no place for a duration: what is finished all the same has none.
    guard header.duration != nil || header.durationOffset == nil, header.cuesOffset == keptEnd,
      let element = try window.element(at: keptEnd)
    else { return false }
    return element.id == MatroskaID.cues && element.size.map { keptEnd + Int64(element.headLength) + $0 == fileLength } == true
  }

  /// Takes the file's last bytes for not written, as far as the header leaves any: zeros in it are its own.
  mutating func forgetTail(_ bytes: Int64) {
    window.length = max(Int64(header.end), window.length - bytes)
    keptEnd = min(keptEnd, window.length)
  }

  /// Looks into the last clusters, block by block, and gives up what follows the first damage. Finds the duration on the way.
  mutating func checkTail() throws(RecoveryError) {
    window.chunkBytes = WebMScan.blockBytes
    var clocks = [WebMTrackClock](repeating: WebMTrackClock(), count: header.tracks.count)
    for (index, cluster) in tail.enumerated() {
      let end = try check(cluster, &clocks)
      guard end < cluster.end else { continue }
      if end > cluster.blocks {
        keptEnd = end
        var size: [UInt8] = []
        size.appendMatroskaSize(end - cluster.start, length: cluster.head.sizeLength)
        shortened = FilePatch(offset: cluster.start - Int64(cluster.head.sizeLength), bytes: size)
      } else {
        keptEnd = cluster.offset
      }
      facts.clusters -= tail.count - index - (end > cluster.blocks ? 1 : 0)
      break
    }
    cues.cut(at: keptEnd - Int64(header.segmentStart))
    used.formUnion(cues.cues.map(\.track))
    facts.keyFrames = cues.videoCount
    facts.bytesKept = keptEnd
    facts.duration = .milliseconds(clocks.reduce(0) { max($0, $1.end) })
  }

  /// Where the last whole block of a cluster ends. In a cluster that is cut, or breaks off, a block must look like its codec's too.
  private mutating func check(_ cluster: Cluster, _ clocks: inout [WebMTrackClock]) throws(RecoveryError) -> Int64 {
    if cluster.end <= window.length {
      let before = (clocks, used)
      let end = try walkBlocks(of: cluster, &clocks, isCut: false)
      if end == cluster.end { return end }
      // What breaks off will be cut there: recovery that is interrupted after that must find the same.
      (clocks, used) = before
    }
    return try walkBlocks(of: cluster, &clocks, isCut: true)
  }

  private mutating func walkBlocks(
    of cluster: Cluster, _ clocks: inout [WebMTrackClock], isCut: Bool
  ) throws(RecoveryError) -> Int64 {
    var end = cluster.blocks
    while let block = try block(at: end, in: cluster) {
      let track = header.tracks[block.track]
      var duration: Int64 = 0
      switch track.codec {
      case .pcmu, .pcma, .g722, .l16:
        let bytes = Int64(track.sound.bytesPerTick ?? 1)
        if isCut, block.payload.count % Int(bytes) != 0 { return end }
        duration = MediaTime(nanoseconds: track.sound.clockRate.span(ofTicks: Int64(block.payload.count) / bytes).nanoseconds).milliseconds
      case .opus, .multiopus:
        let held = try window.hold(block.payload.lowerBound, Int(min(Int64(block.payload.count), WebMScan.longestSound)))
        if let span = try? track.sound.duration(of: window.bytes.span.extracting(held)) {
          duration = MediaTime(nanoseconds: span.nanoseconds).milliseconds
        } else if isCut {
          return end
        }
      case .h264, .h265:
        if isCut, try !isAccessUnit(block, track.codec) { return end }
      case .av1:
        if isCut, try !isTemporalUnit(block) { return end }
      case .vp8, .aac:
        guard isCut else { break }
        let held = try window.hold(block.payload.lowerBound, Int(min(Int64(block.payload.count), WebMScan.vp8HeadBytes)))
        if (try? VP8FrameHeader(parsing: window.bytes.span.extracting(held)))?.isKey != block.isKey { return end }
      case .vp9:
        guard isCut else { break }
        let held = try window.hold(block.payload.lowerBound, Int(min(Int64(block.payload.count), WebMScan.vp9HeadBytes)))
        let head = try? VP9FrameHeader(parsing: window.bytes.span, from: held.lowerBound, to: held.upperBound, slots: VP9Slots())
        if head?.isKey != block.isKey { return end }
      }
      used.insert(track.number)
      _ = clocks[block.track].place(block.timestamp - track.delayMilliseconds, duration: duration)
      end = block.payload.upperBound
    }
    return end
  }

  /// Whether the sizes of its units lead through the whole block, and its first frame is a key frame if the block says so.
  private mutating func isTemporalUnit(_ block: Block) throws(RecoveryError) -> Bool {
    var at = block.payload.lowerBound
    var frame: AV1FrameHead?
    while at < block.payload.upperBound {
      let held = try window.hold(at, Int(min(block.payload.upperBound - at, 12)))
      let bytes = window.bytes.span.extracting(held)
      guard let header = try? AV1UnitHeader(parsing: bytes), header.hasSize else { return false }
      var place = header.count
      guard let size = try? AV1Size.read(bytes, at: &place, end: bytes.count) else { return false }
      if frame == nil, header.kind == .frame || header.kind == .frameHeader {
        frame = try? AV1FrameHead(parsing: bytes.extracting(place..<bytes.count))
      }
      at += Int64(place + size)
    }
    return at == block.payload.upperBound && frame?.isKey == block.isKey
  }

  /// Whether the lengths of its NAL units lead through the whole block, and it holds a picture where decoding can start if it is a key frame.
  private mutating func isAccessUnit(_ block: Block, _ codec: Codec) throws(RecoveryError) -> Bool {
    var at = block.payload.lowerBound
    var isKey = false
    while at < block.payload.upperBound {
      let held = try window.hold(at, 5)
      guard held.count == 5, block.payload.upperBound - at >= 5 else { return false }
      let bytes = window.bytes.span.extracting(held)
      let count = Int64(bytes.u32(at: 0))
      guard count > 0, bytes[4] & 0x80 == 0, codec == .h265 || bytes[4] & 0x1f != 0 else { return false }
      let type = codec == .h265 ? H265UnitType.of(bytes[4]) : bytes[4] & 0x1f
      if codec == .h265 ? H265UnitType.isRandomAccess(type) : type == H264UnitType.idrSlice { isKey = true }
      at += 4 + count
    }
    return at == block.payload.upperBound && isKey == block.isKey
  }

  /// The cluster at a place: of known size, beginning with its timestamp. Nil where there is none, or only a part of its head.
  private mutating func cluster(at offset: Int64) throws(RecoveryError) -> Cluster? {
    guard let head = try window.element(at: offset), head.id == MatroskaID.cluster, let size = head.size else { return nil }
    let start = offset + Int64(head.headLength)
    // Sizes have at most 56 bits, and offsets are those of a real file: the sum stays in range.
    let end = start + size
    let held = try window.hold(start, Int(min(size, 10)))
    guard let timestamp = MatroskaElement(window.bytes, at: held.lowerBound), timestamp.id == MatroskaID.timestamp,
      let count = timestamp.size, count <= 8, timestamp.headLength + Int(count) <= held.count
    else { return nil }
    let first = held.lowerBound + timestamp.headLength
    guard let value = window.bytes.matroskaUnsigned(first..<first + Int(count)), value < WebMTrackClock.latestMilliseconds else {
      return nil
    }
    var cluster = Cluster(
      offset: offset, head: head, start: start, end: end, timestamp: value, blocks: start + Int64(timestamp.headLength) + count)
    cluster.first = try block(at: cluster.blocks, in: cluster)
    return cluster
  }

  /// The block at a place in a cluster, if it is whole (RFC 9559 §10.3):
  ///
  ///     +------------+---------------+----------------------+-----------------+-- - - -
  ///     | A3, size   | track, 1 byte | timestamp, 16 signed | flags: key 0x80 | frame
  ///     +------------+---------------+----------------------+-----------------+-- - - -
  private mutating func block(at offset: Int64, in cluster: Cluster) throws(RecoveryError) -> Block? {
    let limit = min(cluster.end, window.length)
    guard offset < limit, let head = try window.element(at: offset), head.id == MatroskaID.simpleBlock, let size = head.size else {
      return nil
    }
    let start = offset + Int64(head.headLength)
    guard size > 4, start + size <= limit else { return nil }
    let held = try window.hold(start, 4)
    guard held.count == 4 else { return nil }
    let bytes = window.bytes[held]
    let number = Int64(bytes[held.lowerBound] & 0x7F)
    // The lacing bits are never ours.
    guard bytes[held.lowerBound] & 0x80 != 0, bytes[held.lowerBound + 3] & 0x06 == 0,
      let track = header.tracks.firstIndex(where: { $0.number == number })
    else { return nil }
    let relative = Int16(bitPattern: UInt16(bytes[held.lowerBound + 1]) << 8 | UInt16(bytes[held.lowerBound + 2]))
    return Block(
      offset: offset, track: track, timestamp: cluster.timestamp + Int64(relative), isKey: bytes[held.lowerBound + 3] & 0x80 != 0,
      payload: start + 4..<start + size)
  }

  private mutating func note(_ cluster: Cluster) {
    guard let block = cluster.first, block.isKey else { return }
    let track = header.tracks[block.track]
    cues.note(
      WebMCues.Cue(
        timestamp: block.timestamp, isVideo: track.codec.kind == .video, track: track.number,
        clusterPosition: cluster.offset - Int64(header.segmentStart), relativePosition: block.offset - cluster.start))
  }
}

extension TapeFacts.Track {
  fileprivate init(_ track: WebMHeader.Track) {
    self.init(codec: track.codec, channels: track.channels, size: track.codec.kind == .video ? track.size : nil)
  }
}
