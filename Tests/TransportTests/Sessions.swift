import Ground
import RTP
import SRTP

extension SRTPSession {
  /// What an RTP packet is in clear, or why not.
  func open(_ packet: [UInt8]) -> Result<[UInt8], SRTPError> {
    open(packet) { (span) throws(SRTPError) in try unprotectRTP(&span) }
  }

  /// What an RTCP packet is in clear, or why not.
  func openRTCP(_ packet: [UInt8]) -> Result<[UInt8], SRTPError> {
    open(packet) { (span) throws(SRTPError) in try unprotectRTCP(&span) }
  }

  private func open(_ packet: [UInt8], _ call: (inout MutableSpan<UInt8>) throws(SRTPError) -> Int) -> Result<[UInt8], SRTPError> {
    var copy = packet
    do throws(SRTPError) {
      var span = copy.mutableSpan
      let count = try call(&span)
      return .success(Array(copy.prefix(count)))
    } catch {
      return .failure(error)
    }
  }

  func sealed(_ packet: [UInt8]) throws -> [UInt8] {
    var copy = packet
    try protectRTP(&copy)
    return copy
  }

  func sealedRTCP(_ packet: [UInt8]) throws -> [UInt8] {
    var copy = packet
    try protectRTCP(&copy)
    return copy
  }
}

/// Two ends that share a key.
struct Ends {
  let sender: SRTPSession
  let receiver: SRTPSession

  init(_ suite: CryptoSuite, key: [UInt8]? = nil) throws {
    let key = key ?? Ends.key(suite)
    sender = try SRTPSession(suite: suite, key: key, direction: .outbound)
    receiver = try SRTPSession(suite: suite, key: key, direction: .inbound)
  }

  static func key(_ suite: CryptoSuite) -> [UInt8] { (0..<suite.keyAndSaltBytes).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) } }
}

/// A media packet of a stream whose number and payload tell it from all others.
func media(_ number: Int, ssrc: UInt32 = 1111, type: UInt8 = 96) -> [UInt8] {
  let fields = RTPHeaderFields(
    payloadType: PayloadType(type), sequenceNumber: SequenceNumber(UInt16(truncatingIfNeeded: number)),
    timestamp: RTPTimestamp(UInt32(truncatingIfNeeded: number &* 3000)), ssrc: SSRC(ssrc))
  var payload: [UInt8] = []
  for _ in 0..<5 { payload.appendU64(UInt64(number)) }
  return fields.packet(payload: payload)
}
