import Codecs
import Ground
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
    private struct Door {
      var leg: Int
      var port: PeerPort
    }

    private let options: Options
    private let description: CaptureDescription
    private let take: Take
    private let tape: RecordingTape
    private let files: FileReplayFolder
    private let accounts = TapeAccounts()
    private let presenter: ReplayPresenter?
    private let pool = BufferPool()
    private var doors: [SocketAddress: Door] = [:]
    private var manifest: Manifest
    private let firstTime: WallTime
    private var now: Instant
    private var orders: [TapeOrder] = []
    private(set) var failure: String?

    /// The take's clock at the capture's first datagram: high enough that nothing before it is negative.
    private static let origin = Instant(nanoseconds: 1_000_000_000_000)

    init(_ options: Options, _ description: CaptureDescription) throws(FileReplayError) {
      self.options = options
      self.description = description
      let specifications = Session.tracks(description)
      guard let first = description.firstTime, !specifications.isEmpty else {
        throw FileReplayError(
          message:
            "\(options.capture): there is no stream in it that can be recorded (\(Codec.received.map(\.rawValue).joined(separator: ", ")) can)"
        )
      }
      do {
        try DiskFiles.makeFolders(options.folder)
      } catch {
        throw FileReplayError(message: error.message)
      }
      firstTime = first
      now = Session.origin
      let source = description.recordingSource
      var recording = RecordingSpecification(room: "replay", source: source)
      recording.outputs.hls = options.hls
      manifest = Manifest(id: "replay", specification: recording, createdAt: first)
      take = Take(limits: Limits(), ssrc: SSRC(1), cname: "tapedeck", pool: pool, at: Session.origin, wall: first)
      let files = FileReplayFolder(options.folder)
      self.files = files
      var participants: [String] = []
      for (specification, _) in specifications where !participants.contains(specification.participant) {
        participants.append(specification.participant)
      }
      presenter = options.hls.map { ReplayPresenter(files: files, output: $0, participants: participants, zero: first) }
      tape = RecordingTape(
        files: files, participants: participants, accounts: accounts, listener: presenter, container: recording.container)
      try addTracks(specifications, source)
    }

    /// What the capture's tracks are to the recorder, with where their packets go: those whose codec goes on tape.
    private static func tracks(_ description: CaptureDescription) -> [(TrackSpecification, CaptureDescription.Track)] {
      zip(description.recordingSource.tracks, description.tracks.filter { $0.codec != nil }).map { ($0, $1) }
    }

    private mutating func addTracks(
      _ specifications: [(TrackSpecification, CaptureDescription.Track)], _ source: SourceSpecification
    ) throws(FileReplayError) {
      _ = take.addSource(id: "s1", source)
      for (index, (specification, track)) in specifications.enumerated() {
        let destination = track.flow.destination
        let leg: Int
        if let door = doors[destination] {
          leg = door.leg
        } else {
          var configuration = RTPPeer.Configuration()
          if let srtp = description.srtp {
            configuration.suite = CryptoSuite(rawValue: srtp.cryptoSuite)
            configuration.key = srtp.key
            configuration.isRTCPClear = srtp.rtcp == .clear
          }
          let rtcp = track.rtcpDestination.flatMap { $0 == destination ? nil : $0 }
          do {
            leg = take.addLeg(source: 0, peer: try RTPPeer(configuration), hasRTCPPort: rtcp != nil)
          } catch {
            throw FileReplayError(message: "SRTP: \(error)")
          }
          doors[destination] = Door(leg: leg, port: .rtp)
          if let rtcp { doors[rtcp] = Door(leg: leg, port: .rtcp) }
        }
        _ = take.addTrack(specification, id: "t\(index + 1)", source: 0, leg: leg)
      }
      manifest.sources = [SourceDescription(id: "s1", ports: [], specification: source)]
    }

    /// Plays every datagram of the senders; answers what is wrong with the file's end.
    mutating func play(_ path: String) throws(CaptureError) -> CaptureError? {
      var reader = try CaptureReader(path: path)
      var copy: [UInt8] = []
      do throws(CaptureError) {
        while let datagram = try reader.next() {
          let kind = DatagramKind(reader.payload)
          guard description.isFromSender(datagram.flow, kind), let door = doors[datagram.flow.destination] else { continue }
          let arrival = Session.origin + max(.zero, datagram.time - firstTime)
          advance(to: arrival)
          copy.removeAll(keepingCapacity: true)
          copy.append(copying: reader.payload, 0..<reader.payload.count)
          var bytes = copy.mutableSpan
          take.receive(&bytes, from: datagram.flow.source, source: 0, leg: door.leg, port: door.port, at: max(arrival, now))
        }
      } catch {
        return error
      }
      return nil
    }

    /// Lets the recorder's ticks pass, as its loop would.
    private mutating func advance(to time: Instant) {
      while now + .milliseconds(20) <= time {
        now = now + .milliseconds(20)
        tick()
      }
    }

    private mutating func tick() {
      take.advance(to: now)
      _ = take.takeOutgoing()
      _ = take.takeEvents()
      execute()
      tape.tick(at: now)
    }

    private mutating func execute() {
      take.takeOrders(into: &orders)
      tape.execute(&orders, at: now) { pool.give($0) }
      take.written(bytes: accounts.releasedBytes.exchange(0, ordering: .relaxed))
    }

    /// Ends the recording; answers what is on tape.
    mutating func finish() -> Manifest {
      now = now + .milliseconds(20)
      take.stop(at: now)
      execute()
      tape.finish()
      presenter?.finish()
      let (files, lost) = accounts.state.withLock { ($0.files, $0.lost) }
      manifest.files = files
      for i in manifest.files.indices { manifest.files[i].sha256 = FileHash.sha256(options.folder + "/" + manifest.files[i].path) }
      manifest.hls = presenter?.statuses ?? []
      manifest.snapshot = take.snapshot(at: now)
      manifest.snapshot.retract(lost)
      manifest.snapshotAt = firstTime + (now - Session.origin)
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
