package import Ground
import RTCP
package import RTP
package import SRTP

/// Which of a peer's sockets a datagram came in on. With RTP and RTCP on one port (RFC 5761) it is always `.rtp`.
package enum PeerPort: Sendable { case rtp, rtcp }

/// Why a datagram went no further than its transport.
package enum DatagramDiscard: String, Sendable, CaseIterable {
  /// Another address than the sender's.
  case stranger
  /// Too short, of another version, or with lengths that point outside.
  case malformed
  /// Did not authenticate as SRTP or SRTCP.
  case authenticationFailed
  /// SRTP that was seen before.
  case replayed
  /// On the RTCP port, but no RTCP (Janus's forwarder opens with such).
  case notRTCP
  /// On the RTP port, but neither RTP nor RTCP (STUN, DTLS and others, RFC 7983).
  case notRTP
  /// STUN that is broken, or that did not authenticate as the peer's (RFC 8445 §7.3).
  case rejectedSTUN
  /// Media that came before the handshake had agreed on keys: more than is kept, or without any keys after.
  case beforeKeys
}

/// What a datagram turned out to be. `count` bytes of it are clear.
package enum Reception: Sendable, Equatable {
  case rtp(RTPPacket, count: Int)
  case rtcp(count: Int)
  /// STUN or DTLS: the transport's own business.
  case transport
  /// Media of a WebRTC peer that came before there were keys: kept until `takeEarly`.
  case early
  case discarded(DatagramDiscard)
}

/// The transport state of one sender that speaks plain RTP, or SRTP keyed by the control plane.
///
/// The sender's address is the one that was configured, or is latched by the owner (`latch(_:at:)`) on the first valid packet, and is
/// pinned from then on. A sender that was latched and has been silent for `restartAfter` may come back from another port of the same host
/// (a forwarder that was started anew), or with SRTP, where packets prove themselves, from anywhere; never from another address than the
/// configured one. RTCP goes to the configured address, else to where datagrams on the RTCP port come from, else to the media's.
package struct RTPPeer: ~Copyable {
  package struct Configuration: Sendable {
    /// Where media must come from. Port 0 pins the address only.
    package var remote: SocketAddress?
    package var remoteRTCP: SocketAddress?
    package var suite: CryptoSuite?
    package var key: Redacted<[UInt8]> = Redacted([])
    /// RTCP travels in clear beside SRTP.
    package var isRTCPClear = false
    package init() {}
  }

  private let configured: SocketAddress?
  private let configuredRTCP: SocketAddress?
  private let inbound: SRTPSession?
  private let outbound: SRTPSession?
  private let isRTCPClear: Bool
  private var latched: SocketAddress?
  private var learnedRTCP: SocketAddress?
  /// Who spoke on the RTCP port before the sender was known, the last of each host: one of them may be the sender's.
  private var openers: [SocketAddress] = []
  /// When the latched sender was last heard.
  private var heardAt: Instant?

  /// How long a latched sender must be silent before its successor is let in.
  package static let restartAfter = TimeSpan.milliseconds(2_000)
  private static let maximumOpeners = 8

  package init(_ configuration: Configuration) throws(SRTPError) {
    // All that can throw comes before the first stored property.
    let sessions = try configuration.suite.map { (suite) throws(SRTPError) in
      (
        try SRTPSession(suite: suite, key: configuration.key.exposed, direction: .inbound),
        try SRTPSession(suite: suite, key: configuration.key.exposed, direction: .outbound)
      )
    }
    inbound = sessions?.0
    outbound = sessions?.1
    configured = configuration.remote
    configuredRTCP = configuration.remoteRTCP
    isRTCPClear = configuration.isRTCPClear
    latched = configuration.remote.flatMap { $0.port != 0 ? $0 : nil }
    learnedRTCP = nil
  }

  // MARK: Facts

  /// The media sender's address, once known.
  package var remote: SocketAddress? { latched }

  /// Where RTCP goes, once known.
  package var rtcpDestination: SocketAddress? { configuredRTCP ?? learnedRTCP ?? openers.first ?? latched }

  // MARK: World

  /// Judges a datagram and makes it clear in place. `datagram` holds the whole datagram and nothing more.
  package mutating func receive(_ datagram: inout MutableSpan<UInt8>, from address: SocketAddress, on port: PeerPort, at now: Instant)
    -> Reception
  {
    if port == .rtcp { learn(rtcp: address) }
    guard datagram.count >= 4 else { return .discarded(isFromSender(address, port) ? .malformed : .stranger) }
    let isRTCP = RTCPReader.looksLikeRTCP(datagram.span)
    if !isFromSender(address, port) {
      guard port == .rtp, !isRTCP, mayRestart(from: address, at: now) else { return .discarded(.stranger) }
    }
    if port == .rtcp, !isRTCP { return .discarded(.notRTCP) }
    guard datagram[0] >> 6 == 2 else { return .discarded(.notRTP) }
    return isRTCP ? receiveRTCP(&datagram) : receiveRTP(&datagram)
  }

  private func receiveRTCP(_ datagram: inout MutableSpan<UInt8>) -> Reception {
    guard let inbound, !isRTCPClear else { return .rtcp(count: datagram.count) }
    do {
      return .rtcp(count: try inbound.unprotectRTCP(&datagram))
    } catch {
      return .discarded(RTPPeer.discard(for: error))
    }
  }

  private func receiveRTP(_ datagram: inout MutableSpan<UInt8>) -> Reception {
    var count = datagram.count
    if let inbound {
      do {
        count = try inbound.unprotectRTP(&datagram)
      } catch {
        return .discarded(RTPPeer.discard(for: error))
      }
    }
    do {
      return .rtp(try RTPPacket(parsing: datagram.span.extracting(0..<count)), count: count)
    } catch {
      return .discarded(.malformed)
    }
  }

  static func discard(for error: SRTPError) -> DatagramDiscard {
    switch error {
    case .authenticationFailed: .authenticationFailed
    case .replayed: .replayed
    default: .malformed
    }
  }

  /// Whether the address is the sender's, or nobody is known to be the sender yet.
  private func isFromSender(_ address: SocketAddress, _ port: PeerPort) -> Bool {
    switch port {
    case .rtp:
      if let latched { return address == latched }
      return configured.map { RTPPeer.isSameHost(address, $0) } ?? true
    case .rtcp:
      if let configuredRTCP { return address == configuredRTCP }
      // The RTCP port is not known beforehand; the host is.
      return (latched ?? configured).map { RTPPeer.isSameHost(address, $0) } ?? true
    }
  }

  /// Whether the latched sender has been silent for so long that `address` may be its successor.
  private func mayRestart(from address: SocketAddress, at now: Instant) -> Bool {
    guard let latched, let heardAt, now - heardAt >= RTPPeer.restartAfter else { return false }
    if let configured { return configured.port == 0 && RTPPeer.isSameHost(address, configured) }
    return inbound != nil || RTPPeer.isSameHost(address, latched)
  }

  private static func isSameHost(_ a: SocketAddress, _ b: SocketAddress) -> Bool { a.high == b.high && a.low == b.low }

  /// Whatever reaches the RTCP port tells where RTCP is awaited, as long as it comes from the sender's host.
  private mutating func learn(rtcp address: SocketAddress) {
    guard configuredRTCP == nil, isFromSender(address, .rtcp) else { return }
    if latched != nil {
      learnedRTCP = address
    } else if let known = openers.firstIndex(where: { RTPPeer.isSameHost($0, address) }) {
      openers[known] = address
    } else if openers.count < RTPPeer.maximumOpeners {
      openers.append(address)
    }
  }

  // MARK: Commands

  /// Pins the sender to `address`, or notes that it was heard: the owner found a packet from there valid.
  package mutating func latch(_ address: SocketAddress, at now: Instant) {
    heardAt = now
    guard latched != address else { return }
    latched = address
    // What another host said is no longer of use. What this one said is, also where it comes back from another port: forwarders open
    // their RTCP channel before they send media.
    let isOfUse = learnedRTCP.map { RTPPeer.isSameHost($0, address) } ?? false
    if !isOfUse { learnedRTCP = openers.first { RTPPeer.isSameHost($0, address) } }
    openers = []
  }

  /// Makes an RTCP datagram ready to send: encrypted where the sender expects it.
  package func protectRTCP(_ datagram: inout [UInt8]) throws(SRTPError) {
    guard let outbound, !isRTCPClear else { return }
    try outbound.protectRTCP(&datagram)
  }
}
