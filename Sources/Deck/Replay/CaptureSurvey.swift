import Ground
import RTCP
import RTP

/// The first walk through a capture: which streams are there, what they look like, who sends them.
struct CaptureSurvey: Sendable {
  /// By flow and SSRC, in the order of their first packets.
  private(set) var streams: [StreamEvidence] = []
  private var indices: [StreamKey: Int] = [:]
  /// The canonical names that source descriptions give (RFC 3550 §6.5.1).
  private(set) var cnames: [SSRC: String] = [:]
  /// Flows that carry RTCP, and flows that carry DTLS.
  private(set) var rtcpFlows: Set<Flow> = []
  private(set) var dtlsFlows: Set<Flow> = []
  /// Whether RTCP was opened by a key, and whether some came in clear.
  private(set) var sawSRTCP = false
  private(set) var sawClearRTCP = false
  private(set) var firstTime: WallTime?
  private(set) var lastTime: WallTime?
  /// How the file ends too early, if it does.
  private(set) var damage: CaptureError?

  /// Datagrams of random bytes look like so many streams; no real capture has more.
  private static let maximumStreams = 65_536

  struct StreamKey: Hashable, Sendable {
    var flow: Flow
    var ssrc: SSRC
  }

  /// Walks the whole capture. Throws where it cannot be opened; damage within it is kept and told.
  init(path: String, hints: CaptureHints) throws(CaptureError) {
    var walk = try CaptureWalk(path: path, keys: hints.keys)
    do throws(CaptureError) {
      while let step = try walk.next() { add(step, walk.payload) }
    } catch {
      damage = error
    }
  }

  private mutating func add(_ step: CaptureWalk.Step, _ payload: Span<UInt8>) {
    let time = step.datagram.time
    firstTime = min(firstTime ?? time, time)
    lastTime = max(lastTime ?? time, time)
    switch step.kind {
    case .dtls: dtlsFlows.insert(step.datagram.flow)
    case .rtcp: addRTCP(step, payload)
    case .rtp: addRTP(step, payload)
    case .stun, .turnChannel, .emptyHeader, .unknown: break
    }
  }

  private mutating func addRTCP(_ step: CaptureWalk.Step, _ payload: Span<UInt8>) {
    rtcpFlows.insert(step.datagram.flow)
    switch step.protection {
    case .opened: sawSRTCP = true
    case .clear: sawClearRTCP = true
    case .replayed, .refused: return
    case nil: break
    }
    var reader = RTCPReader()
    while let packet = try? reader.next(in: payload) {
      guard case .cname(let ssrc, let range) = packet else { continue }
      var bytes: [UInt8] = []
      for i in range { bytes.append(payload[i]) }
      cnames[ssrc] = String(decoding: bytes, as: UTF8.self)
    }
  }

  private mutating func addRTP(_ step: CaptureWalk.Step, _ payload: Span<UInt8>) {
    guard let packet = RTPPacket.reading(payload, isReadable: step.protection != .refused) else { return }
    let key = StreamKey(flow: step.datagram.flow, ssrc: packet.ssrc)
    let index: Int
    if let known = indices[key] {
      index = known
    } else {
      guard streams.count < CaptureSurvey.maximumStreams else { return }
      index = streams.count
      indices[key] = index
      streams.append(StreamEvidence(flow: step.datagram.flow, ssrc: packet.ssrc, time: step.datagram.time))
    }
    switch step.protection {
    case .refused: streams[index].refused += 1
    case .opened(let number): streams[index].key = number
    case .replayed, .clear: return
    case nil: break
    }
    streams[index].add(packet, payload, at: step.datagram.time)
  }
}

extension RTPPacket {
  /// Parses a packet of a capture. In one that is still encrypted the padding's length cannot be read, so its padding bit is passed
  /// over; without keys a packet that only fails by its padding is taken to be such a one.
  static func reading(_ datagram: Span<UInt8>, isReadable: Bool) -> RTPPacket? {
    if isReadable, let packet = try? RTPPacket(parsing: datagram) { return packet }
    guard datagram.count >= RTPPacket.minimumBytes, datagram[0] & 0x20 != 0 else {
      return isReadable ? nil : try? RTPPacket(parsing: datagram)
    }
    var bytes: [UInt8] = []
    for i in datagram.indices { bytes.append(datagram[i]) }
    bytes[0] &= ~0x20
    return try? RTPPacket(parsing: bytes.span)
  }
}
