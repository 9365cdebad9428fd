import Foundation

/// The ffmpeg command line: makes what the tests put in, and judges what comes out.
enum FFmpeg {
  struct Failure: Error, CustomStringConvertible {
    var arguments: [String]
    var message: String
    var description: String { "ffmpeg \(arguments.joined(separator: " ")): \(message)" }
  }

  /// Runs ffmpeg with `input` as a file, where `{in}` stands for its path, and answers the bytes that it writes to `{out}`.
  static func run(_ arguments: [String], input: [UInt8] = []) throws -> [UInt8] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tapedeck-transcode-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let inputFile = folder.appendingPathComponent("in")
    let outputFile = folder.appendingPathComponent("out")
    try Data(input).write(to: inputFile)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    let filled = arguments.map {
      $0.replacingOccurrences(of: "{in}", with: inputFile.path).replacingOccurrences(of: "{out}", with: outputFile.path)
    }
    process.arguments = ["ffmpeg", "-nostdin", "-hide_banner", "-v", "warning", "-y"] + filled
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let message = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(arguments: arguments, message: String(decoding: message, as: UTF8.self))
    }
    return [UInt8](try Data(contentsOf: outputFile))
  }
}
