package import Ground

/// Where each datagram of a capture goes on the wire: one port for all, or a port for each port of the capture.
package struct WireRoute: Sendable {
  /// Why a datagram is not sent.
  package enum LeftOut: String, Error, Sendable, CaseIterable {
    /// It goes from the receiver to the sender.
    case feedback
    /// To a port of the capture that has none here.
    case unmapped = "to an unmapped port"
    /// STUN, DTLS, zeros in place of RTCP: nothing that one port for RTP and RTCP expects.
    case notMedia = "neither RTP nor RTCP"
  }

  private let target: SocketAddress
  /// Ports here by the capture's; empty for one port for all.
  private let ports: [UInt16: UInt16]

  /// `map` holds the ports to send to by the capture's ports, all at the target's address; without it everything goes to the target.
  package init(target: SocketAddress, map: [UInt16: UInt16]) {
    self.target = target
    ports = map
  }

  /// Where a datagram goes. A port of RTCP that is not mapped itself goes with its RTP port: to the one after it.
  package func destination(
    of flow: Flow, _ kind: DatagramKind, in description: CaptureDescription
  ) throws(LeftOut) -> SocketAddress {
    guard description.isFromSender(flow, kind) else { throw kind == .rtp || kind == .rtcp ? .feedback : .notMedia }
    guard !ports.isEmpty else {
      guard kind == .rtp || kind == .rtcp else { throw .notMedia }
      return target
    }
    var destination = target
    let port = flow.destination.port
    if let told = ports[port] {
      destination.port = told
    } else if port > 0, let media = ports[port - 1], media < .max, kind != .rtp {
      destination.port = media + 1
    } else {
      throw .unmapped
    }
    return destination
  }
}
