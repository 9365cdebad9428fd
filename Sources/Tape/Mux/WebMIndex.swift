import Codecs

/// What turns a file of whole clusters into a finished one, by which players know its length and find their way in it. The writer
/// and recovery end a file alike, with this.
enum WebMIndex {
  /// What to append to a file whose last cluster ends at `end`, and what to patch after that. `used`: the numbers of the tracks that
  /// have frames. `cutting`: the last cluster's new size.
  static func finish(
    _ header: WebMHeader, _ cues: [WebMCues.Cue], used: Set<Int64>, end: Int64, durationMilliseconds: Int64, cutting: FilePatch? = nil
  ) -> (append: [UInt8], patches: [FilePatch]) {
    let append = element(cues)
    var patches = cutting.map { [$0] } ?? []
    for track in withoutPictures(header, used: used) {
      // An ID of one byte for an ID of one byte: readers pass over the entry.
      patches.append(FilePatch(offset: Int64(track.offset), bytes: [UInt8(MatroskaID.void)]))
    }
    if let offset = header.durationOffset, durationMilliseconds > 0 || header.duration != nil {
      var bytes: [UInt8] = []
      if durationMilliseconds > 0 {
        bytes.appendMatroska(MatroskaID.duration, float: Double(durationMilliseconds))
      } else {
        // A file that was finished once and has lost all its frames since.
        bytes.appendMatroskaVoid(WebMHeader.durationLength)
      }
      patches.append(FilePatch(offset: Int64(offset), bytes: bytes))
    }
    if let bytes = seekHead(header, cuesAt: append.isEmpty ? nil : end) {
      patches.append(FilePatch(offset: Int64(header.seekHeadSpace.lowerBound), bytes: bytes))
    }
    // The segment's size comes last: with it in place the file counts as finished.
    var size: [UInt8] = []
    size.appendMatroskaSize(end + Int64(append.count) - Int64(header.segmentStart), length: WebMHeader.segmentSizeLength)
    patches.append(FilePatch(offset: Int64(header.segmentStart - WebMHeader.segmentSizeLength), bytes: size))
    return (append, patches)
  }

  /// The video tracks that never had a frame, in a file that has frames. They go: browsers seek by the pictures where a track of them
  /// is declared, and cannot seek at all where it is empty.
  static func withoutPictures(_ header: WebMHeader, used: Set<Int64>) -> [WebMHeader.Track] {
    used.isEmpty ? [] : header.tracks.filter { $0.codec.kind == .video && !used.contains($0.number) }
  }

  /// The cues element (RFC 9559 §5.1.5); empty where there are none.
  private static func element(_ cues: [WebMCues.Cue]) -> [UInt8] {
    guard !cues.isEmpty else { return [] }
    var points: [UInt8] = []
    points.reserveCapacity(cues.count * 24)
    for cue in cues {
      var place: [UInt8] = []
      place.appendMatroska(MatroskaID.cueTrack, unsigned: cue.track)
      place.appendMatroska(MatroskaID.cueClusterPosition, unsigned: cue.clusterPosition)
      place.appendMatroska(MatroskaID.cueRelativePosition, unsigned: cue.relativePosition)
      var point: [UInt8] = []
      point.appendMatroska(MatroskaID.cueTime, unsigned: cue.timestamp)
      point.appendMatroska(MatroskaID.cueTrackPositions, place)
      points.appendMatroska(MatroskaID.cuePoint, point)
    }
    var element: [UInt8] = []
    element.reserveCapacity(points.count + MatroskaElement.longestHead)
    element.appendMatroska(MatroskaID.cues, points)
    return element
  }

  /// A seek head (RFC 9559 §5.1.1) that fills exactly the space that the header keeps for it; nil where it does not fit.
  private static func seekHead(_ header: WebMHeader, cuesAt cues: Int64?) -> [UInt8]? {
    var entries: [UInt8] = []
    let places: [(UInt32, Int64?)] = [
      (MatroskaID.info, Int64(header.infoOffset)), (MatroskaID.tracks, Int64(header.tracksOffset)),
      (MatroskaID.cues, cues),
    ]
    for (id, offset) in places {
      guard let offset else { continue }
      var entry: [UInt8] = []
      var name: [UInt8] = []
      name.appendMatroskaID(id)
      entry.appendMatroska(MatroskaID.seekID, name)
      entry.appendMatroska(MatroskaID.seekPosition, unsigned: offset - Int64(header.segmentStart))
      entries.appendMatroska(MatroskaID.seek, entry)
    }
    var element: [UInt8] = []
    element.appendMatroska(MatroskaID.seekHead, entries)
    let left = header.seekHeadSpace.count - element.count
    // What is left must hold an element that readers pass over; one byte cannot.
    guard left == 0 || left >= 2 else { return nil }
    if left > 0 { element.appendMatroskaVoid(left) }
    return element
  }
}
