package import Codecs
package import Ground

/// Writes one file of the tape, in whichever container. Touches no file; `drain` hands over what is to be written. See `WebMWriter` and
/// `MP4Writer`.
package struct TapeWriter: ~Copyable {
  private var matroska: WebMWriter?
  private var mp4: MP4Writer?

  /// Opens a file of these tracks. Throws `noTracks`, `unsupported`, `badFormat`, `library`, `outOfMemory`.
  package init(tracks formats: [TrackFormat], container: TapeContainer) throws(MuxError) {
    switch container {
    case .webm, .mkv: matroska = try WebMWriter(tracks: formats, container: container)
    case .mp4: mp4 = try MP4Writer(tracks: formats)
    }
  }

  /// The file's length once everything pending is written.
  package var fileBytes: Int64 {
    switch matroska {
    case .some(let writer): return writer.fileBytes
    case nil: break
    }
    switch mp4 {
    case .some(let writer): return writer.fileBytes
    case nil: return 0
    }
  }
  /// Where the last frame so far ends on the timeline.
  package var duration: TimeSpan {
    switch matroska {
    case .some(let writer): return writer.duration
    case nil: break
    }
    switch mp4 {
    case .some(let writer): return writer.duration
    case nil: return .zero
    }
  }

  /// Writes one frame; answers whether bytes wait to be drained. Throws as the container's writer does.
  package mutating func write(_ frame: borrowing EncodedFrame) throws(MuxError) -> Bool {
    if let hasBytes = try matroska?.write(frame) { return hasBytes }
    return try mp4?.write(frame) ?? false
  }

  /// Ends the open cluster or fragment: every frame written so far is then among the pending bytes. Throws `library`.
  package mutating func closeCluster() throws(MuxError) {
    try matroska?.closeCluster()
    try mp4?.closeFragment()
  }

  /// Ends the file. What it answers is to be done once all that waits has been drained. A second call throws `finished`; otherwise `library`.
  package mutating func finish() throws(MuxError) -> [FinishingStep] {
    try matroska?.finish()
    return try mp4?.finish() ?? []
  }

  /// Lends each pending order, oldest first, and forgets it, as the container's writer does.
  package mutating func drain<E: Error>(_ body: (_ offset: Int64, _ bytes: Span<UInt8>) throws(E) -> Void) throws(E) {
    try matroska?.drain(body)
    try mp4?.drain(body)
  }
}

/// Completes a file of the tape that its writer could not. See `WebMRecovery` and `MP4Recovery`.
package enum TapeRecovery {
  /// Answers how to finish a file of `length` bytes, of which `read` gives those at an offset. Throws as the container's recovery does.
  package static func plan(
    _ container: TapeContainer, length: Int64, read: @escaping (_ offset: Int64, _ count: Int) -> [UInt8]?
  ) throws(RecoveryError) -> RecoveryPlan {
    switch container {
    case .webm, .mkv: try WebMRecovery.plan(length: length, read: read)
    case .mp4: try MP4Recovery.plan(length: length, read: read)
    }
  }
}
