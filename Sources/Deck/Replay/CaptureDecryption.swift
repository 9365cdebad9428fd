import Ground
import RTCP
import Recording
import SRTP

/// Opens a capture's SRTP and SRTCP with every key that is known, in file order: libsrtp's state goes along with the packets.
struct CaptureDecryption {
  /// What became of a datagram.
  enum Outcome: Sendable, Hashable {
    /// It was never encrypted: RTCP beside SRTP in clear.
    case clear
    /// `bytes` holds it, opened by the key of that number.
    case opened(key: Int)
    /// A copy of a packet that was opened before.
    case replayed
    /// No key opens it.
    case refused
  }

  /// The keys that are tried, in the order of their numbers.
  let keys: [SRTPSpecification]
  private let sessions: [SRTPSession]
  /// The key that opened the last packet: the first to be tried.
  private var last = 0
  /// The datagram in clear, after `opened`.
  private(set) var bytes: [UInt8] = []

  /// Nil where there is no key. Keys of unknown suites or wrong length are passed over.
  init?(keys: [SRTPSpecification]) {
    var good: [SRTPSpecification] = []
    var made: [SRTPSession] = []
    for key in keys {
      guard let suite = CryptoSuite(rawValue: key.cryptoSuite),
        let session = try? SRTPSession(suite: suite, key: key.key.exposed, direction: .inbound)
      else { continue }
      good.append(key)
      made.append(session)
    }
    guard !made.isEmpty else { return nil }
    self.keys = good
    sessions = made
  }

  mutating func open(_ datagram: Span<UInt8>, isRTCP: Bool) -> Outcome {
    var wasReplayed = false
    for turn in sessions.indices {
      let key = (last + turn) % sessions.count
      let session = sessions[key]
      // A failed attempt may leave the bytes changed, so each begins with a fresh copy.
      bytes.removeAll(keepingCapacity: true)
      for i in datagram.indices { bytes.append(datagram[i]) }
      do throws(SRTPError) {
        let count = try CaptureDecryption.unprotect(&bytes, with: session, isRTCP: isRTCP)
        bytes.removeLast(bytes.count - count)
        last = key
        return .opened(key: key)
      } catch {
        if error == .replayed { wasReplayed = true }
      }
    }
    if wasReplayed { return .replayed }
    return isRTCP && CaptureDecryption.isWholeRTCP(datagram) ? .clear : .refused
  }

  private static func unprotect(_ bytes: inout [UInt8], with session: SRTPSession, isRTCP: Bool) throws(SRTPError) -> Int {
    var span = bytes.mutableSpan
    return try isRTCP ? session.unprotectRTCP(&span) : session.unprotectRTP(&span)
  }

  private static func isWholeRTCP(_ datagram: Span<UInt8>) -> Bool {
    var reader = RTCPReader()
    do {
      while try reader.next(in: datagram) != nil {}
      return true
    } catch {
      return false
    }
  }
}
