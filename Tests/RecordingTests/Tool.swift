import Foundation

/// The ffmpeg command line: the judge of what is on tape.
enum Tool {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  /// What the tool printed, its complaints apart. Throws where it failed.
  static func run(_ name: String, _ arguments: [String]) throws -> (output: [UInt8], complaints: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name] + arguments
    // Complaints go to a file: two pipes read one after the other can block the writer.
    let complaints = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    guard FileManager.default.createFile(atPath: complaints.path, contents: nil) else { throw Failure(description: "no temporary file") }
    defer { try? FileManager.default.removeItem(at: complaints) }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: complaints)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let bytes = [UInt8](output.fileHandleForReading.readDataToEndOfFile())
    process.waitUntilExit()
    let text = try String(contentsOf: complaints, encoding: .utf8)
    guard process.terminationStatus == 0 else {
      throw Failure(description: "\(name) \(arguments.joined(separator: " ")): \(process.terminationStatus) \(text)")
    }
    return (bytes, text)
  }

  static func ffmpeg(_ arguments: [String]) throws -> [UInt8] {
    try run("ffmpeg", ["-v", "error", "-nostdin"] + arguments).output
  }

  /// Everything that ffmpeg has to say against a file while it decodes all of it; empty for a clean one.
  static func decode(_ path: String) -> String {
    do {
      return try run("ffmpeg", ["-v", "error", "-nostdin", "-xerror", "-i", path, "-map", "0", "-f", "null", "-"]).complaints
    } catch { return "\(error)" }
  }

  /// The same, with each picture kept at its own time: without that, ffmpeg puts pictures of an uneven rate on an even grid, and complains
  /// when two fall on one place.
  static func decodeAsTimed(_ path: String) -> String {
    do {
      return try run(
        "ffmpeg", ["-v", "error", "-nostdin", "-xerror", "-i", path, "-map", "0", "-enc_time_base", "-1", "-f", "null", "-"]
      ).complaints
    } catch { return "\(error)" }
  }

  /// The pictures that ffmpeg decodes of a file, each by a hash of it.
  static func pictures(_ path: String) throws -> [String] {
    let text = try ffmpeg(["-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "framemd5", "-"])
    return String(decoding: text, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
      line.split(separator: ",").last.map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  /// One packet as ffprobe sees it.
  struct Packet: Hashable {
    var stream: Int
    var milliseconds: Int64
    var bytes: Int
    var isKey: Bool
    var position: Int
  }

  /// A file's packets in the file's order.
  static func packets(_ path: String) throws -> [Packet] {
    let text = try run(
      "ffprobe", ["-v", "error", "-show_entries", "packet=stream_index,pts_time,size,flags,pos", "-of", "csv=p=0", path]
    ).output
    return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { line in
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      guard fields.count >= 5, let stream = Int(fields[0]), let time = Double(fields[1]), let bytes = Int(fields[2]) else { return nil }
      return Packet(
        stream: stream, milliseconds: Int64((time * 1000).rounded()), bytes: bytes, isKey: fields[4].hasPrefix("K"),
        position: Int(fields[3]) ?? -1)
    }
  }

  /// The kinds of a file's streams, by index: `audio` or `video`.
  static func streams(_ path: String) throws -> [String] {
    let text = try run("ffprobe", ["-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0", path]).output
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// The container's own word on where it begins and how long it lasts, in seconds.
  static func duration(_ path: String) throws -> Double {
    let text = try run("ffprobe", ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path]).output
    return Double(String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
  }

  /// The payloads of a stream's packets, in the file's order, as ffmpeg reads them.
  static func payloads(_ path: String, stream: Int, of packets: [Packet]) throws -> [[UInt8]] {
    let all = try ffmpeg(["-i", path, "-map", "0:\(stream)", "-c", "copy", "-f", "data", "-"])
    var at = 0
    var out: [[UInt8]] = []
    for packet in packets where packet.stream == stream {
      guard at + packet.bytes <= all.count else { throw Failure(description: "\(path): stream \(stream) is short") }
      out.append(Array(all[at..<at + packet.bytes]))
      at += packet.bytes
    }
    guard at == all.count else { throw Failure(description: "\(path): stream \(stream) has more than its packets") }
    return out
  }
}

/// A folder that goes away with the test.
final class ScratchFolder {
  private let url = FileManager.default.temporaryDirectory.appendingPathComponent("tapedeck-" + UUID().uuidString)
  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }
  var path: String { url.path }
  func path(_ name: String) -> String { url.appendingPathComponent(name).path }
  func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: url.appendingPathComponent(name))) }
  /// Every file below, by relative path.
  func files() throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: url.path).filter {
      let kind = try FileManager.default.attributesOfItem(atPath: path($0))[.type] as? FileAttributeType
      return kind != .typeDirectory
    }.sorted()
  }
}
