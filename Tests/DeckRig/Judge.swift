import Foundation
package import Testing

/// Other people's programs, which judge what Tapedeck made.
package enum Tool {
  package struct Failure: Error, CustomStringConvertible {
    package var description: String
    package init(description: String) { self.description = description }
  }

  package struct Outcome {
    package var code: Int32
    package var output: String
    package var errors: String
  }

  /// Runs a program to its end.
  package static func outcome(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
    let folder = FileManager.default.temporaryDirectory
    let paths = (0..<2).map { _ in folder.appendingPathComponent("deck-tool-\(UUID().uuidString)") }
    defer { for path in paths { try? FileManager.default.removeItem(at: path) } }
    for path in paths { #expect(FileManager.default.createFile(atPath: path.path, contents: nil)) }
    let process = Process()
    process.executableURL = URL(filePath: program.hasPrefix("/") ? program : "/usr/bin/env")
    process.arguments = program.hasPrefix("/") ? arguments : [program] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = try FileHandle(forWritingTo: paths[0])
    process.standardError = try FileHandle(forWritingTo: paths[1])
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return Outcome(code: process.terminationStatus, output: Disk.text(paths[0].path), errors: Disk.text(paths[1].path))
  }

  package static func run(_ program: String, _ arguments: [String]) throws -> String {
    let done = try outcome(program, arguments)
    guard done.code == 0 else {
      throw Failure(description: "\(program) \(arguments.joined(separator: " ")): \(done.code) \(done.errors)")
    }
    return done.output
  }
}

/// What FFmpeg finds in a file.
package enum Judge {
  package struct Packet: Equatable {
    package var stream: Int
    package var time: Double
    package var size: Int
    package var isKey: Bool
    package var crc: String
  }

  /// Every packet of a file in the file's order, with a hash of its bytes.
  package static func packets(_ path: String) throws -> [Packet] {
    let text = try Tool.run(
      "ffprobe",
      [
        "-v", "error", "-show_data_hash", "CRC32", "-show_entries", "packet=stream_index,pts_time,size,flags,data_hash", "-of",
        "default=noprint_wrappers=0", path,
      ])
    var packets: [Packet] = []
    for block in text.components(separatedBy: "[/PACKET]") {
      var fields: [String: String] = [:]
      for line in block.split(separator: "\n") {
        if let equals = line.firstIndex(of: "=") { fields[String(line[..<equals])] = String(line[line.index(after: equals)...]) }
      }
      guard let stream = fields["stream_index"].flatMap({ Int($0) }), let size = fields["size"].flatMap({ Int($0) }) else { continue }
      packets.append(
        Packet(
          stream: stream, time: fields["pts_time"].flatMap { Double($0) } ?? .nan, size: size,
          isKey: fields["flags"]?.hasPrefix("K") ?? false, crc: fields["data_hash"].map { String($0.dropFirst("CRC32:".count)) } ?? ""))
    }
    return packets
  }

  /// The packets of the one stream of a kind.
  package static func packets(_ path: String, _ codec: String) throws -> [Packet] {
    let index = try #require(try streams(path).firstIndex(of: codec), "no \(codec) in \(path)")
    return try packets(path).filter { $0.stream == index }
  }

  /// The codecs of a file's streams.
  package static func streams(_ path: String) throws -> [String] {
    try Tool.run("ffprobe", ["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", path])
      .split(whereSeparator: { $0 == "\n" || $0 == "," }).map(String.init)
  }

  /// The container's duration in seconds; nan where it says none.
  package static func duration(_ path: String) throws -> Double {
    let text = try Tool.run("ffprobe", ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path])
    return Double(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? .nan
  }

  /// What FFmpeg complains of when it decodes everything and stops at the first error; empty for a clean file. Times are kept as they
  /// are: at a constant rate, pictures that come when they come would share ticks.
  package static func complaints(_ path: String) throws -> String {
    let done = try Tool.outcome(
      "ffmpeg", ["-v", "warning", "-nostdin", "-xerror", "-i", path, "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-"])
    // Matroska does not say where a single channel or two are to be heard; that it says so is no complaint of the file.
    let complaints = done.errors.split(separator: "\n").filter { !$0.contains("Guessed Channel Layout") }.joined(separator: "\n")
    return done.code == 0 ? complaints.trimmingCharacters(in: .whitespacesAndNewlines) : "\(done.code): \(done.errors)"
  }

  /// Whether a decoder that seeks to a time by the file's index gets a picture or sound there.
  package static func seeks(_ path: String, to seconds: Double) throws -> Bool {
    let done = try Tool.outcome(
      "ffmpeg", ["-v", "error", "-nostdin", "-xerror", "-ss", "\(seconds)", "-i", path, "-t", "0.5", "-f", "framecrc", "-"])
    return done.code == 0 && done.errors.isEmpty && done.output.split(separator: "\n").contains { !$0.hasPrefix("#") }
  }

  package static func sha256(_ path: String) throws -> String { String(try Tool.run("sha256sum", [path]).prefix(64)) }

  /// Whether the times of each stream rise from packet to packet.
  package static func risesStrictly(_ packets: [Packet]) -> Bool {
    Dictionary(grouping: packets, by: \.stream).values.allSatisfy { lane in
      zip(lane, lane.dropFirst()).allSatisfy { $0.time < $1.time }
    }
  }
}

/// A file that FFmpeg decodes from end to end without one complaint.
package func expectClean(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
  let complaints = try Judge.complaints(path)
  if !complaints.isEmpty { Issue.record("\(path): \(complaints)", sourceLocation: sourceLocation) }
}
