import Foundation

/// A command and what it printed.
enum Command {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  /// What the command printed; throws with its complaints where it failed.
  @discardableResult static func run(_ words: [String]) throws -> Data { try runWithNotes(words).output }

  /// The same with what it said besides.
  static func runWithNotes(_ words: [String]) throws -> (output: Data, notes: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    let complaints = FileManager.default.temporaryDirectory.appendingPathComponent("tapedeck-said-\(UUID().uuidString)")
    guard FileManager.default.createFile(atPath: complaints.path, contents: nil) else { throw Failure(description: "no temporary file") }
    defer { try? FileManager.default.removeItem(at: complaints) }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: complaints)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let said = (try? String(contentsOf: complaints, encoding: .utf8)) ?? ""
    guard process.terminationStatus == 0 else {
      throw Failure(description: "\(words.prefix(6).joined(separator: " ")): \(process.terminationStatus) \(said)")
    }
    return (data, said)
  }

  static func exists(_ name: String) -> Bool { (try? run(["which", name])) != nil }
}

/// What outside readers find in a recording of the pattern.
struct PatternTape {
  struct Frame {
    var seconds: Double
    var bytes: Int
    var checksum: UInt32
  }
  let path: String
  /// The coded pictures, in the file's order.
  let frames: [Frame]

  init(_ path: String) throws {
    self.path = path
    let listed = try Command.run([
      "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_data_hash", "crc32", "-show_entries", "packet=pts_time,size,data_hash",
      "-of", "csv=p=0", path,
    ])
    frames = String(decoding: listed, as: UTF8.self).split(separator: "\n").compactMap { line in
      let fields = line.split(separator: ",")
      guard fields.count >= 3, let seconds = Double(fields[0]), let bytes = Int(fields[1]),
        let checksum = fields[2].split(separator: ":").last.flatMap({ UInt32($0, radix: 16) })
      else { return nil }
      return Frame(seconds: seconds, bytes: bytes, checksum: checksum)
    }
  }

  /// Where among the sent pictures the tape's begin, when from there on the tape has each of them, in order and unchanged; else nil.
  func place(in sent: [Published.Frame]) -> Int? {
    guard let first = frames.first, frames.count <= sent.count else { return nil }
    return sent.indices.first { start in
      sent[start].checksum == first.checksum && start + frames.count <= sent.count
        && zip(frames, sent[start...]).allSatisfy { $0.bytes == $1.bytes && $0.checksum == $1.checksum }
    }
  }

  /// The longest time from one picture to the next, and by how much it at most differs from the same time by the sender's clock.
  func gaps(_ sent: ArraySlice<Published.Frame>) -> (longest: Double, error: Double) {
    var longest = 0.0
    var error = 0.0
    for (tape, source) in zip(zip(frames, frames.dropFirst()), zip(sent, sent.dropFirst())) {
      let gap = tape.1.seconds - tape.0.seconds
      let meant = Double(source.1.rtpTime &- source.0.rtpTime) / 90_000
      longest = max(longest, gap)
      error = max(error, abs(gap - meant))
    }
    return (longest, error)
  }

  /// Decodes everything; what a decoder that forgives nothing has to say, empty for a clean file.
  func complaints() -> String {
    do {
      try Command.run(["ffmpeg", "-v", "error", "-nostdin", "-xerror", "-i", path, "-f", "null", "-"])
      return ""
    } catch {
      return "\(error)"
    }
  }

  /// The middle one of some numbers; zero of none.
  static func median(_ values: [Double]) -> Double { values.isEmpty ? 0 : values.sorted()[values.count / 2] }

  /// By how many seconds each flash comes later than its beep.
  func offsets() throws -> [Double] {
    let flashes = try flashes()
    return try beeps().compactMap { beep in
      flashes.min { abs($0 - beep) < abs($1 - beep) }.map { $0 - beep }.flatMap { abs($0) < 0.4 ? $0 : nil }
    }
  }

  /// When the lower half of the picture turns white.
  private func flashes() throws -> [Double] {
    let (width, height) = (16, 12)
    let raw = try Command.run([
      "ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:v:0", "-vf", "scale=\(width):\(height):flags=area", "-pix_fmt", "gray",
      "-fps_mode", "passthrough", "-f", "rawvideo", "-",
    ])
    var found: [Double] = []
    var wasLit = true
    for (index, frame) in frames.enumerated() {
      let start = index * width * height + width * 7
      guard start + width * 4 <= raw.count else { break }
      let isLit = raw[start..<start + width * 4].reduce(0) { $0 + Int($1) } > 150 * width * 4
      if isLit, !wasLit { found.append(frame.seconds) }
      wasLit = isLit
    }
    return found
  }

  /// When sound begins after at least a fifth of a second of silence. Each packet's sound lies at the packet's own time: a decoder's output
  /// read on end would come earlier with every packet that is missing.
  private func beeps() throws -> [Double] {
    let rate = 48_000.0
    let (raw, told) = try Command.runWithNotes([
      "ffmpeg", "-v", "info", "-nostdin", "-nostats", "-copyts", "-i", path, "-map", "0:a:0", "-ac", "1", "-af", "ashowinfo", "-f", "s16le",
      "-",
    ])
    var found: [Double] = []
    var lastLoud = -1.0
    var index = raw.startIndex
    for line in told.split(separator: "\n") where line.contains("ashowinfo") {
      guard let start = PatternTape.value("pts_time:", line), let count = PatternTape.value("nb_samples:", line) else { continue }
      for sample in 0..<Int(count) {
        guard index + 2 <= raw.endIndex else { return found }
        let value = Int16(truncatingIfNeeded: Int(raw[index]) | Int(raw[index + 1]) << 8)
        index += 2
        guard abs(Int(value)) > 1600 else { continue }
        let time = start + Double(sample) / rate
        if time - lastLoud > 0.2 { found.append(time) }
        lastLoud = time
      }
    }
    return found
  }

  private static func value(_ name: String, _ line: Substring) -> Double? {
    line.range(of: name).flatMap { Double(line[$0.upperBound...].prefix { !$0.isWhitespace }) }
  }
}
