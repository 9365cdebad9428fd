package import Codecs
package import Ground
package import Synchronization

/// Where a participant's frames go besides the tape: the live presentation. Called on the writer's thread; must not block.
package protocol TapeListener: AnyObject {
  /// The participant's tape begins (again) with these tracks.
  func open(participant: String, formats: [TrackFormat])
  /// Answers false where it keeps no reference to the frame's bytes.
  func receive(participant: String, _ frame: EncodedFrame) -> Bool
  func advance(to time: MediaTime)
  func wallClock(zero: WallTime)
}

/// What the writer tells the others of a recording: thread-safe.
package final class TapeAccounts: Sendable {
  /// Bytes of frames that have left the queue.
  package let releasedBytes = Atomic<Int>(0)
  /// Bytes of all the tape's files.
  package let fileBytes = Atomic<Int64>(0)
  package let framesWritten = Atomic<Int>(0)
  /// Set with `State.failure`; cheap to ask.
  package let hasFailed = Atomic<Bool>(false)

  package struct State: Sendable {
    package var files: [FileStatus] = []
    package var hls: [HLSStatus] = []
    /// Frames that did not reach the file: track and packets.
    package var lost: [(track: Int, packets: Int)] = []
    package var failure: TapeFailure?
    package init() {}
  }
  package let state = Mutex(State())
  package init() {}
}

/// Executes a recording's orders: opens, writes and finishes its participants' files. For one thread at a time.
package final class RecordingTape {
  private let files: any TapeFiles
  private let listener: (any TapeListener)?
  private let usesPlainNames: Bool
  private let participants: [String]
  private let container: TapeContainer
  /// By the take's participant number.
  private var tapes: [ParticipantTape?] = []
  private var extraParticipants: [Int: String] = [:]
  package let accounts: TapeAccounts
  package private(set) var failure: TapeFailure?
  /// Whether there is one; each frame asks, and to look at it would be to copy it.
  private var hasFailed = false
  private var publishedBytes: Int64 = -1
  private var publishedFinal = 0

  /// `participants`: by the take's numbers, those that the start declared. One alone gets the plain name.
  package init(
    files: any TapeFiles, participants: [String], accounts: TapeAccounts, listener: (any TapeListener)?, container: TapeContainer = .webm
  ) {
    self.container = container
    self.files = files
    self.participants = participants
    self.accounts = accounts
    self.listener = listener
    usesPlainNames = participants.count == 1
  }

  /// Says what a participant is called that joined after the start.
  package func name(_ participant: Int, _ id: String) { extraParticipants[participant] = id }

  private func id(_ participant: Int) -> String {
    participant < participants.count ? participants[participant] : extraParticipants[participant] ?? "\(participant)"
  }

  /// Executes orders. Storage of frames that nobody needs any more is handed to `recycle`.
  package func execute(_ orders: inout [TapeOrder], at now: Instant, recycle: (consuming [UInt8]) -> Void) {
    for i in orders.indices {
      // Swapped, not copied: the frame's bytes keep one owner, and their header is not touched.
      var order = TapeOrder.advance(.zero)
      swap(&order, &orders[i])
      execute(order, at: now, recycle: recycle)
    }
    orders.removeAll(keepingCapacity: true)
    publish()
  }

  private func execute(_ order: consuming TapeOrder, at now: Instant, recycle: (consuming [UInt8]) -> Void) {
    switch order {
    case .open(let participant, let formats):
      open(participant, formats)
      listener?.open(participant: id(participant), formats: formats)
    case .frame(let participant, let frame, let packets, let track):
      accounts.releasedBytes.add(frame.storedBytes, ordering: .relaxed)
      write(participant, frame, packets: packets, track: track, at: now)
      if let listener, listener.receive(participant: id(participant), frame) { return }
      recycle(frame.bytes)
    case .advance(let time):
      listener?.advance(to: time)
    case .wallClock(let zero):
      listener?.wallClock(zero: zero)
    }
  }

  private func open(_ participant: Int, _ formats: [TrackFormat]) {
    while tapes.count <= participant { tapes.append(nil) }
    let tape =
      tapes[participant]
      ?? ParticipantTape(participant: id(participant), usesPlainName: usesPlainNames && participant == 0, container: container)
    tapes[participant] = tape
    guard failure == nil else { return }
    do throws(TapeFailure) {
      try tape.open(formats, files: files)
    } catch {
      fail(error)
    }
  }

  private func write(_ participant: Int, _ frame: borrowing EncodedFrame, packets: Int, track: Int, at now: Instant) {
    if !hasFailed {
      do throws(TapeFailure) {
        guard participant < tapes.count, let tape = tapes[participant] else { throw .notOpen(id(participant)) }
        try tape.write(frame, at: now, files: files)
        accounts.framesWritten.add(1, ordering: .relaxed)
        return
      } catch {
        fail(error)
      }
    }
    accounts.state.withLock { $0.lost.append((track, packets)) }
  }

  /// Closes clusters that have been open for half a second with nothing new. Call now and then.
  package func tick(at now: Instant) {
    guard !hasFailed else { return }
    for tape in tapes {
      do throws(TapeFailure) {
        try tape?.tick(at: now, files: files)
      } catch {
        fail(error)
        break
      }
    }
    publish()
  }

  /// Makes every file final. One that cannot be is given up as it is, and the others are still finished.
  package func finish() {
    for case let tape? in tapes {
      do throws(TapeFailure) {
        try tape.finish(files: files)
      } catch {
        tape.abandon(files: files)
        fail(error)
      }
    }
    publish()
  }

  private func fail(_ error: TapeFailure) {
    guard failure == nil else { return }
    failure = error
    hasFailed = true
    accounts.state.withLock { $0.failure = error }
    accounts.hasFailed.store(true, ordering: .releasing)
  }

  /// Shows what changed: after each closed cluster, not after each frame.
  private func publish() {
    var bytes: Int64 = 0
    var final = 0
    for case let tape? in tapes {
      bytes += tape.bytes
      final += tape.finalCount
    }
    guard bytes != publishedBytes || final != publishedFinal else { return }
    publishedBytes = bytes
    publishedFinal = final
    let statuses = tapes.flatMap { $0?.statuses ?? [] }
    accounts.fileBytes.store(bytes, ordering: .relaxed)
    accounts.state.withLock { $0.files = statuses }
  }
}
