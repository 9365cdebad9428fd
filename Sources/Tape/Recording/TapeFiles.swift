import Ground

/// Why a file operation failed, and whose business it is.
package enum TapeFileError: Error, Sendable, Hashable {
  /// The disk or the quota is full.
  case noSpace(path: String)
  case failed(path: String, reason: String)

  package var message: String {
    switch self {
    case .noSpace(let path): "no space left on the device for \(path)"
    case .failed(let path, let reason): "\(path): \(reason)"
    }
  }
}

/// Where the tape's bytes go: a folder on disk, or memory. Paths are relative to the recording's folder. For one thread.
package protocol TapeFiles: AnyObject {
  /// Writes at an offset, creating the file.
  func write(_ path: String, at offset: Int64, _ bytes: Span<UInt8>) throws(TapeFileError)
  /// Writes what the file has at `range` once more, at an offset behind it.
  func copy(_ path: String, _ range: Range<Int64>, to offset: Int64) throws(TapeFileError)
  /// Writes behind the end, creating the file.
  func append(_ path: String, _ bytes: [UInt8]) throws(TapeFileError)
  /// Puts a whole file in place at once: a reader sees the old one or the new one.
  func replace(_ path: String, _ bytes: [UInt8]) throws(TapeFileError)
  func rename(_ from: String, to: String) throws(TapeFileError)
  /// Lets go of what is held open for a file that will not be written again.
  func close(_ path: String)
}

/// What one output file is now.
package struct FileStatus: Sendable, Equatable {
  package var path: String
  package var participant: String
  package var container: String
  package var bytes: Int64 = 0
  /// Where on the timeline the file's first frame lies, in seconds: the file's own timestamps begin there.
  package var startSeconds: Double?
  package var durationSeconds: Double = 0
  /// Counts from 1: a tape of several parts goes on in the next.
  package var part = 1
  package var sha256: String?
  package var isFinal = false
  package init(path: String, participant: String, container: String) {
    self.path = path
    self.participant = participant
    self.container = container
  }
}

/// What one participant's HLS presentation is now.
package struct HLSStatus: Sendable, Equatable {
  package var participant: String
  package var playlist: String
  package var segments = 0
  package var isLive = true
  /// Pictures that the transcoder left out because it lacked time.
  package var framesSkipped = 0
  /// Why the presentation ended before the recording, or nil.
  package var error: String?
  package init(participant: String, playlist: String) {
    self.participant = participant
    self.playlist = playlist
  }
}
