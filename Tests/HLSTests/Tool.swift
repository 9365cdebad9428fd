import Foundation

/// The ffmpeg command line: maker of test media and judge of what was packaged.
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

  /// One packet as ffprobe sees it: times in ticks of its stream.
  struct Packet: Hashable {
    var stream: Int
    var pts: Int64
    var dts: Int64
    var duration: Int64
    var isKey: Bool
  }

  static func packets(_ path: String) throws -> [Packet] {
    let text = try run(
      "ffprobe", ["-v", "error", "-show_entries", "packet=stream_index,pts,dts,duration,flags", "-of", "csv=p=0", path]
    ).output
    return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { line in
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      guard fields.count >= 5, let stream = Int(fields[0]), let pts = Int64(fields[1]), let dts = Int64(fields[2]) else { return nil }
      return Packet(stream: stream, pts: pts, dts: dts, duration: Int64(fields[3]) ?? -1, isKey: fields[4].hasPrefix("K"))
    }
  }

  /// Everything that ffmpeg has to say against a file while it decodes all of it; empty for a clean one.
  static func decode(_ path: String) -> String {
    do {
      return try run("ffmpeg", ["-v", "warning", "-nostdin", "-xerror", "-i", path, "-f", "null", "-"]).complaints
    } catch { return "\(error)" }
  }

  /// What ffmpeg says a whole playlist decodes to, in seconds of its longest stream.
  static func decodedSeconds(_ path: String) throws -> Double {
    let text = try run("ffmpeg", ["-v", "error", "-nostdin", "-xerror", "-i", path, "-f", "null", "-progress", "pipe:1", "-"]).output
    let last = String(decoding: text, as: UTF8.self).split(separator: "\n").last { $0.hasPrefix("out_time_us=") }
    return (last.flatMap { Double($0.dropFirst("out_time_us=".count)) } ?? -1) / 1e6
  }
}
