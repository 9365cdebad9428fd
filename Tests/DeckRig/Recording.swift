import Foundation
package import JSON
import Testing

/// One recording, as a client of the daemon handles it.
package struct Recording {
  package let daemon: Daemon
  /// What the start answered.
  package let started: JSONValue
  package let id: String

  package init(_ daemon: Daemon, _ started: JSONValue) {
    self.daemon = daemon
    self.started = started
    id = started["id"]?.stringValue ?? ""
  }

  /// The folder on disk: the only one of that name.
  package var folder: String {
    let found = Disk.names(daemon.root).filter { Disk.exists(daemon.root + "/\($0)/\(id)") }
    return daemon.root + "/" + (found.first ?? "") + "/" + id
  }

  package func now() throws -> JSONValue { try daemon.call("GET", ["recordings", id]) }

  /// Where a track's RTP goes, and its RTCP.
  package func port(_ track: String = "t1", rtcp: Bool = false) throws -> UInt16 {
    for source in try now()["sources"]?.arrayValue ?? [] {
      for port in source["ports"]?.arrayValue ?? [] where port["track"]?.stringValue == track {
        return try #require(port[rtcp ? "rtcpPort" : "port"]?.integerValue.map { UInt16($0) })
      }
    }
    throw Missing(what: "port of \(track)")
  }

  @discardableResult package func stop() throws -> JSONValue {
    try daemon.call("POST", ["recordings", id, "stop"], query: [("wait", "true")])
  }

  @discardableResult package func command(_ name: String, _ body: JSONValue? = nil) throws -> JSONValue {
    try daemon.call("POST", ["recordings", id, name], body)
  }

  package func ended() throws -> JSONValue {
    var last = JSONValue.null
    let hasEnded = try eventually {
      last = try now()
      return ["completed", "failed", "cancelled"].contains(last["status"]?.stringValue)
    }
    #expect(hasEnded, "it does not end: \(last.text())")
    return last
  }

  /// The events in the recording's own log on disk.
  package var log: [JSONValue] { EventText.parse(Disk.text(folder + "/timeline.jsonl")) }

  package func file(_ name: String = "recording.webm") -> String { folder + "/" + name }

  /// Waits until so many packets were received by all tracks together.
  package func received(_ count: Int) throws -> Bool {
    try eventually { try now().tracks.reduce(0) { $0 + $1.count("packetsReceived") } >= count }
  }

  package struct Missing: Error {
    package var what: String
  }
}

package enum EventText {
  /// One JSON object a line.
  package static func parse(_ text: String) -> [JSONValue] {
    text.split(separator: "\n").compactMap { try? JSONValue(parsing: Array($0.utf8)) }
  }
}

extension JSONValue {
  package var status: String { self["status"]?.stringValue ?? "" }
  package var sources: [JSONValue] { self["sources"]?.arrayValue ?? [] }
  package var tracks: [JSONValue] { sources.flatMap { $0["tracks"]?.arrayValue ?? [] } }
  package var files: [JSONValue] { self["files"]?.arrayValue ?? [] }
  package var type: String { self["type"]?.stringValue ?? "" }
  package func count(_ name: String) -> Int { Int(self[name]?.integerValue ?? 0) }
  package func number(_ name: String) -> Double { self[name]?.doubleValue ?? .nan }
  package func track(_ id: String) -> JSONValue { tracks.first { $0["id"]?.stringValue == id } ?? .null }
  package func file(_ path: String) -> JSONValue { files.first { $0["path"]?.stringValue == path } ?? .null }

  /// Whether every track's numbers add up: what came is written, discarded under a named cause, or still waiting.
  package var addsUp: Bool {
    tracks.allSatisfy { track in
      let named = track["discarded"]?.fields?.reduce(0) { $0 + Int($1.value.integerValue ?? 0) } ?? 0
      return named == track.count("packetsDiscarded")
        && track.count("packetsReceived") == track.count("packetsWritten") + track.count("packetsDiscarded") + track.count("packetsPending")
    }
  }

  /// A copy with a field set.
  package func with(_ name: String, _ value: JSONValue) -> JSONValue {
    .object((fields ?? []).filter { $0.name != name } + [JSONField(name, value)])
  }
}
