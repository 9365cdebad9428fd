package import SDP

/// Why a capture, or what is said about it, could not be used. Whoever gave the file must act.
package enum CaptureError: Error, Sendable, Equatable {
  /// No such file, or no capture file: libpcap's words.
  case cannotOpen(path: String, reason: String)
  /// A link layer that this room does not read, by libpcap's name.
  case unknownLinkLayer(path: String, name: String)
  /// The file ends within a packet or is broken there. What came before it has been told.
  case damaged(path: String, afterFrames: Int, reason: String)
  /// A session description that cannot be read.
  case badSessionDescription(path: String, error: SDPError)
  /// A file of facts or keys that cannot be read.
  case badDescription(path: String, reason: String)
  /// A whole capture in which there is nothing to send or to record.
  case nothingToUse(path: String, reason: String)
}

extension CaptureError: CustomStringConvertible {
  /// One line for people.
  package var description: String {
    switch self {
    case .cannotOpen(let path, let reason): "\(path): \(reason)"
    case .unknownLinkLayer(let path, let name): "\(path): captured on a link layer that is not read here (\(name))"
    case .damaged(let path, let frames, let reason): "\(path): damaged after \(frames) frames: \(reason)"
    case .badSessionDescription(let path, let error): "\(path): \(error)"
    case .badDescription(let path, let reason): "\(path): \(reason)"
    case .nothingToUse(let path, let reason): "\(path): \(reason)"
    }
  }
}
