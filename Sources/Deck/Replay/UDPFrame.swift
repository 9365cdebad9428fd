package import Ground

/// What a captured frame begins with.
package enum LinkLayer: Sendable, CaseIterable {
  /// Ethernet II, with any VLAN tags.
  case ethernet
  /// Linux cooked capture, version 1 (16 bytes) and 2 (20 bytes).
  case linuxCooked, linuxCooked2
  /// Straight an IPv4 or IPv6 header.
  case rawIP
  /// BSD loopback: the address family in 4 bytes, in either byte order.
  case loopback
}

/// Why a captured frame is no UDP datagram that can be read whole.
package enum NotUDP: String, Error, Sendable, CaseIterable {
  case notIP = "not IP"
  case notUDP = "IP, not UDP"
  /// One fragment of a datagram; they are not put together.
  case fragment = "IP fragment"
  /// The capture kept fewer bytes than the datagram has.
  case cut = "cut by the capture"
  /// A header that contradicts itself or the frame's length.
  case malformed = "malformed"
}

/// Where a UDP datagram lies in a captured frame, and whose it is (RFC 768, RFC 791, RFC 8200).
package struct UDPFrame: Sendable, Equatable {
  package var source: SocketAddress
  package var destination: SocketAddress
  /// The datagram's payload in the frame.
  package var payload: Range<Int>

  /// Reads a frame of which `wireBytes` were on the wire. Never reads past the frame, whatever its length fields say.
  package init(parsing frame: Span<UInt8>, link: LinkLayer, wireBytes: Int) throws(NotUDP) {
    var cursor = Cursor(count: frame.count, wireBytes: wireBytes)
    try cursor.passLink(frame, link)
    try cursor.require(1, frame)
    let transport: Transport
    switch frame[cursor.offset] >> 4 {
    case 4: transport = try cursor.passIPv4(frame)
    case 6: transport = try cursor.passIPv6(frame)
    default: throw .malformed
    }
    let start = cursor.offset
    try cursor.require(8, frame)
    // A length of 0 is what segmentation offload and jumbograms leave: the rest of the IP packet.
    let told = Int(frame.u16(at: start + 4))
    let length = told == 0 ? transport.end - start : told
    guard length >= 8, start + length <= transport.end else { throw .malformed }
    try cursor.require(length, frame)
    source = transport.source
    source.port = frame.u16(at: start)
    destination = transport.destination
    destination.port = frame.u16(at: start + 2)
    payload = start + 8..<start + length
  }

  /// What the IP header says of the UDP datagram in it.
  private struct Transport {
    var source: SocketAddress
    var destination: SocketAddress
    /// Where the IP packet ends, by its own length field.
    var end: Int
  }

  private struct Cursor {
    var offset = 0
    let count: Int
    let wireBytes: Int

    init(count: Int, wireBytes: Int) {
      self.count = count
      self.wireBytes = wireBytes
    }

    /// Whether `n` more bytes are there. Too few are the capture's doing where it cut the frame, the sender's where it did not.
    func require(_ n: Int, _ frame: Span<UInt8>) throws(NotUDP) {
      guard n <= count - offset else { throw count < wireBytes ? .cut : .malformed }
    }

    mutating func passLink(_ frame: Span<UInt8>, _ link: LinkLayer) throws(NotUDP) {
      switch link {
      case .rawIP: return
      case .loopback:
        try require(4, frame)
        let word = frame.u32(at: 0)
        offset = 4
        // AF_INET is 2 everywhere; AF_INET6 is 10, 24, 28 or 30 by system. The capturing machine's byte order is not told.
        guard [2, 10, 24, 28, 30].contains(word) || [2, 10, 24, 28, 30].contains(word.byteSwapped) else { throw .notIP }
      case .linuxCooked2:
        try require(20, frame)
        offset = 20
        try passEtherType(frame.u16(at: 0), frame)
      case .linuxCooked:
        try require(16, frame)
        offset = 16
        try passEtherType(frame.u16(at: 14), frame)
      case .ethernet:
        try require(14, frame)
        offset = 14
        try passEtherType(frame.u16(at: 12), frame)
      }
    }

    /// Goes over VLAN tags (802.1Q, 802.1ad and its forerunner) to an IP header.
    private mutating func passEtherType(_ first: UInt16, _ frame: Span<UInt8>) throws(NotUDP) {
      var type = first
      while type == 0x8100 || type == 0x88a8 || type == 0x9100 {
        try require(4, frame)
        type = frame.u16(at: offset + 2)
        offset += 4
      }
      guard type == 0x0800 || type == 0x86dd else { throw .notIP }
    }

    ///     |Version|  IHL  |Type of Service|          Total Length         |
    ///     |         Identification        |Flags|      Fragment Offset    |
    ///     |  Time to Live |    Protocol   |         Header Checksum       |
    ///     |                       Source Address                          |
    ///     |                    Destination Address                        |
    mutating func passIPv4(_ frame: Span<UInt8>) throws(NotUDP) -> Transport {
      try require(20, frame)
      let start = offset
      let header = Int(frame[start] & 0x0f) * 4
      guard header >= 20 else { throw .malformed }
      try require(header, frame)
      let told = Int(frame.u16(at: start + 2))
      let end = told == 0 ? max(count, wireBytes) : start + told
      guard end >= start + header else { throw .malformed }
      // More fragments to come, or not the first one.
      guard frame.u16(at: start + 6) & 0x3fff == 0 else { throw .fragment }
      guard frame[start + 9] == 17 else { throw .notUDP }
      offset = start + header
      return Transport(
        source: SocketAddress(ipv4: frame.u32(at: start + 12), port: 0),
        destination: SocketAddress(ipv4: frame.u32(at: start + 16), port: 0), end: end)
    }

    ///     |Version| Traffic Class |           Flow Label                  |
    ///     |         Payload Length        |  Next Header  |   Hop Limit   |
    ///     |                Source Address, 16 bytes                       |
    ///     |              Destination Address, 16 bytes                    |
    mutating func passIPv6(_ frame: Span<UInt8>) throws(NotUDP) -> Transport {
      try require(40, frame)
      let start = offset
      let told = Int(frame.u16(at: start + 4))
      let end = told == 0 ? max(count, wireBytes) : start + 40 + told
      var next = frame[start + 6]
      offset = start + 40
      let transport = Transport(
        source: SocketAddress(high: frame.u64(at: start + 8), low: frame.u64(at: start + 16), port: 0),
        destination: SocketAddress(high: frame.u64(at: start + 24), low: frame.u64(at: start + 32), port: 0), end: end)
      while next != 17 {
        switch next {
        case 0, 43, 60, 135, 139, 140:  // hop-by-hop, routing, destination options, mobility, HIP, shim6: 8-byte units
          try require(8, frame)
          next = frame[offset]
          offset += (Int(frame[offset + 1]) + 1) * 8
        case 51:  // authentication header: 4-byte units, counted from the third
          try require(8, frame)
          next = frame[offset]
          offset += (Int(frame[offset + 1]) + 2) * 4
        case 44:  // a fragment header of a whole packet (RFC 6946) is passed over
          try require(8, frame)
          guard frame.u16(at: offset + 2) & 0xfff9 == 0 else { throw .fragment }
          next = frame[offset]
          offset += 8
        default: throw .notUDP
        }
        try require(0, frame)
        guard offset <= end else { throw .malformed }
      }
      return transport
    }
  }
}
