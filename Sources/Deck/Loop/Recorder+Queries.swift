import Codecs
import Dispatch
import Glibc
import Ground
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
    if let unsaved = ended.unsaved { return unsaved }
    guard let bytes = FolderListing.read(ended.folder + "/metadata.json"), let json = try? JSONValue(parsing: bytes) else {
      throw ControlError(.internal, "the manifest of recording \(ended.id) cannot be read")
    }
    return json
  }

  package func recordings(_ query: RecordingQuery) throws(ControlError) -> (page: [JSONValue], total: Int) {
    let (live, ended) = state.withLock { state in
      (Array(state.live.values), state.ended.all.filter { $0.matches(query) && state.live[$0.id] == nil })
    }
    var found: [(id: String, entry: RecordingEntry?, ended: EndedRecording?)] = ended.map { ($0.id, nil, $0) }
    for entry in live where EndedRecording(manifest: entry.manifestNow(), folder: entry.folder).matches(query) {
      found.append((entry.id, entry, nil))
    }
    found.sort { $0.id > $1.id }
    let shown = found.dropFirst(query.offset).prefix(query.limit)
    RecordingEntry.refresh(shown.compactMap(\.entry))
    var page: [JSONValue] = []
    for item in shown {
      if let entry = item.entry {
        page.append(entry.manifestNow().json(withSecrets: false))
      } else if let ended = item.ended, let json = try? Recorder.read(ended) {
        page.append(json)
      }
    }
    return (page, found.count)
  }

  package func delete(_ id: String) throws(ControlError) -> JSONValue {
    let answer = Mutex<Result<JSONValue, ControlError>>(.failure(ControlError(.shuttingDown, "the node is shutting down")))
    // Where the ends of recordings and their hashes are written down too: nothing comes back to life.
    clerk.run { [self] in
      let result = erase(id)
      answer.withLock { $0 = result }
      retryUnsaved()
    }
    return try answer.withLock { $0 }.get()
  }

  private func erase(_ id: String) -> Result<JSONValue, ControlError> {
    let (entry, ended) = state.withLock { ($0.live[id], $0.ended.find(id)) }
    if let entry {
      return .failure(ControlError(.invalidState, "recording \(id) is \(entry.status.rawValue); delete needs an ended one"))
    }
    guard let ended else { return .failure(ControlError(.notFound, "there is no recording \(id)")) }
    // A manifest that cannot be read is no reason to keep what is to go.
    let json = (try? Recorder.read(ended)) ?? ["id": .string(id), "room": .string(ended.room), "status": .string(ended.status)]
    state.withLock { _ = $0.ended.remove(id) }
    FolderListing.removeRecording(ended.folder)
    let event = hub.make("recording.deleted", recording: id, room: ended.room, at: Clocks.wall(), [])
    EventCounter.write(event.id, root: configuration.root)
    hub.publish(event, recording: id)
    return .success(json)
  }

  package func folder(_ id: String) throws(ControlError) -> String {
    let folder = state.withLock { $0.live[id]?.folder ?? $0.ended.find(id)?.folder }
    guard let folder else { throw ControlError(.notFound, "there is no recording \(id)") }
    return folder
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
        "webrtcPort": sharedPortText.map { .string($0) } ?? .null,
        "mediaLoops": JSONValue(loops.count), "cores": JSONValue(sysconf(Int32(_SC_NPROCESSORS_ONLN))),
      ],
      "load": [
        "recordings": JSONValue(live.count), "starting": JSONValue(starting), "ended": JSONValue(ended),
        "byStatus": .object(byStatus.sorted { $0.key < $1.key }.map { JSONField($0.key, JSONValue($0.value)) }),
        "packetsReceived": JSONValue(loops.reduce(UInt64(0)) { $0 + $1.packetsReceived.load(ordering: .relaxed) }),
        "webrtcPort": sharedPortLoad,
        "cpuSeconds": .number(Manifest.rounded(cpu)), "residentBytes": residentBytes.map { JSONValue($0) } ?? .null,
        "diskFreeBytes": freeBytes().map { .integer($0) } ?? .null,
      ],
      "codecs": .array(Codec.received.map { .string($0.rawValue) }), "sources": ["rtp", "webrtc", "whep"],
      "containers": .array(TapeContainer.allCases.map { .string($0.rawValue) }),
      "cryptoSuites": ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"],
    ]
  }

  private var sharedPortText: String? {
    let ports = loops.compactMap { $0.shared?.sockets.first?.address.port }
    guard let first = ports.first, let last = ports.last else { return nil }
    return first == last ? "\(first)" : "\(first)-\(last)"
  }

  /// Of all shared ports together: how many peers are on them, and what came that was nobody's. Nil where none is shared.
  func sharedPortNumbers() -> (peers: Int, discarded: [(name: String, count: UInt64)])? {
    let sum = Mutex<(peers: Int, discarded: [(name: String, count: UInt64)])?>(nil)
    for loop in loops {
      guard let shared = loop.shared else { continue }
      loop.run { _ in
        let own = shared.numbers
        sum.withLock { sum in
          guard let known = sum else {
            sum = own
            return
          }
          sum = (known.peers + own.peers, zip(known.discarded, own.discarded).map { ($0.name, $0.count + $1.count) })
        }
      }
    }
    return sum.withLock { $0 }
  }

  private var sharedPortLoad: JSONValue {
    guard let (peers, discarded) = sharedPortNumbers() else { return .null }
    return ["peers": JSONValue(peers), "discarded": .object(discarded.map { JSONField($0.name, JSONValue($0.count)) })]
  }

  var residentBytes: Int? {
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
}
