import Codecs
import Ground
import Peer
import RTP
import Recording
import Seeded
import Testing
import Track

/// Forward error correction of a WebRTC session: in redundancy, of packets that are given their transport-wide numbers after it was made.
@Suite struct TakeCorrectionTests {
  private static let red = UInt8(120)
  private static let ulpfec = UInt8(122)

  private func session() throws -> (Rig, SimulatedPeer) {
    let rig = Rig()
    let peer = try SimulatedPeer(rig)
    let number = rig.addTrack(TrackSpecification(participant: "ada", codec: .vp8, payloadType: PayloadType(96)))
    var told = SessionFeedback()
    told.extensions = SimulatedPeer.ids
    told.transportCC = true
    rig.take.setFeedback(told, source: 0, leg: 0)
    var pictures = SessionSection(
      mid: "1", payloadType: PayloadType(96), rtx: nil, rids: [], streams: [(SSRC(2222), nil)], tracks: [number])
    pictures.red = PayloadType(Self.red)
    pictures.fec = FECSpecification(mechanism: .ulpfec, payloadType: PayloadType(Self.ulpfec))
    rig.take.addSection(pictures, source: 0, leg: 0)
    peer.run(to: 500)
    #expect(peer.state == .connected)
    return (rig, peer)
  }

  /// A packet as the sender protects it: its transport-wide number is not written yet.
  private func protected(_ packet: [UInt8]) -> [UInt8] {
    [packet[0] | 0x10] + packet[1..<12] + [0xbe, 0xde, 0, 1, 3 << 4 | 1, 0, 0, 0] + packet[12...]
  }

  private func wrapped(_ packet: [UInt8]) -> [UInt8] {
    [packet[0], packet[1] & 0x80 | Self.red] + packet[2..<12] + [packet[1] & 0x7f] + packet[12...]
  }

  @Test func whatIsLostIsRebuilt() throws {
    let (rig, peer) = try session()
    var video = Sender.video()
    var chance = SeededGenerator(1)
    var group: [[UInt8]] = []
    var groups = 0
    var lost = 0
    for picture in 0..<90 {
      let time = 500 + Double(picture) * 1000 / 30
      for packet in video.picture(time, isKey: picture % 30 == 0, packets: 3, bytes: 300) { group.append(packet) }
      if group.count >= 6 {
        let correction = RTPHeaderFields(
          payloadType: PayloadType(Self.ulpfec), sequenceNumber: SequenceNumber(video.number),
          timestamp: RTPTimestamp(video.timestamp(time)), ssrc: SSRC(2222)
        ).packet(payload: CorrectionEncoder.ulpfec(group.map(protected)))
        video.number &+= 1
        groups += 1
        let missing = groups > 3 && groups % 2 == 0 ? chance.pick(0...group.count - 1) : nil
        if missing != nil { lost += 1 }
        for (index, packet) in (group + [correction]).enumerated() where index != missing { peer.send(wrapped(packet), time) }
        group = []
      }
      peer.run(to: time + 30)
    }
    peer.run(to: 4500)
    rig.stop()
    #expect(rig.frames(0).map(Sender.index) == Array(1...90))
    let counters = rig.counters()
    #expect(lost > 10 && counters.packetsFromFEC == UInt64(lost))
    #expect(counters.packetsLost == 0 && counters.discarded(.forwardErrorCorrection) == UInt64(groups))
    // What was rebuilt was lost on the path all the same.
    #expect(peer.arrivalsTold > 0 && peer.keyFrameRequests.count <= 1)
  }
}
