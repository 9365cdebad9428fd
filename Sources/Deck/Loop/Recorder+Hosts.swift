import Ground
import ICE
import Recording
import SDP
import Synchronization

extension Recorder {
  /// A socket on each address that a peer may reach us at.
  func bindHosts(_ specification: SourceSpecification, path: String) throws(ControlError) -> [DatagramSocket] {
    let text = specification.listenIP ?? configuration.listenIP
    guard let ip = SocketAddress(ip: text, port: 0) else {
      throw ControlError(.invalidField, "\(path)listenIp: \(text) is not an IP address", field: "\(path)listenIp")
    }
    // Of the wildcard nobody could tell which address a datagram reached: each address has its own socket.
    let addresses = ip.isWildcard ? NetworkInterfaces.addresses(like: ip) : [ip]
    guard !addresses.isEmpty else {
      throw ControlError(.invalidField, "\(path)listenIp: the machine has no address for \(text)", field: "\(path)listenIp")
    }
    var sockets: [DatagramSocket] = []
    for address in addresses.prefix(16) {
      sockets.append(try ports.bind(address, withRTCP: false, field: "\(path)listenIp").rtp)
    }
    return sockets
  }

  /// The sockets of the loop's shared port that the source is to use; none where it needs ports of its own.
  func sharedHosts(_ specification: SourceSpecification, _ offer: SessionDescription?, isLite: Bool, on loop: MediaLoop) -> [DatagramSocket]
  {
    guard let shared = loop.shared, specification.webrtc?.sharesPort ?? true else { return [] }
    // Between two lite agents there are no checks, by which a shared port knows its peers.
    if isLite, offer.map({ !$0.attributes.values(of: "ice-lite").isEmpty }) ?? true { return [] }
    // Where the peer shares a port too, one pair of addresses would carry two sessions, and nothing could tell them apart.
    let remotes = Recorder.candidates(of: offer)
    let isTaken = Atomic<Bool>(false)
    if !remotes.isEmpty { loop.run { _ in isTaken.store(shared.isAnyTaken(remotes, at: Clocks.now()), ordering: .relaxed) } }
    guard !isTaken.load(ordering: .relaxed) else { return [] }
    guard let wanted = specification.listenIP.flatMap({ SocketAddress(ip: $0, port: 0) }) else { return shared.sockets }
    return shared.sockets.filter { $0.address.isIPv4 == wanted.isIPv4 && (wanted.isWildcard || $0.address.ip == wanted.ip) }
  }

  /// The addresses that an offer says its peer will speak from.
  private static func candidates(of offer: SessionDescription?) -> [SocketAddress] {
    var found: [SocketAddress] = []
    for section in offer?.media ?? [] {
      for case let line? in section.attributes.values(of: "candidate") {
        if case .candidate(let candidate)? = try? ICECandidate.read(line), !found.contains(candidate.address) {
          found.append(candidate.address)
        }
        if found.count >= 64 { return found }
      }
    }
    return found
  }

  /// The sockets of the first `most` of the shared ports that are configured. Nothing is left open where it throws.
  static func bindShared(_ configuration: RecorderConfiguration, atMost most: Int) throws(ControlError) -> [SharedSockets] {
    guard let range = configuration.webrtcPorts else { return [] }
    let texts = configuration.webrtcListenIPs.isEmpty ? [configuration.listenIP] : configuration.webrtcListenIPs
    var addresses: [SocketAddress] = []
    for text in texts {
      guard let ip = SocketAddress(ip: text, port: 0) else {
        throw ControlError(.invalidField, "webrtc-listen: \(text) is not an IP address", field: "webrtcListen")
      }
      for address in ip.isWildcard ? NetworkInterfaces.addresses(like: ip) : [ip] where !addresses.contains(address) {
        addresses.append(address)
      }
    }
    guard !addresses.isEmpty else {
      throw ControlError(
        .invalidField, "webrtc-listen: the machine has no address for \(texts.joined(separator: ", "))", field: "webrtcListen")
    }
    var ports: [SharedSockets] = []
    for port in (range.first...range.last).prefix(most) {
      var sockets: [DatagramSocket] = []
      for address in addresses.prefix(16) {
        do throws(SocketError) {
          sockets.append(try DatagramSocket(binding: SocketAddress(high: address.high, low: address.low, port: port)))
        } catch {
          throw ControlError(
            .invalidField, "webrtc-port: cannot listen on UDP \(address.ip) port \(port): \(error.text)", field: "webrtcPort")
        }
      }
      ports.append(SharedSockets(sockets))
    }
    return ports
  }
}
