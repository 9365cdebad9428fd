import Codecs
import Foundation
import Ground
import Mux
import Testing

/// H.264 made by ffmpeg, as it lies on tape: access units of units with their lengths, key frames with their parameter sets in front.
enum MP4TestMedia {
  /// Six seconds of 320x240 at 30 frames a second, a key frame each second.
  static let video = make("320x240", seconds: 6)
  /// One second of 640x480, to follow another size.
  static let largerVideo = make("640x480", seconds: 1)
  static let formats = [TrackFormat(codec: .h264, channels: 1), TrackFormat(codec: .opus, channels: 2)]

  /// Pictures as track 0 and sound as track 1, in the order of their times.
  static func both() throws -> [EncodedFrame] {
    merged(try video.get(), moved(try TestMedia.audio.get(), track: 1))
  }

  static func merged(_ a: [EncodedFrame], _ b: [EncodedFrame]) -> [EncodedFrame] {
    (a + b).sorted { ($0.time, $0.track) < ($1.time, $1.track) }
  }

  /// The same on another track, and later by so many milliseconds.
  static func moved(_ frames: [EncodedFrame], track: Int, by milliseconds: Int64 = 0) -> [EncodedFrame] {
    frames.map { frame in
      var frame = frame
      frame.track = track
      frame.time = frame.time + .milliseconds(milliseconds)
      return frame
    }
  }

  private static func make(_ size: String, seconds: Int) -> Result<[EncodedFrame], TestMedia.Failure> {
    let file = TestMedia.folder.appending(path: "video-\(size).h264")
    let sides = size.split(separator: "x").compactMap { Int($0) }
    do {
      try TestMedia.run(
        "ffmpeg",
        [
          "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=\(size):r=30:d=\(seconds)", "-c:v", "libx264", "-profile:v", "baseline",
          "-preset", "ultrafast", "-bf", "0", "-g", "30", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-threads", "1", "-f", "h264",
          file.path(),
        ])
      return .success(accessUnits(Array(try Data(contentsOf: file)), PictureSize(width: sides[0], height: sides[1])))
    } catch {
      return .failure(error as? TestMedia.Failure ?? TestMedia.Failure(message: "\(error)"))
    }
  }

  private static func accessUnits(_ stream: [UInt8], _ size: PictureSize) -> [EncodedFrame] {
    var frames: [EncodedFrame] = []
    var bytes: [UInt8] = []
    for unit in units(stream) {
      bytes.appendU32(UInt32(unit.count))
      bytes += unit
      let type = unit[0] & 31
      guard type == 1 || type == 5 else { continue }
      let time = MediaTime(nanoseconds: Int64(frames.count) * 1_000_000_000 / 30)
      frames.append(EncodedFrame(bytes: bytes, track: 0, time: time, isKey: type == 5, size: type == 5 ? size : nil))
      bytes = []
    }
    return frames
  }

  /// The NAL units of an Annex B stream of one slice a picture.
  private static func units(_ stream: [UInt8]) -> [[UInt8]] {
    var out: [[UInt8]] = []
    var start: Int?
    var at = 0
    while at + 3 <= stream.count {
      guard stream[at] == 0, stream[at + 1] == 0, stream[at + 2] == 1 else {
        at += 1
        continue
      }
      if let start { out.append(trimmed(stream[start..<at])) }
      start = at + 3
      at += 3
    }
    if let start { out.append(trimmed(stream[start...])) }
    return out
  }

  private static func trimmed(_ unit: ArraySlice<UInt8>) -> [UInt8] { Array(unit[...(unit.lastIndex { $0 != 0 } ?? unit.startIndex)]) }
}

/// Writes the frames to a file in memory, draining after each; without `finish` it is left as a crash leaves it, all its frames written.
func mp4(_ formats: [TrackFormat], _ frames: [EncodedFrame], finish: Bool = true) throws -> TestFile {
  var writer = try MP4Writer(tracks: formats)
  var file = TestFile()
  for frame in frames {
    try writer.write(frame)
    writer.drain { file.write($0, $1) }
  }
  if finish {
    let steps = try writer.finish()
    writer.drain { file.write($0, $1) }
    for step in steps { file.carryOut(step) }
  } else {
    try writer.closeFragment()
    writer.drain { file.write($0, $1) }
  }
  #expect(Int64(file.bytes.count) == writer.fileBytes)
  return file
}

extension TestFile {
  mutating func carryOut(_ step: FinishingStep) {
    switch step {
    case .write(let offset, let bytes): write(offset, bytes.span)
    case .copy(let range, let offset): write(offset, Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]).span)
    }
  }

  /// The types of the boxes that the file is made of, and where each begins and ends.
  var boxes: [(type: String, range: Range<Int>)] {
    var out: [(type: String, range: Range<Int>)] = []
    var at = 0
    while at + 8 <= bytes.count {
      var size = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
      if size == 1, at + 16 <= bytes.count { size = bytes[at + 8..<at + 16].reduce(0) { $0 << 8 | Int($1) } }
      guard size >= 8, size <= bytes.count - at else { break }
      out.append((String(decoding: bytes[at + 4..<at + 8], as: UTF8.self), at..<at + size))
      at += size
    }
    return out
  }
}

/// A file's packets track by track, as the tracks' frames are expected.
func byTrack(_ packets: [ProbedPacket], _ tracks: Int = 2) -> [[ProbedPacket]] {
  (0..<tracks).map { track in packets.filter { $0.stream == track } }
}

enum MP4Probe {
  /// Packets with their times in whole milliseconds, whatever a stream counts by.
  static func packets(_ path: String) throws -> [ProbedPacket] {
    let lines = try TestMedia.run(
      "ffprobe",
      [
        "-v", "error", "-show_packets", "-show_data_hash", "adler32", "-show_entries", "packet=stream_index,pts_time,flags,data_hash",
        "-of",
        "csv=p=0", path,
      ],
      mustBeSilent: true)
    // The first packet of another description bears that, and has its hash on a line of its own.
    return try lines.replacing("New Extradata\n,", with: "").split(separator: "\n").map { line in
      let fields = line.split(separator: ",")
      guard fields.count == 4, let stream = Int(fields[0]), let time = Double(fields[1]), let hash = fields[3].split(separator: ":").last,
        let adler = UInt32(hash, radix: 16)
      else { throw TestMedia.Failure(message: "unreadable packet line \(line)") }
      return ProbedPacket(stream: stream, milliseconds: Int64((time * 1000).rounded()), isKey: fields[2].hasPrefix("K"), adler: adler)
    }
  }
}
