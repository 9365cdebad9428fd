import Codecs
import DTLS
import Dispatch
import Glibc
import Ground
package import JSON
package import Recording
import SRTP
import Synchronization

/// The recorder: takes the control plane's calls, owns the loops and writers, keeps the books. Thread-safe.
package final class Recorder: RecorderControl, Sendable {
  struct State {
    var live: [String: RecordingEntry] = [:]
    var ended: EndedRecordings
    /// Starts under way, so that two at once do not pass the limit together.
    var starting = 0
    var isShuttingDown = false
  }

  let configuration: RecorderConfiguration
  let logger: Logger
  let hub: EventHub
  let clerk: Clerk
  let loops: [MediaLoop]
  let writers: [WriterThread]
  let transcoders: TranscoderPool
  /// Ends of recordings, and hashes: what reads whole files must delay neither media nor the books.
  let finishers: TranscoderPool
  let ports: PortAllocator
  /// What WebRTC peers know us by, made with the first of them: a node that meets none does without OpenSSL's memory for it.
  private let madeIdentity = Mutex<DTLSIdentity?>(nil)
  /// Asks WHEP servers; made with the first source of that type.
  let whep = Mutex<WHEPService?>(nil)
  let state: Mutex<State>
  let startedAt = Clocks.wall()
  let startInstant = Clocks.now()
  /// Hashes of large files end early once this is set.
  let isLeaving = Atomic<Bool>(false)
  /// Signalled when the last start under way is over while the node shuts down.
  private let startsOver = DispatchSemaphore(value: 0)

  /// Opens the root, completes what a crash left unfinished, and starts the threads. Throws where the root or the address cannot be used.
  package init(_ configuration: RecorderConfiguration, logger: Logger) throws(ControlError) {
    self.configuration = configuration
    self.logger = logger
    try Recorder.checkListening(configuration.listenIP)
    try Recorder.openRoot(configuration.root)
    let cores = configuration.threads ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    let shared = try Recorder.bindShared(configuration, atMost: cores)
    SRTPSession.prepare()
    // No thread before the last thing that can fail.
    let found = FoundRecordings(root: configuration.root, logger: logger)
    hub = EventHub(first: found.lastEvent + 1)
    state = Mutex(State(ended: found.ended))
    clerk = Clerk()
    ports = PortAllocator(range: configuration.portRange)
    writers = (0..<max(1, cores / 2)).map { WriterThread(name: "writer-\($0)") }
    let made = writers
    // A recording may get WebRTC sources at any time: where they share ports, each loop has one.
    loops = (0..<(shared.isEmpty ? cores : shared.count)).map { index in
      MediaLoop(index: index, writer: made[index % made.count], shared: shared.isEmpty ? nil : shared[index])
    }
    transcoders = TranscoderPool(name: "transcode", threads: max(1, cores - 1), nice: 10)
    finishers = TranscoderPool(name: "finish", threads: min(2, cores), nice: 0)
    for id in found.unhashed { hashLater(id) }
  }

  /// The node's certificate.
  func identity() throws(ControlError) -> DTLSIdentity {
    do throws(DTLSError) {
      return try madeIdentity.withLock { (made) throws(DTLSError) in
        if let known = made { return known }
        let fresh = try DTLSIdentity(at: Clocks.wall())
        made = fresh
        return fresh
      }
    } catch {
      throw ControlError(.internal, "no certificate can be made: \(error)")
    }
  }

  private static func openRoot(_ root: String) throws(ControlError) {
    do {
      try DiskFiles.makeFolders(root)
    } catch {
      throw ControlError(.internal, "root \(root): \(error.message)", field: "root")
    }
    guard FolderListing.isFolder(root + "/.") else { throw ControlError(.internal, "root \(root) is no folder", field: "root") }
    guard unsafe access(root, W_OK | X_OK) == 0 else {
      throw ControlError(.internal, "root \(root) cannot be written: \(unsafe String(cString: strerror(errno)))", field: "root")
    }
  }

  /// Media can be listened for at the node's address: else every start would fail later.
  private static func checkListening(_ ip: String) throws(ControlError) {
    guard let address = SocketAddress(ip: ip, port: 0) else {
      throw ControlError(.invalidField, "listen-ip: \(ip) is not an IP address", field: "listenIp")
    }
    do throws(SocketError) {
      _ = try DatagramSocket(binding: address)
    } catch {
      throw ControlError(.invalidField, "listen-ip: cannot listen on \(ip): \(error.text)", field: "listenIp")
    }
  }

  /// Ends every recording properly, then the threads. No call is answered afterwards but with `shuttingDown`.
  package func shutDown() {
    let mustWait = state.withLock { state in
      state.isShuttingDown = true
      return state.starting > 0
    }
    if mustWait { startsOver.wait() }
    isLeaving.store(true, ordering: .relaxed)
    let entries = state.withLock { Array($0.live.values) }
    for entry in entries { end(entry, reason: .shutdown) }
    for entry in entries { entry.ended.wait() }
    whep.withLock { $0 }?.stop()
    hub.close()
    for loop in loops { loop.stop() }
    for writer in writers { writer.stop() }
    transcoders.stop()
    finishers.stop()
    clerk.run { [self] in EventCounter.write(hub.newest, root: configuration.root) }
    clerk.stop()
  }

  // MARK: Start

  package func start(_ specification: RecordingSpecification) throws(ControlError) -> JSONValue {
    try reserve()
    defer { release() }
    try checkSpace()
    let now = Clocks.now()
    let wall = Clocks.wall()
    let id = Identifiers.uuidV7(at: wall)
    let folder = configuration.root + "/" + PathComponent.encode(specification.room) + "/" + id
    guard let loop = MediaLoop.forOneMore(of: loops) else { throw ControlError(.internal, "no media loop runs") }
    var specification = specification
    let container = specification.container
    specification.outputs.file.container = container
    specification.limits.degradedAfterSeconds = specification.limits.degradedAfterSeconds ?? configuration.degradedAfterSeconds
    specification.source.webrtc?.container = container
    let bound = try bind(specification.source, id: "s1", firstTrack: 1, path: "source.", on: loop)
    specification.source = bound.description.specification
    var manifest = Manifest(id: id, specification: specification, createdAt: wall)
    manifest.sources = [bound.description]
    let entry: RecordingEntry
    do {
      try Recorder.makeFolder(folder)
      entry = try make(id: id, folder: folder, manifest: manifest, bound: bound, loop: loop, at: now, wall: wall)
      try save(entry, manifest: entry.manifestNow())
    } catch {
      FolderListing.removeRecording(folder)
      throw error
    }
    let answer = entry.manifestNow().json(withSecrets: true)
    // At one stroke: whoever finds the recording finds it on its loop, and its first event before any other.
    state.withLock { state in
      state.live[id] = entry
      entry.loop.load.add(1, ordering: .relaxed)
      clerk.post { [self] in tell(entry, "recording.starting", at: wall, []) }
      entry.loop.post { $0.add(entry.item) }
    }
    // What comes to a shared port before the peer is known there would be nobody's; a socket of its own keeps it.
    if bound.legs.contains(where: { $0.rtp == nil }) { entry.loop.run { _ in } }
    pull(bound, index: 0, entry)
    logger.info("recording started", [JSONField("recording", .string(id)), JSONField("room", .string(specification.room))])
    return answer
  }

  private func reserve() throws(ControlError) {
    let refusal = state.withLock { state -> ControlError? in
      if state.isShuttingDown { return ControlError(.shuttingDown, "the node is shutting down") }
      if let most = configuration.maxRecordings, state.live.count + state.starting >= most {
        return ControlError(.atCapacity, "maxRecordings: \(most) recordings are running on this node, and no more are allowed")
      }
      state.starting += 1
      return nil
    }
    if let refusal { throw refusal }
  }

  private func release() {
    let isLast = state.withLock { state in
      state.starting -= 1
      return state.isShuttingDown && state.starting == 0
    }
    if isLast { startsOver.signal() }
  }

  private func checkSpace() throws(ControlError) {
    if let free = freeBytes(), free < configuration.minimumFreeBytes {
      throw ControlError(
        .diskFull, "the disk that holds the recordings has \(free) bytes left; a start needs \(configuration.minimumFreeBytes)")
    }
  }

  func freeBytes() -> Int64? {
    var facts = statvfs()
    guard unsafe statvfs(configuration.root, &facts) == 0 else { return nil }
    return Int64(facts.f_bavail) * Int64(facts.f_frsize)
  }

  private static func makeFolder(_ folder: String) throws(ControlError) {
    do {
      try DiskFiles.makeFolders(folder)
    } catch {
      throw diskError(error)
    }
  }

  private func make(
    id: String, folder: String, manifest: Manifest, bound: BoundSource, loop: MediaLoop, at now: Instant, wall: WallTime
  ) throws(ControlError) -> RecordingEntry {
    let specification = manifest.specification
    let random = Identifiers.random64()
    let take = Take(
      limits: specification.limits, ssrc: SSRC(UInt32(truncatingIfNeeded: random | 1)), cname: "tapedeck-" + String(random, radix: 36),
      pool: loop.pool, at: now, wall: wall)
    take.silenceAlarm = specification.alarms.silenceSeconds.map { .seconds($0) }
    if let hls = specification.outputs.hls, hls.video != .off {
      take.copiedSegment = .milliseconds(Int64(hls.segmentSeconds) * 1_000)
    }
    let source = take.addSource(id: bound.description.id, bound.description.specification)
    let sockets = Recorder.attach(bound, to: take, source: source)
    var participants: [String] = []
    for track in specification.source.tracks where !participants.contains(track.participant) { participants.append(track.participant) }
    let accounts = TapeAccounts()
    let presenter = specification.outputs.hls.map {
      LivePresenter(folder: folder, output: $0, participants: participants, accounts: accounts, pool: transcoders)
    }
    let tape = RecordingTape(
      files: DiskFiles(folder: folder), participants: participants, accounts: accounts, listener: presenter,
      container: specification.container)
    let entry = RecordingEntry(
      id: id, folder: folder, manifest: manifest, loop: loop, recorder: self, presenter: presenter,
      make: { observer in
        let job = WriterJob(tape: tape, accounts: accounts) { [weak observer, weak self] _ in
          guard let self, let entry = observer?.target else { return }
          whenTapeEnded(entry)
        }
        let item = LoopTake(take: take, job: job, observer: observer)
        for socket in sockets { socket.owner = item }
        item.sockets = sockets
        return item
      }, accounts: accounts)
    presenter?.whenSegment = { [weak entry, weak self] fields in
      guard let self, let entry else { return }
      let at = Clocks.wall()
      self.clerk.post { self.tell(entry, "hls.segment", at: at, fields) }
    }
    try entry.state.withLock { (state) throws(ControlError) in
      try state.claims.claim(specification.source.tracks)
      state.manifest.snapshot = take.snapshot(at: now)
      state.nextSource = 2
      state.sessions[bound.description.id] = bound.legs.first?.session
      state.nextTrack = specification.source.tracks.count + 1
    }
    return entry
  }

  static func diskError(_ error: TapeFileError) -> ControlError {
    if case .noSpace = error { return ControlError(.diskFull, error.message) }
    return ControlError(.internal, error.message)
  }
}
