package import Codecs
import Ground
package import Impairment
import JSON
import Loop
import Peer
package import Recording
import SRTP
import Track

/// `tapedeck replay --out`: a capture through the recorder's own core into files, with the capture's times. Asks no clock and draws no
/// random number, so the same capture gives the same bytes.
package enum FileReplay {
  package struct Options: Sendable {
    package var capture: String
    package var folder: String
    package var sessionDescription: String?
    package var srtpKey: String?
    /// Nil: no HLS.
    package var hls: HLSOutput?
    /// What the files are; nil: WebM where it holds the capture's codecs, else Matroska.
    package var container: TapeContainer?
    /// What happens to the capture's datagrams on their way; nil: nothing.
    package var impairment: ImpairmentSpecification?
    package var limits = Limits()
    /// Print the manifest instead of a summary for people.
    package var json: Bool

    package init(capture: String, folder: String, sessionDescription: String? = nil, srtpKey: String? = nil, json: Bool = false) {
      self.capture = capture
      self.folder = folder
      self.sessionDescription = sessionDescription
      self.srtpKey = srtpKey
      self.json = json
    }
  }

  /// Records and prints. Answers the exit code: 0; 1 where the capture cannot be read or the files cannot be written.
  package static func run(_ options: Options, output: (String) -> Void, errors: (String) -> Void) -> Int32 {
    do throws(CaptureError) {
      let hints = try CaptureHints(capture: options.capture, sessionDescription: options.sessionDescription, key: options.srtpKey)
      let description = try CaptureDescription(of: options.capture, hints: hints)
      var session: Session
      do throws(FileReplayError) {
        session = try Session(options, description)
      } catch {
        errors(error.message)
        return 1
      }
      let damage = try session.play(options.capture)
      let manifest = session.finish()
      if options.json {
        output(report(manifest, session.impaired).text(pretty: true))
      } else {
        output(summary(manifest, options.folder))
        if let impaired = session.impaired { output(impaired.text) }
      }
      if let failure = session.failure {
        errors(failure)
        return 1
      }
      if let damage { throw damage }
      return 0
    } catch {
      errors(error.description)
      return 1
    }
  }

  /// The manifest of the recording that `run` would make, for tests: the same, without printing.
  package static func record(_ options: Options) throws -> Manifest {
    let hints = try CaptureHints(capture: options.capture, sessionDescription: options.sessionDescription, key: options.srtpKey)
    let description = try CaptureDescription(of: options.capture, hints: hints)
    var session = try Session(options, description)
    let damage = try session.play(options.capture)
    let manifest = session.finish()
    if let damage { throw damage }
    if let failure = session.failure { throw FileReplayError(message: failure) }
    return manifest
  }

  /// The manifest, and what was impaired.
  private static func report(_ manifest: Manifest, _ impaired: ImpairmentCounts?) -> JSONValue {
    let json = manifest.json(withSecrets: false)
    guard let impaired else { return json }
    return .object((json.fields ?? []) + [JSONField("impairment", impaired.json)])
  }

  private static func summary(_ manifest: Manifest, _ folder: String) -> String {
    var lines: [String] = []
    for file in manifest.files {
      lines.append("\(folder)/\(file.path)  \(file.bytes) bytes  \(Manifest.rounded(file.durationSeconds)) s")
    }
    for hls in manifest.hls { lines.append("\(folder)/\(hls.playlist)  \(hls.segments) segments") }
    for track in manifest.snapshot.tracks {
      let counters = track.counters
      var line =
        "\(track.participant) \(track.specification.codec.rawValue): \(counters.packetsReceived) packets, \(counters.frames) frames"
      if let size = track.size { line += ", \(size)" }
      line += ", \(counters.packetsLost) lost, \(counters.framesDropped) frames dropped"
      lines.append(line)
    }
    return lines.joined(separator: "\n")
  }
}

/// Why a replay could not be recorded.
package struct FileReplayError: Error, Sendable {
  package var message: String
}
