import Codecs
import Ground
import Impairment
import JSON
import Loop
import Peer
import Recording
import SRTP
import Synchronization
import Track

extension FileReplay {
  /// One capture on its way through a take into a folder.
  struct Session {
    private let options: Options
    private let replay: TakeReplay
    private let tape: RecordingTape
    private let files: FileReplayFolder
    private let accounts = TapeAccounts()
    private let presenter: ReplayPresenter?
    private let pool = BufferPool()
    private var manifest: Manifest
    private let firstTime: WallTime
    private(set) var failure: String?

    init(_ options: Options, _ description: CaptureDescription) throws(FileReplayError) {
      self.options = options
      do throws(FileReplayError) {
        replay = try TakeReplay(description, pool: pool, limits: options.limits, impairment: options.impairment)
      } catch {
        throw FileReplayError(message: "\(options.capture): \(error.message)")
      }
      do {
        try DiskFiles.makeFolders(options.folder)
      } catch {
        throw FileReplayError(message: error.message)
      }
      let zero = description.firstTime ?? WallTime(nanosecondsSinceEpoch: 0)
      firstTime = zero
      let source = replay.source
      var recording = RecordingSpecification(room: "replay", source: source)
      recording.outputs.hls = options.hls
      recording.outputs.file.container = options.container
      if let codec = recording.declaredCodecs.first(where: { !recording.container.holds($0) }) {
        throw FileReplayError(message: "\(options.capture): \(TapeRefusal.text(codec, recording.container))")
      }
      manifest = Manifest(id: "replay", specification: recording, createdAt: zero)
      replay.take.silenceAlarm = recording.alarms.silenceSeconds.map { .seconds($0) }
      let files = FileReplayFolder(options.folder)
      self.files = files
      var participants: [String] = []
      for specification in source.tracks where !participants.contains(specification.participant) {
        participants.append(specification.participant)
      }
      presenter = options.hls.map { ReplayPresenter(files: files, output: $0, participants: participants, zero: zero) }
      tape = RecordingTape(
        files: files, participants: participants, accounts: accounts, listener: presenter, container: recording.container)
      manifest.sources = [SourceDescription(id: "s1", ports: [], specification: source)]
    }

    /// What was impaired; nil where nothing was to be.
    var impaired: ImpairmentCounts? { replay.impaired }

    /// Plays every datagram of the senders; answers what is wrong with the file's end.
    mutating func play(_ path: String) throws(CaptureError) -> CaptureError? {
      var orders: [TapeOrder] = []
      let (tape, accounts, pool) = (tape, accounts, pool)
      return try replay.play(path) { replay in
        Session.execute(replay, tape, accounts, pool, &orders)
        tape.tick(at: replay.now)
      }
    }

    private static func execute(
      _ replay: TakeReplay, _ tape: RecordingTape, _ accounts: TapeAccounts, _ pool: BufferPool, _ orders: inout [TapeOrder]
    ) {
      replay.take.takeOrders(into: &orders)
      tape.execute(&orders, at: replay.now) { pool.give($0) }
      replay.take.written(bytes: accounts.releasedBytes.exchange(0, ordering: .relaxed))
    }

    /// Ends the recording; answers what is on tape.
    mutating func finish() -> Manifest {
      replay.stop()
      var orders: [TapeOrder] = []
      Session.execute(replay, tape, accounts, pool, &orders)
      tape.finish()
      presenter?.finish()
      let (files, lost) = accounts.state.withLock { ($0.files, $0.lost) }
      manifest.files = files
      for i in manifest.files.indices { manifest.files[i].sha256 = FileHash.sha256(options.folder + "/" + manifest.files[i].path) }
      manifest.hls = presenter?.statuses ?? []
      manifest.snapshot = replay.take.snapshot(at: replay.now)
      manifest.snapshot.retract(lost)
      manifest.snapshotAt = firstTime + (replay.now - TakeReplay.origin)
      manifest.startedAt = manifest.snapshot.sinceZero.map { manifest.snapshotAt + -$0 }
      manifest.stoppedAt = manifest.snapshotAt
      manifest.completedAt = manifest.snapshotAt
      failure = tape.failure?.message ?? manifest.hls.lazy.compactMap(\.error).first
      manifest.status = failure == nil ? .completed : .failed
      do {
        try self.files.replace("metadata.json", manifest.json(withSecrets: false).bytes(pretty: true) + [10])
      } catch {
        failure = failure ?? error.message
      }
      return manifest
    }
  }
}

/// Makes the live presentations at once, on the replay's own thread.
final class ReplayPresenter: TapeListener {
  private let files: any TapeFiles
  private let output: HLSOutput
  private let participants: [String]
  private var zero: WallTime
  private var presentations: [ParticipantHLS] = []

  init(files: any TapeFiles, output: HLSOutput, participants: [String], zero: WallTime) {
    self.files = files
    self.output = output
    self.participants = participants
    self.zero = zero
  }

  var statuses: [HLSStatus] { presentations.map(\.status) }

  func open(participant: String, formats: [TrackFormat]) { presentation(participant).open(formats) }
  func receive(participant: String, _ frame: EncodedFrame) -> Bool {
    presentation(participant).receive(frame)
    return false
  }
  func advance(to time: MediaTime) { for presentation in presentations { presentation.advance(to: time) } }
  func wallClock(zero: WallTime) {
    self.zero = zero
    for presentation in presentations { presentation.setWallClock(zero: zero) }
  }
  func finish() { for presentation in presentations { presentation.finish() } }

  private func presentation(_ participant: String) -> ParticipantHLS {
    if let known = presentations.first(where: { $0.participant == participant }) { return known }
    let made = ParticipantHLS(
      participant: participant, folder: TapeNames.hlsFolder(participant: participants.count == 1 ? nil : participant), output: output,
      files: files, wallClockZero: zero)
    presentations.append(made)
    return made
  }
}
