import Codecs
import Ground
import RTP
import Seeded
import Testing
import Track

/// Whatever comes, the books hold at every step; `TrackRig` checks them.
@Suite struct TrackDamageTests {
  /// What happens on the way from a sender to the track, beside loss and reorder.
  private struct Mangler {
    var random: SeededGenerator

    mutating func mangle(_ datagram: [UInt8]) -> [[UInt8]] {
      switch random.unit() {
      case ..<0.02: []
      case ..<0.04: [datagram, datagram]
      // Bits and lengths from the payload on: the header was authenticated, or chosen by an attacker (below).
      case ..<0.06: [Array(datagram[..<12]) + random.damaged(Array(datagram[12...]))]
      case ..<0.07: [random.damaged(datagram)]
      case ..<0.08: [Array(datagram[..<12])]
      // Another number, another timestamp.
      case ..<0.09: [datagram, replace(2, 2, in: datagram)]
      case ..<0.10: [replace(4, 4, in: datagram)]
      case ..<0.11: [replace(1, 7, in: datagram)]
      default: [datagram]
      }
    }

    private mutating func replace(_ first: Int, _ count: Int, in datagram: [UInt8]) -> [UInt8] {
      var changed = datagram
      changed.replaceSubrange(first..<first + count, with: random.bytes(count))
      return changed
    }
  }

  /// A stream that is lost, copied, shuffled and damaged, restarts and changes its SSRC.
  @Test(arguments: [Codec.vp8, .opus], 0..<40) func randomDamage(codec: Codec, seed: UInt64) {
    var random = SeededGenerator(seed)
    var mangler = Mangler(random: SeededGenerator(seed + 500))
    var video = VP8Stream(layers: UInt8(seed % 4), numbering: VP8Stream.Numbering.allCases[Int(seed % 3)], seed: seed)
    (video.padding, video.setsMarkers) = (0.1, seed % 5 != 0)
    var audio = RTPHeaderFields(
      payloadType: PayloadType(111), sequenceNumber: SequenceNumber(video.sequence), timestamp: RTPTimestamp(video.timestamp),
      ssrc: TrackRig.ssrc)
    var rig = TrackRig(codec, deadline: [0, 50, 500].randomElement(using: &random)!)
    var under: [(time: Double, datagram: [UInt8])] = []
    var time = 0.0
    for index in 0..<700 {
      time += random.unit() < 0.01 ? random.unit() * 4000 : 20
      if random.unit() < 0.01 {
        video.sequence = UInt16.random(in: 0...65_535, using: &random)
        if random.unit() < 0.5 { video.timestamp = UInt32.random(in: 0...UInt32.max, using: &random) }
      }
      if random.unit() < 0.005 {
        video.ssrc = SSRC(UInt32(index))
        rig.changeSSRC(to: video.ssrc, at: time)
      }
      if codec == .vp8 {
        for datagram in video.next(isKey: random.unit() < 0.1) {
          under += mangler.mangle(datagram).map { (time + random.unit() * 30, $0) }
        }
      } else {
        (audio.sequenceNumber, audio.timestamp) = (SequenceNumber(video.sequence), RTPTimestamp(video.timestamp))
        let payload = random.unit() < 0.1 ? [] : [OpusPackets.toc(31, Int.random(in: 0...3, using: &random))] + random.bytes(20)
        under += mangler.mangle(audio.packet(payload: payload, padding: payload.isEmpty ? 9 : 0)).map { (time + random.unit() * 30, $0) }
        video.sequence &+= 1
        video.timestamp &+= 960
      }
      under.sort { $0.time < $1.time }
      while let first = under.first, first.time < time { rig.send(under.removeFirst().datagram, at: first.time) }
      if random.unit() < 0.5 { rig.advance(to: time) }
      if random.unit() < 0.01 { rig.needKeyFrame(at: time) }
    }
    rig.finish()
    #expect(rig.faults.isEmpty, "\(rig.faults.prefix(3))")
    #expect(rig.frames.count > (codec == .opus ? 100 : 5))
    // The same receiver takes another stream after its end.
    let before = rig.counters.packetsReceived
    for datagram in (0..<40).flatMap({ _ in video.next(isKey: true) }) where codec == .vp8 { rig.send(datagram, at: time + 5000) }
    rig.finish()
    #expect(rig.faults.isEmpty && (codec == .opus || rig.counters.packetsReceived > before))
  }

  /// Datagrams that are RTP by their first byte alone.
  @Test(arguments: [Codec.vp8, .opus], 0..<10) func randomDatagrams(codec: Codec, seed: UInt64) {
    var random = SeededGenerator(seed)
    var rig = TrackRig(codec)
    for index in 0..<3000 {
      var datagram = random.bytes(random.pick(12...80))
      datagram[0] = random.unit() < 0.7 ? 0x80 : datagram[0] & 0x3f | 0x80
      // Numbers near each other now and then, so that some are believed.
      if random.unit() < 0.8 { datagram.replaceSubrange(2..<4, with: [UInt8(index >> 10 & 0xff), UInt8(index & 0xff)]) }
      if random.unit() < 0.5 { datagram.replaceSubrange(4..<8, with: [0, 0, UInt8(index >> 4 & 0xff), 0]) }
      rig.send(datagram, at: Double(index) * 5)
      if index % 7 == 0 { rig.advance(to: Double(index) * 5) }
      #expect(rig.receiver.keptBytes < 32 << 20)
    }
    rig.finish()
    #expect(rig.faults.isEmpty, "\(rig.faults.prefix(3))")
  }

  // MARK: Restarts of pictures

  /// A publisher that leaves and comes back: everything of the old stream is out, and a key frame is asked for at once, whatever was asked
  /// of the old one.
  @Test func anotherSSRCIsAskedForAKeyFrameAtOnce() {
    var stream = VP8Stream()
    _ = stream.next()
    var rig = TrackRig(.vp8)
    rig.needKeyFrame(at: 0)
    for index in 0..<240 {
      for datagram in stream.next(packets: 1) { rig.send(datagram, at: Double(index) * 100 / 3) }
      rig.advance(to: Double(index) * 100 / 3)
    }
    #expect(rig.requests.count == 6)
    rig.changeSSRC(to: SSRC(5), at: 8000)
    #expect(rig.receiver.packetsPending == 0 && rig.receiver.keyFrameRequest.isPending)
    rig.advance(to: 8000)
    #expect(rig.requests.last == 8000)
    var other = VP8Stream(seed: 2)
    other.ssrc = SSRC(5)
    for index in 0..<40 {
      for datagram in other.next(packets: 1) { rig.send(datagram, at: 8020 + Double(index) * 100 / 3) }
    }
    rig.finish()
    #expect(rig.frames.count == 40 && rig.frames.allSatisfy { other.picture($0.bytes) != nil })
    #expect(rig.counters.ssrcChanges == 1 && !rig.receiver.keyFrameRequest.isPending && rig.gaps.isEmpty && rig.faults.isEmpty)
  }

  /// A stream that is open stays shut after its SSRC has changed, up to a key frame of the new one.
  @Test func picturesOfAnotherSSRCNeedAKeyFrameOfTheirOwn() {
    var stream = VP8Stream()
    var rig = TrackRig(.vp8)
    for index in 0..<30 { for datagram in stream.next(packets: 2) { rig.send(datagram, at: Double(index) * 100 / 3) } }
    rig.changeSSRC(to: SSRC(5), at: 1000)
    #expect(!rig.receiver.hasKeyFrame)
    var other = VP8Stream(seed: 2)
    other.ssrc = SSRC(5)
    for index in 0..<60 {
      let packets = other.next(isKey: index == 30, packets: 2)
      // The first key frame is not heard.
      if index > 0 { for datagram in packets { rig.send(datagram, at: 1000 + Double(index) * 100 / 3) } }
    }
    rig.finish()
    #expect(rig.frames.compactMap { other.picture($0.bytes)?.index } == Array(30..<60))
    #expect(rig.discards == [.awaitingKeyFrame: 58] && rig.counters.ssrcChanges == 1 && rig.faults.isEmpty)
  }

  /// A sender that counts anew: nothing is lost by number, and nothing passes before a key frame.
  @Test(arguments: [4000, 20_000, 40_000, 60_000] as [UInt16]) func aSenderThatCountsAnew(jump: UInt16) {
    for startsWithKey in [false, true] {
      var stream = VP8Stream(numbering: .none)
      stream.encoder = VP8Encoder(layers: 1, seed: 4)
      var rig = TrackRig(.vp8)
      for index in 0..<90 {
        if index == 30 { stream.sequence &+= jump }
        for datagram in stream.next(isKey: index == 60 || (startsWithKey && index == 30), packets: 2) {
          rig.send(datagram, at: Double(index) * 100 / 3)
        }
        rig.advance(to: Double(index) * 100 / 3)
      }
      rig.finish()
      let given = rig.frames.compactMap { stream.picture($0.bytes)?.index }
      #expect(given == Array(0..<30) + Array((startsWithKey ? 30 : 60)..<90))
      #expect(rig.counters.packetsLost == 0 && rig.requests.isEmpty == startsWithKey && rig.faults.isEmpty)
      #expect(rig.discards == (startsWithKey ? [:] : [.brokenReference: 60]))
    }
  }
}
