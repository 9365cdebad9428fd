import Codecs
import Ground
package import Mux

/// One participant's tape: parts one after the other, each a file. Sans-I/O but for the `TapeFiles` it is lent.
final class ParticipantTape {
  let participant: String
  private let fileParticipant: String?
  private let container: TapeContainer
  private var writer: TapeWriter?
  /// The earliest frame of the part.
  private var start: MediaTime?
  private var part = 0
  private(set) var statuses: [FileStatus] = []
  /// When a frame was last written, while its cluster may be open.
  private var lastWrite: Instant?

  /// `usesPlainName`: the recording has this one participant, and its file no name but `recording`.
  init(participant: String, usesPlainName: Bool, container: TapeContainer) {
    self.container = container
    self.participant = participant
    fileParticipant = usesPlainName ? nil : participant
  }

  var isOpen: Bool { part > 0 && statuses.last?.isFinal == false }
  var bytes: Int64 { statuses.reduce(0) { $0 + $1.bytes } }
  var finalCount: Int { statuses.reduce(0) { $0 + ($1.isFinal ? 1 : 0) } }

  func open(_ formats: [TrackFormat], files: any TapeFiles) throws(TapeFailure) {
    if isOpen { try finish(files: files) }
    part += 1
    let path = TapeNames.file(participant: fileParticipant, part: part, container)
    do {
      writer = try TapeWriter(tracks: formats, container: container)
    } catch {
      throw .mux(path, error)
    }
    var status = FileStatus(path: path, participant: participant, container: container.rawValue)
    status.part = part
    statuses.append(status)
    start = nil
    lastWrite = nil
    try drain(files: files)
  }

  /// Writes one frame. Throws `notOpen` where no file is.
  func write(_ frame: borrowing EncodedFrame, at now: Instant, files: any TapeFiles) throws(TapeFailure) {
    guard isOpen else { throw .notOpen(participant) }
    lastWrite = now
    let hasBytes: Bool
    do {
      hasBytes = try writer?.write(frame) ?? false
    } catch {
      throw .mux(statuses[statuses.count - 1].path, error)
    }
    start = min(start ?? frame.time, frame.time)
    if hasBytes { try drain(files: files) }
  }

  /// Closes a cluster that has been open for half a second with nothing new, so that all written frames are on disk.
  func tick(at now: Instant, files: any TapeFiles) throws(TapeFailure) {
    guard isOpen, let lastWrite, now - lastWrite >= .milliseconds(500) else { return }
    self.lastWrite = nil
    do {
      try writer?.closeCluster()
    } catch {
      throw .mux(statuses[statuses.count - 1].path, error)
    }
    try drain(files: files)
  }

  /// Puts index and duration in place; the file is final.
  func finish(files: any TapeFiles) throws(TapeFailure) {
    guard isOpen else { return }
    let last = statuses.count - 1
    let steps: [FinishingStep]
    do {
      steps = try writer?.finish() ?? []
    } catch {
      throw .mux(statuses[last].path, error)
    }
    try drain(files: files)
    for step in steps { try carryOut(step, statuses[last].path, files) }
    writer = nil
    files.close(statuses[last].path)
    statuses[last].isFinal = true
  }

  private func carryOut(_ step: FinishingStep, _ path: String, _ files: any TapeFiles) throws(TapeFailure) {
    do {
      switch step {
      case .write(let offset, let bytes): try files.write(path, at: offset, bytes.span)
      case .copy(let range, let offset): try files.copy(path, range, to: offset)
      }
    } catch {
      throw .file(error)
    }
  }

  /// Gives the file up as it is: what is on disk stays, and recovery can finish it.
  func abandon(files: any TapeFiles) {
    guard isOpen else { return }
    writer = nil
    files.close(statuses[statuses.count - 1].path)
  }

  private func drain(files: any TapeFiles) throws(TapeFailure) {
    let last = statuses.count - 1
    let path = statuses[last].path
    do {
      try writer?.drain { (offset, bytes) throws(TapeFileError) in try files.write(path, at: offset, bytes) }
    } catch {
      throw .file(error)
    }
    guard let bytes = writer?.fileBytes, let end = writer?.duration else { return }
    statuses[last].bytes = bytes
    guard let start else { return }
    // Whole milliseconds, as the file counts.
    statuses[last].startSeconds = Double(start.milliseconds) / 1000
    statuses[last].durationSeconds = (end - .milliseconds(start.milliseconds)).seconds
  }
}

/// Why a tape could not be written.
package enum TapeFailure: Error, Sendable, Hashable {
  case file(TapeFileError)
  case mux(String, MuxError)
  /// A frame came for a participant whose file was not opened.
  case notOpen(String)

  package var message: String {
    switch self {
    case .file(let error): error.message
    case .mux(let path, let error): "\(path): \(error)"
    case .notOpen(let participant): "no file is open for \(participant)"
    }
  }
  package var isDiskFull: Bool {
    if case .file(.noSpace) = self { return true }
    return false
  }
}
