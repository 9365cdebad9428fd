import Control
import Ground
import HLSPlaylist
import JSON
import Recording
import SDP

extension FuzzTarget {
  static let sdp = FuzzTarget(name: "sdp", maximumBytes: 8192, seeds: { $0.descriptions().map { Array($0.utf8) } }) { bytes in
    do throws(SDPError) {
      let description = try SessionDescription(parsing: bytes)
      for section in description.media {
        _ = (description.connection(of: section), description.direction(of: section), section.rtcpPort)
        for parameters in section.attributes.formatParameters { _ = parameters["apt"] }
      }
      let again = try? SessionDescription(parsing: description.text)
      require(again == description, "a description written and read")
    } catch {
      require(!error.description.isEmpty && !error.description.contains("\n"), "an error is one line")
    }
  }

  static let playlist = FuzzTarget(name: "playlist", maximumBytes: 4096, seeds: { _ in HLSFolders.playlists }) { bytes in
    if let playlist = try? MediaPlaylist(parsing: bytes) {
      // Reading undoes no percent encoding, so a URI may change once.
      guard let second = try? MediaPlaylist(parsing: Array(playlist.text.utf8)) else { fatalError("what was written is not read") }
      require(second.text == playlist.text && second.segments.count == playlist.segments.count, "a playlist written and read")
      let third = try? MediaPlaylist(parsing: Array(second.text.utf8))
      require(third == second, "a playlist written and read twice")
    }
    if let playlist = try? MultivariantPlaylist(parsing: bytes) {
      guard let second = try? MultivariantPlaylist(parsing: Array(playlist.text.utf8)) else { fatalError("what was written is not read") }
      require(second.text == playlist.text && second.variants.count == playlist.variants.count, "variants written and read")
    }
  }

  static let json = FuzzTarget(
    name: "json", maximumBytes: 4096, seeds: { $0.captures.map { Array($0.facts.bytes().prefix(4000)) } }
  ) { bytes in
    let strict = try? JSONValue(parsing: bytes)
    let wide = try? JSONValue(parsing: bytes, json5: true)
    if let strict {
      require(wide.map { $0.text() } == strict.text(), "JSON5 reads all JSON alike")
    }
    guard let value = wide else { return }
    let text = value.bytes()
    let again = try? JSONValue(parsing: text)
    require(again?.bytes() == text, "a value written and read")
    require((try? JSONValue(parsing: value.bytes(pretty: true)))?.bytes() == text, "the same indented")
  }

  static let start = FuzzTarget(name: "start", maximumBytes: 2048, seeds: { _ in [] }) { bytes in
    guard let json = try? JSONValue(parsing: bytes) else { return }
    do throws(ControlError) {
      let asked = try RecordingSpecification(json: json)
      require(!asked.room.isEmpty && (1...64).contains(asked.source.tracks.count) && asked.participants.count <= 256, "within the contract")
      for limit in [asked.limits.maxDurationSeconds, asked.limits.idleTimeoutSeconds, asked.limits.departureTimeoutSeconds] {
        require(limit.map { $0 > 0 && $0 <= 604_800 } ?? true, "a limit in range")
      }
      require(asked.limits.degradedAfterSeconds.map { (0...604_800).contains($0) } ?? true, "a limit in range")
      require(asked.limits.maxBytes.map { $0 > 0 } ?? true, "a limit in range")
      require(asked.outputs.hls.map { (1...30).contains($0.segmentSeconds) } ?? true, "segment length in range")
      let key = asked.source.srtp?.key.exposed ?? []
      let manifest = Manifest(id: "0", specification: asked, createdAt: .init(nanosecondsSinceEpoch: 0))
      require((try? JSONValue(parsing: manifest.json(withSecrets: true).bytes())) != nil, "the recording as JSON")
      require(key.isEmpty || !manifest.json(withSecrets: false).text().contains("keyBase64"), "no key without asking for it")
    } catch {
      explained(error, json)
    }
    do throws(ControlError) { _ = try SourceSpecification(json: json) } catch { explained(error, json) }
    do throws(ControlError) { _ = try TrackSpecification.list(json: json) } catch { explained(error, json) }
    do throws(ControlError) { _ = try PauseMode(json: json) } catch { explained(error, json) }
  }

  private static func explained(_ error: ControlError, _ json: JSONValue) {
    require(!error.message.isEmpty && error.message.utf8.count < 2_000, "a message that people can read: \(error.message)")
    for srtp in [json["source"]?["srtp"], json["srtp"]] {
      guard let key = srtp?["keyBase64"]?.stringValue, key.utf8.count >= 16 else { continue }
      require(!error.message.contains(key), "no message quotes a key")
    }
  }
}
