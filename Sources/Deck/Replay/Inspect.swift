import JSON

/// `tapedeck inspect`: what is in a capture.
package enum Inspect {
  package struct Options: Sendable, Equatable {
    /// A pcap or pcapng file.
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
}
