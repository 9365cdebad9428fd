import Ground
import Peer
import RTP

/// Who speaks in the peer's tests.
enum Hosts {
  static let sender = SocketAddress(ip: "192.0.2.1", port: 5000)!
  /// The sender's host, another port: its RTCP, or the same sender started anew.
  static let senderRTCP = SocketAddress(ip: "192.0.2.1", port: 5001)!
  static let again = SocketAddress(ip: "192.0.2.1", port: 6000)!
  static let stranger = SocketAddress(ip: "192.0.2.66", port: 5000)!
  static let six = SocketAddress(ip: "2001:db8::1", port: 5000)!
  static let sixStranger = SocketAddress(ip: "2001:db8:1::1", port: 5000)!

  /// So many milliseconds after the tests began.
  static func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: 1 << 40) + .milliseconds(milliseconds) }

  /// What Janus's forwarder opens its RTCP channel with.
  static let opener: [UInt8] = [0x80] + Array(repeating: 0, count: 11)
  /// A receiver report of nothing.
  static let report: [UInt8] = [0x80, 201, 0, 1, 0, 0, 0, 9]
}

extension RTPPeer {
  /// A peer whose configuration is what `change` makes of the default.
  init(_ change: (inout Configuration) -> Void) throws {
    var configuration = Configuration()
    change(&configuration)
    try self.init(configuration)
  }

  /// Judges a copy of the bytes.
  mutating func hear(
    _ bytes: [UInt8], from address: SocketAddress = Hosts.sender, on port: PeerPort = .rtp, at milliseconds: Int64 = 0
  ) -> Reception {
    var copy = bytes
    var span = copy.mutableSpan
    return receive(&span, from: address, on: port, at: Hosts.at(milliseconds))
  }

  /// Judges a media packet as its owner does: what is valid latches.
  mutating func take(_ bytes: [UInt8], from address: SocketAddress = Hosts.sender, at milliseconds: Int64 = 0) -> Reception {
    let answer = hear(bytes, from: address, at: milliseconds)
    if case .rtp = answer { latch(address, at: Hosts.at(milliseconds)) }
    return answer
  }
}

extension Reception {
  var isRTP: Bool { if case .rtp = self { true } else { false } }
  var discard: DatagramDiscard? { if case .discarded(let cause) = self { cause } else { nil } }
}
