import DeckRig
import DTLS
import Foundation
import Ground
import ICE
import JSON
import SRTP
import Testing

/// A WebRTC sender of Opus on a real socket: an ICE agent, DTLS and SRTP of our own, and session descriptions written by hand. What others'
/// make of it is shown where others are.
final class LivePeer {
  static let identity: DTLSIdentity = {
    do {
      return try DTLSIdentity(at: WallTime(nanosecondsSinceEpoch: Int64(Date().timeIntervalSince1970 * 1e9)))
    } catch {
      fatalError("no certificate: \(error)")
    }
  }()

  let endpoint: Endpoint
  let address: SocketAddress
  private let isLite: Bool
  private var agent: ICEAgent
  private var dtls: DTLSSession?
  private var outbound: SRTPSession?
  private var daemon = SocketAddress(ipv4: 0, port: 0)
  private var version = 1
  private(set) var sent = 0

  init(ip: String = "127.0.0.1", isLite: Bool = false) throws {
    endpoint = try Endpoint(ip: ip)
    address = try #require(SocketAddress(ip: ip, port: endpoint.port))
    self.isLite = isLite
    var configuration = ICEConfiguration(hosts: [ICEHost(address)])
    configuration.mode = isLite ? .lite : .full
    configuration.role = isLite ? .controlled : .controlling
    agent = try ICEAgent(configuration: configuration, at: LivePeer.now)
  }

  private static var now: Instant { Instant(nanoseconds: UInt64(Moment.now * 1e9)) }

  var isConnected: Bool { outbound != nil && agent.currentState == .connected }
  /// The port of ours that it sends to.
  var daemonPort: UInt16 { agent.selectedPair?.remote.port ?? 0 }

  /// What its checks say for USERNAME.
  var checkName: String {
    (agent.remoteCredentials?.usernameFragment ?? "") + ":" + agent.localCredentials.usernameFragment
  }

  // MARK: Descriptions

  private func description(setup: String, mid: String = "0") -> String {
    version += 1
    let digest = LivePeer.identity.sha256.bytes.map { (byte: UInt8) in (byte < 16 ? "0" : "") + String(byte, radix: 16).uppercased() }
    var lines = ["v=0", "o=- 4711 \(version) IN IP4 127.0.0.1", "s=-", "t=0 0"] + (isLite ? ["a=ice-lite"] : [])
    lines += [
      "a=group:BUNDLE \(mid)", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:\(mid)", "a=sendonly", "a=rtcp-mux",
      "a=rtpmap:111 opus/48000/2", "a=setup:\(setup)", "a=fingerprint:sha-256 " + digest.joined(separator: ":"),
      "a=ice-ufrag:\(agent.localCredentials.usernameFragment)", "a=ice-pwd:\(agent.localCredentials.password.exposed)",
    ]
    return (lines + agent.localCandidates.map { "a=" + $0.line }).map { $0 + "\r\n" }.joined()
  }

  var offer: String { description(setup: "actpass") }

  /// The values of an attribute's lines.
  private static func values(_ name: String, _ text: String) -> [String] {
    text.split(whereSeparator: \.isNewline).compactMap { $0.hasPrefix("a=\(name):") ? String($0.dropFirst(name.count + 3)) : nil }
  }

  /// Hears what the daemon says of itself.
  func take(_ text: String) throws {
    let credentials = try ICECredentials(
      usernameFragment: try #require(LivePeer.values("ice-ufrag", text).first),
      password: try #require(LivePeer.values("ice-pwd", text).first))
    var candidates: [ICECandidate] = []
    for line in LivePeer.values("candidate", text) {
      if case .candidate(let candidate) = try ICECandidate.read(line), candidate.address.ip == address.ip { candidates.append(candidate) }
    }
    daemon = try #require(candidates.first?.address)
    try agent.setRemote(credentials: credentials, candidates: candidates, isLite: text.contains("a=ice-lite"), at: LivePeer.now)
    guard dtls == nil else { return }
    let print = try #require(LivePeer.values("fingerprint", text).first { $0.hasPrefix("sha-256 ") })
    let digest = print.dropFirst(8).split(separator: ":").compactMap { UInt8($0, radix: 16) }
    let theyAreClient = LivePeer.values("setup", text).first == "active"
    dtls = try DTLSSession(
      identity: LivePeer.identity, role: theyAreClient ? .server : .client,
      fingerprints: [try DTLSFingerprint(hash: .sha256, bytes: digest)])
  }

  /// Answers the daemon's offer.
  func answer(_ text: String) throws -> String {
    try take(text)
    return description(setup: "active", mid: try #require(LivePeer.values("mid", text).first))
  }

  /// The body of a source that this peer offers.
  var source: JSONValue { ["type": "webrtc", "offer": .string(offer), "participant": "ada"] }

  func restart() throws { try agent.restart(at: LivePeer.now) }

  // MARK: Life

  /// Lets both sides speak until something is true; answers whether it came true.
  func run(within seconds: Double = 30, until condition: () throws -> Bool) rethrows -> Bool {
    try eventually(within: seconds) {
      step()
      return try condition()
    }
  }

  /// Handles what has come, and what is due.
  func step() {
    let now = LivePeer.now
    for bytes in endpoint.receive() where !bytes.isEmpty {
      switch bytes[0] {
      case 0...3: agent.receive(bytes.span, from: daemon, to: address, at: now)
      case 20...63: dtls?.receive(bytes.span, at: now)
      default: break
      }
    }
    agent.advance(to: now)
    dtls?.advance(to: now)
    while agent.popEvent() != nil {}
    if agent.selectedPair != nil { dtls?.start(at: now) }
    if outbound == nil, case .established(let keys)? = dtls?.state { outbound = try? keys.session(.outbound) }
    while let datagram = agent.popOutgoing() { endpoint.send(datagram.bytes, to: datagram.to.port, ip: datagram.to.ip) }
    flush()
  }

  private func flush() {
    guard let pair = agent.selectedPair else { return }
    while let bytes = dtls?.popOutgoing() { endpoint.send(bytes, to: pair.remote.port, ip: pair.remote.ip) }
  }

  func connect() throws { try #require(run { isConnected }, "the peer does not connect") }

  /// Sends so many packets of 20 ms, in their time. `between` is called after each.
  func send(_ count: Int, between: (Int) -> Void = { _ in }) throws {
    let outbound = try #require(outbound)
    let begin = Moment.now
    for i in 0..<count {
      while begin + Double(i) * 0.02 > Moment.now {
        step()
        Moment.rest(0.002)
      }
      var packet: [UInt8] = [0x80, sent == 0 ? 0xef : 0x6f]
      packet.appendU16(UInt16(truncatingIfNeeded: 1000 + sent))
      packet.appendU32(UInt32(truncatingIfNeeded: 960 * sent))
      packet.appendU32(0x5eed)
      packet += [0x78] + (0..<40).map { UInt8(truncatingIfNeeded: sent &* 31 &+ $0) }
      try outbound.protectRTP(&packet)
      endpoint.send(packet, to: daemonPort, ip: address.ip)
      sent += 1
      between(i)
    }
  }

  /// Says that it leaves, as a page does that closes its connection.
  func farewell() {
    dtls?.close()
    flush()
  }
}
