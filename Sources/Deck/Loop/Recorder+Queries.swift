import Dispatch
import Glibc
package import Ground
package import JSON
package import Recording
import Synchronization
import Track

extension Recorder {
  package func recording(_ id: String) throws(ControlError) -> JSONValue {
    let (entry, ended) = state.withLock { ($0.live[id], $0.ended.find(id)) }
    if let ended { return try Recorder.read(ended) }
    guard let entry else { throw ControlError(.notFound, "there is no recording \(id)") }
    return entry.manifest().json(withSecrets: true)
  }

  private static func read(_ ended: EndedRecording) throws(ControlError) -> JSONValue {
    guard let bytes = FolderListing.read(ended.folder + "/metadata.json"), let json = try? JSONValue(parsing: bytes) else {
      throw ControlError(.internal, "the manifest of recording \(ended.id) cannot be read")
    }
    return json
  }

  package func recordings(_ query: RecordingQuery) throws(ControlError) -> (page: [JSONValue], total: Int) {
    let (live, ended) = state.withLock { state in
      (Array(state.live.values), state.ended.all.filter { $0.matches(query) && state.live[$0.id] == nil })
    }
    var found: [(id: String, createdAt: String, entry: RecordingEntry?, ended: EndedRecording?)] = []
    for entry in live {
      let facts = EndedRecording(manifest: entry.manifest(), folder: entry.folder)
      if facts.matches(query) { found.append((entry.id, facts.createdAt, entry, nil)) }
    }
    for recording in ended { found.append((recording.id, recording.createdAt, nil, recording)) }
    found.sort { $0.id > $1.id }
    var page: [JSONValue] = []
    for item in found.dropFirst(query.offset).prefix(query.limit) {
      if let entry = item.entry {
        page.append(entry.manifest().json(withSecrets: false))
      } else if let ended = item.ended, let json = try? Recorder.read(ended) {
        page.append(json)
      }
    }
    return (page, found.count)
  }

  package func delete(_ id: String) throws(ControlError) -> JSONValue {
    let (entry, ended) = state.withLock { ($0.live[id], $0.ended.find(id)) }
    if let entry, ended == nil {
      throw ControlError(.invalidState, "recording \(id) is \(entry.status.rawValue); delete needs an ended one")
    }
    guard let ended else { throw ControlError(.notFound, "there is no recording \(id)") }
    let json = try Recorder.read(ended)
    state.withLock { $0.ended.remove(id) }
    FolderListing.removeTree(ended.folder)
    // The room's folder goes with its last recording.
    if let slash = ended.folder.lastIndex(of: "/") { _ = unsafe rmdir(String(ended.folder[..<slash])) }
    let at = Clocks.wall()
    clerk.post { [self] in _ = hub.publish("recording.deleted", recording: id, room: ended.room, at: at, []) }
    return json
  }

  package func folder(_ id: String) throws(ControlError) -> String {
    let folder = state.withLock { $0.live[id]?.folder ?? $0.ended.find(id)?.folder }
    guard let folder else { throw ControlError(.notFound, "there is no recording \(id)") }
    return folder
  }

  func removeTree(_ folder: String) {
    FolderListing.removeTree(folder)
    if let slash = folder.lastIndex(of: "/") { _ = unsafe rmdir(String(folder[..<slash])) }
  }

  /// Removes all media of a cancelled recording; manifest and events stay.
  func eraseMedia(_ folder: String) {
    for name in FolderListing.names(folder) where name != "metadata.json" && name != EventLog.name {
      FolderListing.removeTree(folder + "/" + name)
    }
  }

  // MARK: Node

  package func node() -> JSONValue {
    let (live, ended, starting) = state.withLock { (Array($0.live.values), $0.ended.count, $0.starting) }
    var byStatus: [String: Int] = [:]
    for entry in live { byStatus[entry.status.rawValue, default: 0] += 1 }
    var usage = rusage()
    _ = unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let cpu = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    return [
      "version": .string(configuration.version), "startedAt": .string(startedAt.rfc3339),
      "uptimeSeconds": .number(Manifest.rounded((Clocks.now() - startInstant).seconds)),
      "capacity": [
        "maxRecordings": configuration.maxRecordings.map { JSONValue($0) } ?? .null,
        "portRange": .string("\(configuration.portRange.first)-\(configuration.portRange.last)"),
        "mediaLoops": JSONValue(loops.count), "cores": JSONValue(sysconf(Int32(_SC_NPROCESSORS_ONLN))),
      ],
      "load": [
        "recordings": JSONValue(live.count), "starting": JSONValue(starting), "ended": JSONValue(ended),
        "byStatus": .object(byStatus.sorted { $0.key < $1.key }.map { JSONField($0.key, JSONValue($0.value)) }),
        "packetsReceived": JSONValue(loops.reduce(UInt64(0)) { $0 + $1.packetsReceived.load(ordering: .relaxed) }),
        "cpuSeconds": .number(Manifest.rounded(cpu)), "residentBytes": residentBytes.map { JSONValue($0) } ?? .null,
        "diskFreeBytes": freeBytes().map { .integer($0) } ?? .null,
      ],
      "codecs": ["opus", "VP8"], "sources": ["rtp"], "containers": ["webm"],
      "cryptoSuites": ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"],
    ]
  }

  private var residentBytes: Int? {
    guard let bytes = Recorder.readProcess("/proc/self/statm") else { return nil }
    let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    return fields.count > 1 ? Int(fields[1]).map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) } : nil
  }

  /// Files of `/proc` have no size to ask for.
  private static func readProcess(_ path: String) -> [UInt8]? {
    let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let n = unsafe Glibc.read(fd, &buffer, buffer.count)
    return n > 0 ? Array(buffer[..<n]) : nil
  }

  package func readiness() -> (ready: Bool, reason: String?) {
    let (isShuttingDown, count) = state.withLock { ($0.isShuttingDown, $0.live.count + $0.starting) }
    if isShuttingDown { return (false, "the node is shutting down") }
    if let most = configuration.maxRecordings, count >= most { return (false, "maxRecordings: \(most) recordings are running") }
    if let free = freeBytes(), free < configuration.minimumFreeBytes { return (false, "the disk has \(free) bytes left") }
    return (true, nil)
  }

  package func metrics() -> String {
    let live = state.withLock { Array($0.live.values) }
    var byStatus: [String: Int] = [:]
    var totals: [(String, String, UInt64)] = []
    var received: UInt64 = 0
    var written: UInt64 = 0
    var lost: UInt64 = 0
    var discards: [String: UInt64] = [:]
    var bytes: Int64 = 0
    for entry in live {
      byStatus[entry.status.rawValue, default: 0] += 1
      let manifest = entry.manifest()
      for track in manifest.snapshot.tracks {
        received += track.counters.packetsReceived
        written += track.counters.packetsInFrames
        lost += track.counters.packetsLost
        for cause in PacketDiscard.allCases where track.counters.discarded(cause) > 0 {
          discards[cause.name, default: 0] += track.counters.discarded(cause)
        }
      }
      for source in manifest.snapshot.sources { for item in source.discarded { discards[item.name, default: 0] += item.count } }
      bytes += entry.accounts.fileBytes.load(ordering: .relaxed)
    }
    totals.append(("tapedeck_live_packets_received", "RTP packets received by the tracks of live recordings", received))
    totals.append(("tapedeck_live_packets_written", "RTP packets of live recordings whose frames are on tape", written))
    totals.append(("tapedeck_live_packets_lost", "RTP packets of live recordings that never came", lost))
    var out = "# HELP tapedeck_recordings Live recordings by status.\n# TYPE tapedeck_recordings gauge\n"
    for status in RecordingStatus.allCases where !status.hasEnded {
      out += "tapedeck_recordings{status=\"\(status.rawValue)\"} \(byStatus[status.rawValue] ?? 0)\n"
    }
    for (name, help, value) in totals { out += "# HELP \(name) \(help).\n# TYPE \(name) gauge\n\(name) \(value)\n" }
    out +=
      "# HELP tapedeck_live_discarded Packets of live recordings that are not on tape, by cause.\n# TYPE tapedeck_live_discarded gauge\n"
    for (cause, count) in discards.sorted(by: { $0.key < $1.key }) { out += "tapedeck_live_discarded{cause=\"\(cause)\"} \(count)\n" }
    out +=
      "# HELP tapedeck_live_file_bytes Bytes of live recordings' files.\n# TYPE tapedeck_live_file_bytes gauge\ntapedeck_live_file_bytes \(bytes)\n"
    let all = loops.reduce(UInt64(0)) { $0 + $1.packetsReceived.load(ordering: .relaxed) }
    out +=
      "# HELP tapedeck_datagrams_received_total Datagrams received on media sockets.\n# TYPE tapedeck_datagrams_received_total counter\ntapedeck_datagrams_received_total \(all)\n"
    if let resident = residentBytes {
      out +=
        "# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes \(resident)\n"
    }
    return out
  }

  // MARK: Events

  package func events(of recording: String?, after last: UInt64?, timeout: TimeSpan) throws(ControlError)
    -> (events: [RecordingEvent], closed: Bool)
  {
    let deadline = DispatchTime.now() + .nanoseconds(Int(clamping: max(0, timeout.nanoseconds)))
    let from = last ?? hub.newest
    while true {
      if let recording {
        let (entry, ended) = state.withLock { ($0.live[recording], $0.ended.find(recording)) }
        guard entry != nil || ended != nil else { throw ControlError(.notFound, "there is no recording \(recording)") }
        if let ended { return (EventLog.read(folder: ended.folder, after: last ?? 0), true) }
        // What the ring no longer has is in the recording's own log.
        if let last, let entry, let oldest = hub.oldest, last + 1 < oldest {
          let events = EventLog.read(folder: entry.folder, after: last)
          if !events.isEmpty { return (events, false) }
        }
      }
      let seen = hub.newest
      let events = hub.events(of: recording, after: from)
      if !events.isEmpty { return (events, false) }
      if hub.isClosed { return ([], true) }
      if DispatchTime.now() >= deadline { return ([], false) }
      hub.wait(after: seen, until: deadline)
    }
  }
}
