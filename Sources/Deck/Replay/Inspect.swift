import Glibc
import JSON

/// `tapedeck inspect`: what is in a capture, or in a finished media file.
package enum Inspect {
  package struct Options: Sendable, Equatable {
    /// A pcap or pcapng file, or WebM, Matroska or MP4.
    package var capture: String
    /// A file that says what the payload types mean; else the facts beside the capture, else the streams themselves.
    package var sessionDescription: String?
    /// A file with the key that opens the capture's SRTP.
    package var srtpKey: String?
    /// For programs instead of people.
    package var json: Bool

    package init(capture: String, sessionDescription: String? = nil, srtpKey: String? = nil, json: Bool = false) {
      self.capture = capture
      self.sessionDescription = sessionDescription
      self.srtpKey = srtpKey
      self.json = json
    }
  }

  /// Prints the inspection: lines without their ends to `output`, a reason to `errors`. Answers the exit code: 0, or 1 where the capture
  /// cannot be read or is damaged (what is whole of it is printed first).
  package static func run(_ options: Options, output: (String) -> Void, errors: (String) -> Void) -> Int32 {
    if MediaInspection.isMediaFile(head(of: options.capture)) { return runOnMedia(options, output: output, errors: errors) }
    do throws(CaptureError) {
      let hints = try CaptureHints(
        capture: options.capture, sessionDescription: options.sessionDescription, key: options.srtpKey)
      let inspection = try CaptureInspection(of: options.capture, hints: hints)
      if options.json {
        output(inspection.json.text(pretty: true))
      } else {
        for line in inspection.lines { output(line) }
      }
      if let damage = inspection.damage { throw damage }
      return 0
    } catch {
      errors(error.description)
      return 1
    }
  }

  private static func runOnMedia(_ options: Options, output: (String) -> Void, errors: (String) -> Void) -> Int32 {
    do throws(MediaFileError) {
      let inspection = try MediaInspection(of: options.capture)
      if options.json {
        output(inspection.json.text(pretty: true))
      } else {
        for line in inspection.lines { output(HarmlessText.of(line)) }
      }
      if let damage = inspection.damage { throw MediaFileError(message: "\(options.capture): \(damage)") }
      return 0
    } catch {
      errors(error.message)
      return 1
    }
  }

  /// How the file begins; empty where it cannot be read, which who reads on will tell.
  private static func head(of path: String) -> [UInt8] {
    let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return [] }
    defer { close(fd) }
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = unsafe read(fd, &bytes, bytes.count)
    return count > 0 ? Array(bytes[..<count]) : []
  }
}
