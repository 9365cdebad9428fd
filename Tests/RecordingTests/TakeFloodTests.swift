import Codecs
import Ground
import ICE
import Peer
import RTP
import Recording
import STUN
import Testing
import Track

/// A hundred thousand datagrams that authenticate nothing, among the media of a WebRTC peer.
@Suite struct TakeFloodTests {
  /// What a stranger sends, or one who can forge the peer's address.
  private struct Flood {
    /// Of all that is sent, every tenth datagram is of each kind.
    static let kinds = 10
    let fragments: (ours: String, theirs: String)
    private var chance = Chance(seed: 99)
    private(set) var sent = 0

    init(fragments: (ours: String, theirs: String)) { self.fragments = fragments }

    private mutating func noise(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &chance) } }

    private mutating func check(_ username: String) -> [UInt8] {
      let id = STUNTransactionID(
        high: UInt32.random(in: 0...UInt32.max, using: &chance), low: UInt64.random(in: 0...UInt64.max, using: &chance))
      var writer = STUNWriter(.request, transactionID: id)
      writer.username(username)
      writer.priority(1)
      writer.useCandidate()
      let wrong = noise(20)
      writer.messageIntegrity { _ in InlineArray<20, UInt8> { wrong[$0] } }
      writer.fingerprint()
      return writer.bytes
    }

    /// The next datagram, and whether it says that it comes from the peer.
    mutating func next() -> (bytes: [UInt8], isForged: Bool) {
      sent += 1
      switch sent % Flood.kinds {
      case 0: return (check("\(fragments.ours):\(fragments.theirs)"), false)
      case 1: return (check("\(fragments.ours):\(fragments.theirs)"), true)
      case 2: return (check("nobody12:\(fragments.theirs)"), false)
      case 3: return ([1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42] + noise(12), false)
      case 4: return ([22, 254, 253, 0, 0] + noise(60), false)
      // A farewell in clear, as before a handshake.
      case 5: return ([21, 254, 253, 0, 0, 0, 0, 0, 0] + noise(2) + [0, 2, 1, 0], true)
      case 6: return ([0x80, 111] + noise(60), false)
      case 7: return ([0x80, 111] + noise(6) + [0, 0, 4, 87] + noise(60), true)
      case 8: return ([0x80, 200, 0, 6] + noise(40), true)
      default: return ([UInt8.random(in: 192...255, using: &chance)] + noise(60), false)
      }
    }
  }

  /// Ten seconds of sound and pictures while the flood comes; answers how many pictures were sent.
  private func play(_ rig: Rig, _ peer: SimulatedPeer, _ flood: inout Flood) -> Int {
    let (number, total) = (500, 100_000)
    var (audio, video) = (Sender.audio(), Sender.video())
    var nextPicture = 500.0
    for step in 0..<number {
      let time = 500 + 20 * Double(step)
      for i in 0..<total / number {
        let (bytes, isForged) = flood.next()
        let stranger = SocketAddress(ipv4: 0xc633_6400 + UInt32(i), port: UInt16(1024 + step))
        rig.inject(bytes, from: isForged ? SimulatedPeer.theirs : stranger, to: SimulatedPeer.ours)
      }
      peer.send(audio.sound(time), time)
      while nextPicture < time + 20 {
        for packet in video.picture(nextPicture, isKey: nextPicture == 500, packets: 2, bytes: 200) { peer.send(packet, nextPicture) }
        nextPicture += 1000.0 / 30
      }
      peer.run(to: time + 20)
    }
    #expect(flood.sent == total)
    return Int(video.made)
  }

  private func session(isShared: Bool) throws -> (Rig, SimulatedPeer) {
    let rig = Rig()
    let peer = try SimulatedPeer(rig)
    if isShared { rig.share() }
    let tracks = [
      rig.addTrack(TrackSpecification(participant: "ada", codec: .opus, payloadType: PayloadType(111))),
      rig.addTrack(TrackSpecification(participant: "ada", codec: .vp8, payloadType: PayloadType(96))),
    ]
    var feedback = SessionFeedback()
    feedback.extensions = SimulatedPeer.ids
    feedback.transportCC = true
    rig.take.setFeedback(feedback, source: 0, leg: 0)
    for (mid, type, ssrc, track) in [("0", 111, 1111, tracks[0]), ("1", 96, 2222, tracks[1])] as [(String, UInt8, UInt32, Int)] {
      rig.take.addSection(
        SessionSection(
          mid: mid, payloadType: PayloadType(type), rtx: nil, rids: [], streams: [(SSRC(ssrc), nil)], tracks: [track]), source: 0, leg: 0)
    }
    peer.run(to: 500)
    #expect(peer.state == .connected)
    rig.isChecking = false
    return (rig, peer)
  }

  @Test(arguments: [false, true]) func theRecordingIsWholeAndTheFloodIsCounted(isShared: Bool) throws {
    let (rig, peer) = try session(isShared: isShared)
    let ours = try #require(rig.take.peer(source: 0, leg: 0))
    var flood = Flood(fragments: (ours.localCredentials.usernameFragment, peer.fragment))
    let before = rig.snapshot.sources[0]
    let sizes = rig.shared?.sizes
    let pictures = play(rig, peer, &flood)
    rig.checkAccounts()
    let source = rig.snapshot.sources[0]
    let each: UInt64 = 10_000
    var counted: [String: UInt64] = ["rejectedSTUN": 2 * each, "authenticationFailed": 2 * each]
    if let shared = rig.shared {
      // What names nobody, or comes from nobody, costs the recording not even a count.
      #expect(shared.discarded(.unknownFragment) == each && shared.discarded(.unknownTransaction) == each)
      #expect(shared.discarded(.unknownAddress) == 2 * each && shared.discarded(.unknownProtocol) == each)
      #expect(shared.discarded(.addressTaken) == 0 && shared.discarded(.oversized) == 0)
      #expect(shared.sizes == (1, 1, 0) && sizes.map { $0 == (1, 1, 0) } == true)
    } else {
      counted["rejectedSTUN"] = 4 * each
      counted["stranger"] = 2 * each
      counted["notRTP"] = each
    }
    // A forged number that was seen already is told before anything is computed.
    var seen = Dictionary(uniqueKeysWithValues: source.discarded.map { ($0.name, $0.count) })
    let replayed = seen.removeValue(forKey: "replayed") ?? 0
    seen["authenticationFailed", default: 0] += replayed
    #expect(seen == counted)
    // A handshake's datagrams are the transport's, be they forged or not.
    #expect(source.transportDatagrams - before.transportDatagrams >= each)
    // Of the checks that fail few are answered, none leaves a trace, and the peer is where it was.
    let counters = ours.iceCounters
    #expect(counters.refusalsSent <= 120 && counters.refusalsSent + counters.refusalsWithheld <= Int(3 * each))
    #expect(counters.pairsDisplaced == 0 && counters.pairsRefused == 0 && counters.outgoingDropped == 0)
    #expect(ours.state == .connected && ours.selectedPair?.remote == SimulatedPeer.theirs)
    rig.stop()
    #expect(rig.frames(0).count == 500 && rig.frames(1).count == pictures)
    #expect(rig.snapshot.tracks.allSatisfy { $0.counters.packetsLost == 0 && $0.counters.packetsDiscarded == 0 })
  }
}
