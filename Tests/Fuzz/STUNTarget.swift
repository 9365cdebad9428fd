import Ground
import STUN

extension FuzzTarget {
  static let stun = FuzzTarget(name: "stun", maximumBytes: 1024, seeds: { _ in STUNSeeds.all }) { bytes in
    let span = bytes.span
    let fragment = STUNMessage.receiverFragment(in: span)
    guard let message = try? STUNMessage(parsing: span) else { return }
    require(STUNMessage.looksLikeSTUN(span), "what is read looked like it")
    for range in [
      message.username, message.errorReason, message.unknownAttributes, message.software, message.messageIntegrity, message.fingerprint,
    ].compactMap({ $0 }) {
      require(range.lowerBound >= 24 && range.upperBound <= bytes.count, "attributes lie inside")
    }
    if let cover = message.integrityCover {
      require(cover.body.upperBound + 4 == cover.code.lowerBound && cover.code.count == 20, "what a code covers ends before it")
      require(Int(cover.length) + 20 == cover.code.upperBound, "and counts it")
    }
    require(message.unknownRequired(in: span).isEmpty == (message.unknownRequiredCount == 0), "unknown attributes are told")
    // The quick look at the name reads no further than it, and then what the whole reading finds.
    if let fragment, let username = message.username {
      require(fragment.lowerBound == username.lowerBound && bytes[fragment.upperBound] == 0x3a, "the receiver's part of the name")
    }
    let isTold = message.isFingerprintValid(in: span)
    require((isTold == nil) == (message.fingerprint == nil), "a fingerprint is valid or not")
    writtenAndRead(message, bytes)
  }

  private static func writtenAndRead(_ message: STUNMessage, _ bytes: [UInt8]) {
    var writer = STUNWriter(message.messageClass, method: message.method, transactionID: message.transactionID)
    if let username = message.username { writer.attribute(STUNAttribute.username, bytes[username]) }
    if let priority = message.priority { writer.priority(priority) }
    if message.hasUseCandidate { writer.useCandidate() }
    if let breaker = message.iceControlling { writer.iceControlling(breaker) }
    if let breaker = message.iceControlled { writer.iceControlled(breaker) }
    if let address = message.mappedAddress { writer.xorMappedAddress(address) }
    if let code = message.errorCode { writer.errorCode(code, reason: "") }
    if message.messageIntegrity != nil { writer.messageIntegrity { _ in InlineArray<20, UInt8>(repeating: 7) } }
    writer.fingerprint()
    let span = writer.bytes.span
    guard let again = try? STUNMessage(parsing: span) else { fatalError("what was written is not read") }
    require(again.isFingerprintValid(in: span) == true, "our fingerprint is valid")
    require(again.messageClass == message.messageClass && again.method == message.method, "the type written and read")
    require(again.transactionID == message.transactionID, "the transaction written and read")
    require(again.username.map { Array(writer.bytes[$0]) } == message.username.map { Array(bytes[$0]) }, "the name written and read")
    require(again.priority == message.priority && again.hasUseCandidate == message.hasUseCandidate, "a check written and read")
    require(again.iceControlling == message.iceControlling && again.iceControlled == message.iceControlled, "roles written and read")
    require(again.mappedAddress == message.mappedAddress && again.errorCode == message.errorCode, "an answer written and read")
  }
}

/// Messages as agents send them.
enum STUNSeeds {
  private static let id = STUNTransactionID(high: 0x0102_0304, low: 0x0506_0708_090a_0b0c)

  static var all: [[UInt8]] {
    var check = STUNWriter(.request, transactionID: id)
    check.username("evtj:h6vY")
    check.software("agent")
    check.priority(0x6e00_01ff)
    check.iceControlling(0x932f_f9b1_5126_3b36)
    check.useCandidate()
    check.messageIntegrity { _ in InlineArray<20, UInt8>(repeating: 1) }
    check.fingerprint()
    var answers: [[UInt8]] = []
    for address in [SocketAddress(ipv4: 0xc000_0201, port: 32_853), SocketAddress(high: 0x2001_0db8 << 32, low: 1, port: 5_004)] {
      var answer = STUNWriter(.success, transactionID: id)
      answer.xorMappedAddress(address)
      answer.fingerprint()
      answers.append(answer.bytes)
    }
    var refusal = STUNWriter(.error, transactionID: id)
    refusal.errorCode(487, reason: "Role Conflict")
    refusal.unknownAttributes([0x7f, 0x24])
    let plain: [UInt8] = [0, 1, 0x80, 0x55, 0xc0, 0, 2, 1]
    refusal.attribute(STUNAttribute.mappedAddress, plain)
    return [check.bytes, refusal.bytes, STUNWriter(.indication, transactionID: id).bytes] + answers
  }
}
