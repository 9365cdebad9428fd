package import Ground

/// One UDP datagram of a capture. Its payload is lent by the reader.
package struct CapturedDatagram: Sendable, Equatable {
  package var time: WallTime
  package var flow: Flow
}

/// One way between two sockets.
package struct Flow: Hashable, Sendable, CustomStringConvertible {
  package var source: SocketAddress
  package var destination: SocketAddress
  package init(source: SocketAddress, destination: SocketAddress) {
    self.source = source
    self.destination = destination
  }
  package var description: String { "\(source) > \(destination)" }
}

/// How many frames of a capture were no whole UDP datagram, by cause.
package struct SkippedFrames: Sendable, Equatable {
  private var counts: [NotUDP: Int] = [:]
  package init() {}
  package subscript(_ cause: NotUDP) -> Int { counts[cause] ?? 0 }
  package var total: Int { counts.values.reduce(0, +) }
  mutating func add(_ cause: NotUDP) { counts[cause, default: 0] += 1 }
}

/// Reads the UDP datagrams of a capture file in the file's order: pcap or pcapng; Ethernet with VLAN tags, Linux cooked, raw IP,
/// BSD loopback; IPv4 and IPv6.
///
///     while let datagram = try reader.next() { use(datagram, reader.payload) }
package struct CaptureReader: ~Copyable {
  private var file: PcapFile
  private var payloadRange = 0..<0
  /// The frames that were passed over so far.
  package private(set) var skipped = SkippedFrames()

  /// Opens a capture. Throws `cannotOpen` for what is no capture file and `unknownLinkLayer` for one that is not read here.
  package init(path: String) throws(CaptureError) { file = try PcapFile(path: path) }

  /// Frames read so far, datagrams or not.
  package var frames: Int { file.frames }

  /// The bytes of the datagram that `next()` answered last; empty before it, and after the last.
  package var payload: Span<UInt8> {
    @_lifetime(borrow self)
    get { file.frame.extracting(payloadRange) }
  }

  /// Goes to the next UDP datagram; nil at the file's end. Throws `damaged` where the file is cut or broken, after all that is whole.
  package mutating func next() throws(CaptureError) -> CapturedDatagram? {
    payloadRange = 0..<0
    while try file.advance() {
      do throws(NotUDP) {
        let frame = try UDPFrame(parsing: file.frame, link: file.linkLayer, wireBytes: file.wireBytes)
        payloadRange = frame.payload
        return CapturedDatagram(time: file.time, flow: Flow(source: frame.source, destination: frame.destination))
      } catch {
        skipped.add(error)
      }
    }
    return nil
  }
}
