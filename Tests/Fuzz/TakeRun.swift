import Codecs
import Ground
import Peer
import Recording
import SRTP

/// A recording that lives through a script: a take, driven as a media loop drives it, with a tape behind it.
struct TakeRun {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)
  private static let addresses = [
    SocketAddress(ipv4: 0x7f00_0001, port: 40_000), SocketAddress(ipv4: 0x7f00_0001, port: 40_002),
    SocketAddress(ipv4: 0xc000_0207, port: 9), SocketAddress(high: 0x2001_0db8 << 32, low: 1, port: 5_004),
  ]
  private static let key = [UInt8](1...28)
  private static let suite = CryptoSuite.aeadAES128GCM
  /// What one script may send, so that no input takes long.
  private static let mostBytes = 24 << 20
  private static let mostTracks = 10
  /// More would lie beyond what a file's clock can tell (`MuxError.badTime`).
  private static let longest = TimeSpan.seconds(30 * 365 * 86_400)

  private let setup: TakeScript.Setup
  private let take: Take
  private let pool = BufferPool()
  private var senders: [TakeSender] = []
  private var protection: [SRTPSession?] = []
  private var judge: TakeJudge
  private var now = TakeRun.start
  private var isPaused = false
  private var hasStopped = false
  private var bytesSent = 0

  init(_ script: TakeScript) {
    setup = script.setup
    var limits = Limits()
    if setup.contains(.limits) {
      limits.maxDurationSeconds = 60
      limits.idleTimeoutSeconds = 20
      limits.maxBytes = 1 << 20
    }
    take = Take(
      limits: limits, ssrc: SSRC(1), cname: "tapedeck", pool: pool, at: now,
      wall: WallTime(nanosecondsSinceEpoch: 1_700_000_000_000_000_000))
    judge = TakeJudge(hasTape: setup.contains(.tape), participants: setup.contains(.twoParticipants) ? ["a", "b"] : ["a"])
    addSource(isProtected: setup.contains(.srtp))
    switch script.tracks {
    case .both: for kind in [MediaKind.video, .audio] { addTrack(kind) }
    case .sound: addTrack(.audio)
    case .picture: addTrack(.video)
    case .twoOfEach: for kind in [MediaKind.audio, .video, .audio, .video] { addTrack(kind) }
    }
    settle()
  }

  mutating func play(_ steps: [TakeScript.Step]) {
    for step in steps {
      play(step)
      settle()
    }
    judge.isStalled = false
    stop()
    settle()
    judge.finish(take.snapshot(at: now))
  }

  // MARK: Steps

  private mutating func play(_ step: TakeScript.Step) {
    switch step {
    case .burst(let burst): send(burst)
    case .datagram(let track, let from, let isRTCPPort, let bytes):
      deliver(bytes, to: Int(track) % senders.count, from: Int(from & 0x7f), onRTCPPort: isRTCPPort, at: now)
    case .report(let track, let milliseconds, let ticks):
      let number = Int(track) % senders.count
      deliverRTCP(senders[number].report(at: now, milliseconds: milliseconds, ticks: ticks), to: number)
    case .wait(let milliseconds): pass(.milliseconds(Int64(milliseconds)))
    case .turns(let count):
      for _ in 0..<count {
        pass(.milliseconds(20))
        settle()
      }
    case .leap(let minutes): pass(.seconds(Double(minutes) * 60))
    case .pause(let keep):
      guard !isPaused, !hasStopped else { return }
      isPaused = true
      take.pause(at: now, mode: keep ? .keep : .cut)
    case .resume:
      guard isPaused, !hasStopped else { return }
      isPaused = false
      take.resume(at: now)
    case .addTrack(let kind): addTrack(kind & 1 == 0 ? .audio : .video, participant: kind & 2 == 0 ? "a" : "c")
    case .stall(let isStalled): judge.isStalled = isStalled
    case .other(let other): play(other)
    }
  }

  private mutating func play(_ other: TakeScript.Other) {
    switch other {
    case .oversized: take.receiveOversized(source: 0)
    case .removeSource: if !hasStopped { take.removeSource(senders[senders.count - 1].source, at: now) }
    case .addSource:
      guard !hasStopped, senders.count < TakeRun.mostTracks else { return }
      addSource(isProtected: false)
      addTrack(.video)
    case .bytes: take.noteBytes(2 << 20, at: now)
    case .goodbye: deliverRTCP(senders[0].goodbye(), to: 0)
    case .stop: stop()
    case .leapYears: pass(.seconds(5 * 365 * 86_400))
    }
  }

  private mutating func stop() {
    guard !hasStopped else { return }
    hasStopped = true
    take.stop(at: now)
  }

  private mutating func pass(_ span: TimeSpan) {
    guard now + span - TakeRun.start < TakeRun.longest else { return }
    now = now + span
    take.advance(to: now)
  }

  private mutating func settle() {
    judge.take(take, at: now, pool: pool)
  }

  // MARK: Sources and tracks

  private mutating func addSource(isProtected: Bool) {
    let session = try? SRTPSession(suite: TakeRun.suite, key: TakeRun.key, direction: .outbound)
    protection.append(isProtected ? session : nil)
    let number = take.addSource(id: "s\(protection.count)", SourceSpecification(tracks: []))
    require(number == protection.count - 1, "sources count from 0")
    if !setup.contains(.portPerTrack) { _ = addLeg(number) }
  }

  private func addLeg(_ source: Int) -> Int {
    var configuration = RTPPeer.Configuration()
    if protection[source] != nil {
      configuration.suite = TakeRun.suite
      configuration.key = Redacted(TakeRun.key)
    }
    if setup.contains(.remote) { configuration.remote = TakeRun.addresses[0] }
    guard let peer = try? RTPPeer(configuration) else { fatalError("no peer") }
    return take.addLeg(source: source, peer: peer, hasRTCPPort: setup.contains(.rtcpPort))
  }

  private mutating func addTrack(_ kind: MediaKind, participant: String? = nil) {
    guard !hasStopped, senders.count < TakeRun.mostTracks else { return }
    let number = senders.count
    let source = protection.count - 1
    // The first of each have the payload types of the captures.
    let isFirst = !senders.contains { $0.kind == kind }
    let type = PayloadType(isFirst ? (kind == .audio ? 111 : 96) : UInt8((kind == .audio ? 112 : 97) + number))
    let ssrc = SSRC(1_000 + UInt32(number))
    let owner = participant ?? (setup.contains(.twoParticipants) && number % 2 == 1 ? "b" : "a")
    var specification = TrackSpecification(
      participant: owner, codec: kind == .audio ? .opus : .vp8, payloadType: type, ssrc: setup.contains(.declaredSSRCs) ? ssrc : nil)
    if kind == .video { specification.rtx = RTXSpecification(payloadType: TakeSender.retransmissionType) }
    let leg = setup.contains(.portPerTrack) ? addLeg(source) : 0
    let added = take.addTrack(specification, id: "t\(number)", source: source, leg: leg)
    require(added == number, "tracks count from 0")
    senders.append(TakeSender(kind: kind, payloadType: type, source: source, leg: leg, ssrc: ssrc))
  }

  // MARK: Datagrams

  private mutating func send(_ burst: TakeScript.Burst) {
    let number = Int(burst.track) % senders.count
    let from = burst.flags.contains(.stranger) ? Int(burst.head) : 0
    for packet in senders[number].packets(burst) {
      // A kernel's stamp may be older than the loop's last turn.
      let arrival = now - .milliseconds(Int64(burst.lag % 240) * 20)
      deliver(
        protect(packet, source: senders[number].source, isRTCP: false), to: number, from: from,
        onRTCPPort: burst.flags.contains(.rtcpPort), at: arrival)
    }
    take.advance(to: now)
  }

  private mutating func deliverRTCP(_ bytes: [UInt8], to number: Int) {
    deliver(
      protect(bytes, source: senders[number].source, isRTCP: true), to: number, from: 0, onRTCPPort: setup.contains(.rtcpPort), at: now)
  }

  private func protect(_ packet: [UInt8], source: Int, isRTCP: Bool) -> [UInt8] {
    guard let session = protection[source] else { return packet }
    var out = packet
    // What libsrtp refuses to send (a number sent before) goes out in clear, and fails to authenticate.
    do throws(SRTPError) {
      if isRTCP { try session.protectRTCP(&out) } else { try session.protectRTP(&out) }
    } catch {
      return packet
    }
    return out
  }

  private mutating func deliver(_ datagram: [UInt8], to number: Int, from: Int, onRTCPPort: Bool, at arrival: Instant) {
    bytesSent += datagram.count
    guard bytesSent <= TakeRun.mostBytes else { return }
    var bytes = datagram
    var span = bytes.mutableSpan
    take.receive(
      &span, from: TakeRun.addresses[from % TakeRun.addresses.count], source: senders[number].source, leg: senders[number].leg,
      port: onRTCPPort && setup.contains(.rtcpPort) ? .rtcp : .rtp, at: arrival)
  }
}
