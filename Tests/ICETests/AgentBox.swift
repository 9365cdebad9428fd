import Ground
import ICE
import STUN

/// An agent with what it said, for arrays of them.
final class AgentBox {
  var agent: ICEAgent
  let configuration: ICEConfiguration
  var events: [ICEEvent] = []

  init(_ configuration: ICEConfiguration, credentials: ICECredentials? = nil, at now: Instant = .zero) throws {
    self.configuration = configuration
    agent = try ICEAgent(configuration: configuration, credentials: credentials, at: now)
  }

  var state: ICEState { agent.currentState }
  var pair: ICESelectedPair? { agent.selectedPair }
  var role: ICERole { agent.currentRole }
  var counters: ICECounters { agent.counters }
  var nextDeadline: Instant? { agent.nextDeadline }
  var credentials: ICECredentials { agent.localCredentials }
  var states: [ICEState] {
    events.compactMap { event in
      if case .state(let state) = event { state } else { nil }
    }
  }

  @discardableResult func receive(_ bytes: [UInt8], from: SocketAddress, to: SocketAddress, at now: Instant) -> ICEReception {
    agent.receive(bytes.span, from: from, to: to, at: now)
  }

  func accepts(from remote: SocketAddress, to local: SocketAddress) -> Bool { agent.accepts(from: remote, to: local) }

  /// All that waits to be sent.
  func drain() -> [ICEDatagram] {
    var out: [ICEDatagram] = []
    while let datagram = agent.popOutgoing() { out.append(datagram) }
    while let event = agent.popEvent() { events.append(event) }
    return out
  }

  /// Tells this agent what the other's SDP would.
  func hear(of other: AgentBox, candidates: [ICECandidate]? = nil, at now: Instant) throws {
    try agent.setRemote(
      credentials: other.credentials, candidates: candidates ?? other.agent.localCandidates, isLite: other.configuration.mode == .lite,
      at: now)
  }
}

extension Instant {
  static let zero = Instant(nanoseconds: 1_000_000_000)
}

func address(_ ip: String, _ port: UInt16) -> SocketAddress { SocketAddress(ip: ip, port: port)! }

/// Messages made without the agent.
struct Message {
  var kind = STUNMessage.Class.request
  var id = STUNTransactionID(high: 7, low: 9)
  var username: String?
  var priority: UInt32? = 0x6e00_01ff
  var controlling: UInt64?
  var controlled: UInt64?
  var useCandidate = false
  var extra: [(UInt16, [UInt8])] = []
  var mapped: SocketAddress?
  var error: Int?
  var password: String?
  var hasFingerprint = true

  func bytes() -> [UInt8] {
    var writer = STUNWriter(kind, transactionID: id)
    if let username { writer.username(username) }
    if let priority, kind == .request { writer.priority(priority) }
    if let controlling { writer.iceControlling(controlling) }
    if let controlled { writer.iceControlled(controlled) }
    if useCandidate { writer.useCandidate() }
    if let mapped { writer.xorMappedAddress(mapped) }
    if let error { writer.errorCode(error, reason: "") }
    for (type, value) in extra { writer.attribute(type, value) }
    if let password {
      writer.messageIntegrity { bytes in
        var copy: [UInt8] = []
        copy.append(copying: bytes, 0..<bytes.count)
        let code = HMACSHA1.code(key: Array(password.utf8), copy)
        return InlineArray<20, UInt8> { code[$0] }
      }
    }
    if hasFingerprint { writer.fingerprint() }
    return writer.bytes
  }
}

/// What an answer says, and whether its code fits.
struct Answer {
  let message: STUNMessage
  let bytes: [UInt8]

  init(_ datagram: ICEDatagram) throws {
    let bytes = datagram.bytes
    message = try STUNMessage(parsing: bytes.span)
    self.bytes = bytes
  }

  func isSigned(by password: String) -> Bool {
    guard let cover = message.integrityCover else { return false }
    var covered = Array(bytes[..<cover.body.upperBound])
    covered[2] = UInt8(cover.length >> 8)
    covered[3] = UInt8(cover.length & 0xff)
    return HMACSHA1.code(key: Array(password.utf8), covered) == Array(bytes[cover.code])
  }

  var isFingerprintValid: Bool? { message.isFingerprintValid(in: bytes.span) }
  var unknown: [UInt16] {
    (message.unknownAttributes.map { Array(bytes[$0]) } ?? []).chunked.map { UInt16($0[0]) << 8 | UInt16($0[1]) }
  }
}

extension [UInt8] {
  fileprivate var chunked: [[UInt8]] { stride(from: 0, to: count, by: 2).map { Array(self[$0..<$0 + 2]) } }
}
