import Ground
import Recording

/// Walks a capture datagram by datagram, each with what it looks like and, where a key opens it, in clear.
struct CaptureWalk: ~Copyable {
  private(set) var reader: CaptureReader
  private var decryption: CaptureDecryption?
  private var isOpened = false

  /// A datagram on the walk.
  struct Step: Sendable {
    var datagram: CapturedDatagram
    var kind: DatagramKind
    /// Nil without keys, and for what is neither RTP nor RTCP.
    var protection: CaptureDecryption.Outcome?
    /// Bytes of the datagram as captured.
    var bytes: Int
  }

  init(path: String, keys: [SRTPSpecification]) throws(CaptureError) {
    reader = try CaptureReader(path: path)
    decryption = CaptureDecryption(keys: keys)
  }

  /// The last datagram's bytes: decrypted where its step says `opened`, as captured otherwise.
  var payload: Span<UInt8> {
    @_lifetime(borrow self)
    get { isOpened ? decryption!.bytes.span : reader.payload }
  }

  /// Goes to the next datagram; nil at the end. Throws as `CaptureReader.next()` does.
  mutating func next() throws(CaptureError) -> Step? {
    isOpened = false
    guard let datagram = try reader.next() else { return nil }
    var step = Step(datagram: datagram, kind: DatagramKind(reader.payload), protection: nil, bytes: reader.payload.count)
    if decryption != nil, step.kind == .rtp || step.kind == .rtcp {
      let outcome = decryption!.open(reader.payload, isRTCP: step.kind == .rtcp)
      step.protection = outcome
      if case .opened = outcome { isOpened = true }
    }
    return step
  }
}
