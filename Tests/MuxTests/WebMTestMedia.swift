import Codecs
import Foundation
import Ground

/// Real VP8 and Opus, made by ffmpeg when the tests first ask for it, and the outside readers that judge our files.
enum TestMedia {
  struct Failure: Error { var message: String }

  /// A folder of this run's own, for what the outside programs read and write.
  static let folder: URL = {
    let folder = FileManager.default.temporaryDirectory.appending(path: "tapedeck-mux-\(UUID().uuidString)")
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    _ = atexit { try? FileManager.default.removeItem(at: TestMedia.folder) }
    return folder
  }()

  /// Six seconds of 320x240 at 30 frames a second, a key frame each second.
  static let video: Result<[EncodedFrame], Failure> = make(
    "video.ivf",
    ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=30:d=6"] + vp8, ivfFrames)
  /// One second of 640x480, to follow another size.
  static let largerVideo: Result<[EncodedFrame], Failure> = make(
    "larger.ivf", ["-f", "lavfi", "-i", "testsrc2=s=640x480:r=30:d=1"] + vp8, ivfFrames)
  /// Six seconds of stereo in packets of 20 ms.
  static let audio: Result<[EncodedFrame], Failure> = make(
    "audio.ogg", ["-f", "lavfi", "-i", "sine=440:d=6:r=48000", "-ac", "2", "-c:a", "libopus", "-b:a", "32k"], oggFrames)

  private static let vp8 = ["-c:v", "libvpx", "-g", "30", "-b:v", "400k", "-deadline", "realtime", "-cpu-used", "8", "-threads", "1"]

  /// Sound as track 0 and pictures as track 1, in the order of their times.
  static func both() throws -> [EncodedFrame] {
    var frames = try audio.get()
    for var frame in try video.get() {
      frame.track = 1
      frames.append(frame)
    }
    return frames.sorted { ($0.time, $0.track) < ($1.time, $1.track) }
  }

  static let bothFormats = [TrackFormat(codec: .opus, channels: 2), TrackFormat(codec: .vp8)]

  /// Runs a program and answers what it prints; throws where it fails or, with `mustBeSilent`, complains.
  @discardableResult
  static func run(_ program: String, _ arguments: [String], mustBeSilent: Bool = false) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let output = Pipe()
    let complaints = folder.appending(path: "stderr-\(UUID().uuidString)")
    _ = FileManager.default.createFile(atPath: complaints.path(), contents: nil)
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: complaints)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let printed = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let complained = try String(contentsOf: complaints, encoding: .utf8)
    guard process.terminationStatus == 0, !mustBeSilent || complained.isEmpty else {
      throw Failure(message: "\(program) \(arguments): \(complained)")
    }
    return String(decoding: printed, as: UTF8.self)
  }

  private static func make(
    _ name: String, _ arguments: [String], _ parse: ([UInt8]) -> [EncodedFrame]
  ) -> Result<[EncodedFrame], Failure> {
    let file = folder.appending(path: name)
    do {
      try run("ffmpeg", ["-v", "error", "-y"] + arguments + [file.path()])
      return .success(parse(Array(try Data(contentsOf: file))))
    } catch {
      return .failure(error as? Failure ?? Failure(message: "\(error)"))
    }
  }

  /// IVF: a header of 32 bytes, then for each frame its length (LE 32), its number (LE 64) and its bytes.
  private static func ivfFrames(_ file: [UInt8]) -> [EncodedFrame] {
    var frames: [EncodedFrame] = []
    var at = 32
    while at + 12 <= file.count {
      let length = (0..<4).reduce(0) { $0 | Int(file[at + $1]) << (8 * $1) }
      let bytes = Array(file[at + 12..<at + 12 + length])
      let isKey = bytes[0] & 1 == 0
      let size = PictureSize(
        width: (Int(bytes[6]) | Int(bytes[7]) << 8) & 0x3FFF, height: (Int(bytes[8]) | Int(bytes[9]) << 8) & 0x3FFF)
      let time = MediaTime(nanoseconds: Int64(frames.count) * 1_000_000_000 / 30)
      frames.append(EncodedFrame(bytes: bytes, track: 0, time: time, isKey: isKey, size: isKey ? size : nil))
      at += 12 + length
    }
    return frames
  }

  /// Ogg pages (RFC 3533 §6): the segment table at byte 27 holds packet lengths in steps of up to 255. The first two packets are headers.
  private static func oggFrames(_ file: [UInt8]) -> [EncodedFrame] {
    var packets: [[UInt8]] = [[]]
    var at = 0
    while at + 27 <= file.count {
      let segments = Int(file[at + 26])
      var body = at + 27 + segments
      for i in 0..<segments {
        let length = Int(file[at + 27 + i])
        packets[packets.count - 1] += file[body..<body + length]
        body += length
        if length < 255 { packets.append([]) }
      }
      at = body
    }
    return packets.dropLast().dropFirst(2).enumerated().map { index, bytes in
      EncodedFrame(
        bytes: bytes, track: 0, time: MediaTime(nanoseconds: Int64(index) * 20_000_000), duration: .milliseconds(20), isKey: true)
    }
  }
}

/// A file in memory that carries out a writer's orders, and its judges.
struct TestFile {
  var bytes: [UInt8] = []

  mutating func write(_ offset: Int64, _ order: Span<UInt8>) {
    let start = Int(offset)
    if bytes.count < start + order.count { bytes += [UInt8](repeating: 0, count: start + order.count - bytes.count) }
    for i in order.indices { bytes[start + i] = order[i] }
  }

  /// Puts the bytes where outside programs can read them.
  func path(_ name: String = UUID().uuidString + ".webm") throws -> String {
    let file = TestMedia.folder.appending(path: name)
    try Data(bytes).write(to: file)
    return file.path()
  }
}

/// One packet as ffprobe reads it.
struct ProbedPacket: Hashable {
  var stream: Int
  var milliseconds: Int64
  var isKey: Bool
  var adler: UInt32
}

enum Probe {
  static func packets(_ path: String) throws -> [ProbedPacket] {
    let lines = try TestMedia.run(
      "ffprobe",
      [
        "-v", "error", "-show_packets", "-show_data_hash", "adler32", "-show_entries", "packet=stream_index,pts,flags,data_hash", "-of",
        "csv=p=0", path,
      ],
      mustBeSilent: true)
    return try lines.split(separator: "\n").map { line in
      let fields = line.split(separator: ",")
      guard fields.count == 4, let stream = Int(fields[0]), let time = Int64(fields[1]), let hash = fields[3].split(separator: ":").last,
        let adler = UInt32(hash, radix: 16)
      else { throw TestMedia.Failure(message: "unreadable packet line \(line)") }
      return ProbedPacket(stream: stream, milliseconds: time, isKey: fields[2].hasPrefix("K"), adler: adler)
    }
  }

  /// One value of ffprobe's, such as `format=duration`.
  static func value(_ path: String, _ entry: String, stream: String? = nil) throws -> String {
    try TestMedia.run(
      "ffprobe", ["-v", "error"] + (stream.map { ["-select_streams", $0] } ?? []) + ["-show_entries", entry, "-of", "csv=p=0", path],
      mustBeSilent: true
    ).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Decodes everything; throws on the first error or warning line. `from`: seconds to seek to first.
  static func decode(_ path: String, from: String? = nil) throws {
    try TestMedia.run(
      "ffmpeg", ["-xerror", "-v", "error"] + (from.map { ["-ss", $0] } ?? []) + ["-i", path, "-f", "null", "-"], mustBeSilent: true)
  }

  /// What libavutil's Adler-32 gives for the bytes, with its starting value of 1.
  static func adler(_ bytes: [UInt8]) -> UInt32 {
    var a: UInt32 = 1
    var b: UInt32 = 0
    for byte in bytes {
      a = (a + UInt32(byte)) % 65_521
      b = (b + a) % 65_521
    }
    return b << 16 | a
  }
}
