import Foundation
import JSON

/// The captures that the tests read, with the facts beside them: those of the package, or of the folder that the environment names
/// (`TAPEDECK_CAPTURES`), so that a larger collection can be checked by the same tests.
enum Captures {
  static let committed = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(path: "captures")

  static let folder = ProcessInfo.processInfo.environment["TAPEDECK_CAPTURES"].map { URL(filePath: $0) } ?? committed

  /// Captures with the facts of their streams, by name.
  static let plain = names { $0["streams"] != nil && $0["plain_counterpart"] == nil && exists(path($0["name"]!.stringValue!)) }
  /// Those of which no stream is only known where its payload type is told: redundancy (RFC 2198), whose inside does not show, and sound
  /// of which any bytes could be.
  static let unwrapped = plain.filter { name in
    !(facts(name)["streams"]?.arrayValue ?? []).contains { stream in
      (stream["payload_types"]?.fields ?? []).contains { field in
        ["red/", "L16/16000", "multiopus/"].contains { field.value["codec"]?.stringValue?.hasPrefix($0) ?? false }
      }
    }
  }
  /// Encrypted captures whose key and whose facts in clear are known, and of which no packet was taken away before it was decrypted.
  static let keyed = names {
    ($0["srtp_sdes"] ?? $0["srtp_keys"] ?? .null) != .null && $0["plain_counterpart"]?.stringValue != nil
      && $0["simulated_loss"]?.arrayValue?.isEmpty != false
  }
  /// Captures of a wire with what was counted on it.
  static let wires = names { $0["counts"] != nil }

  static func path(_ name: String) -> String { folder.appending(path: name + ".pcap").path }

  static func facts(_ name: String) -> JSONValue {
    (try? JSONValue(parsing: Array(Data(contentsOf: folder.appending(path: name + ".json"))))) ?? .null
  }

  /// A capture of the package, whatever folder the environment names.
  static func committedPath(_ name: String) -> String { committed.appending(path: name + ".pcap").path }

  private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  private static func names(where holds: (JSONValue) -> Bool) -> [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.filter { holds(facts($0)) }.sorted()
  }
}
