import Codecs
import Ground
import RTP
import Recording
import Testing
import Track

/// Sound whose packets carry the ones before them along (RFC 2198), on a path that loses some.
@Suite struct TakeRedundancyTests {
  /// A sender that wraps each packet with the `depth` payloads before it.
  private struct RedundantSender {
    var sender: Sender
    var depth: Int
    private var before: [(timestamp: UInt32, payload: [UInt8])] = []

    init(depth: Int, ssrc: UInt32 = 1111) {
      sender = Sender.audio(ssrc: ssrc)
      self.depth = depth
    }
    var specification: TrackSpecification {
      var told = sender.specification
      told.red = REDSpecification(payloadType: PayloadType(63))
      return told
    }
    mutating func sound(_ milliseconds: Double) throws -> [UInt8] {
      let bare = sender.sound(milliseconds)
      let packet = try RTPPacket(parsing: bare.span)
      var headers: [UInt8] = []
      var bodies: [UInt8] = []
      for block in before.suffix(depth) {
        headers.append(0x80 | 111)
        let age = packet.timestamp.value &- block.timestamp
        headers += [UInt8(age >> 6), UInt8(age & 63) << 2 | UInt8(block.payload.count >> 8), UInt8(block.payload.count & 255)]
        bodies += block.payload
      }
      let payload = Array(bare[packet.payloadStart..<packet.payloadEnd])
      before.append((packet.timestamp.value, payload))
      let fields = RTPHeaderFields(
        payloadType: PayloadType(63), sequenceNumber: packet.sequenceNumber, timestamp: packet.timestamp, ssrc: packet.ssrc)
      return fields.packet(payload: headers + [111] + bodies + payload)
    }
  }

  /// Plays 200 packets of which those in `lost` do not come; answers the rig when all is done.
  private func play(depth: Int, lost: Set<Int>, paddingAfter: Set<Int> = [], lostPadding: Set<Int> = []) throws -> Rig {
    var sender = RedundantSender(depth: depth)
    let rig = try Rig([sender.specification])
    for index in 0..<200 {
      let time = Double(index) * 20
      let packet = try sender.sound(time)
      if !lost.contains(index) { rig.deliver(packet, at: Rig.at(time + 30)) }
      if paddingAfter.contains(index) {
        let padding = sender.sender.padding(time)
        if !lostPadding.contains(index) { rig.deliver(padding, at: Rig.at(time + 31)) }
      }
    }
    rig.run(seconds: 6)
    rig.stop()
    return rig
  }

  /// What the frames on tape are, by the sender's count.
  private func indices(_ rig: Rig) -> [UInt32] { rig.frames(0).map { Sender.index($0) } }

  @Test func withoutLossNothingIsTakenFromRedundancy() throws {
    let rig = try play(depth: 2, lost: [])
    #expect(indices(rig) == Array(1...200))
    let counters = rig.counters()
    #expect(counters.packetsReceived == 200 && counters.packetsFromRedundancy == 0 && counters.packetsDiscarded == 0)
  }

  @Test func singleLossesLeaveNoTrace() throws {
    let lost: Set<Int> = Set(stride(from: 10, to: 190, by: 3))
    let rig = try play(depth: 1, lost: lost)
    #expect(indices(rig) == Array(1...200))
    let counters = rig.counters()
    #expect(counters.packetsFromRedundancy == UInt64(lost.count) && counters.packetsRecovered == UInt64(lost.count))
    #expect(counters.packetsReceived == 200 && counters.packetsLost == 0 && counters.gaps == 0)
    let times = rig.times(0)
    for (a, b) in zip(times, times.dropFirst()) { #expect((19...21).contains(b - a)) }
  }

  @Test func aBurstAsLongAsTheRedundancyIsFilled() throws {
    let rig = try play(depth: 3, lost: [50, 51, 52])
    #expect(indices(rig) == Array(1...200))
    #expect(rig.counters().packetsFromRedundancy == 3 && rig.counters().gaps == 0)
  }

  @Test func ofALongerBurstTheEndIsFilledAndTheRestIsAGap() throws {
    let rig = try play(depth: 2, lost: [50, 51, 52, 53, 54])
    #expect(indices(rig) == Array(1...50) + Array(54...200))
    let counters = rig.counters()
    #expect(counters.packetsFromRedundancy == 2 && counters.packetsLost == 3 && counters.gaps == 1)
    #expect(abs(counters.gapDuration.milliseconds - 60) < 2)
  }

  /// Packets of padding use numbers up, so a block's number is not the packet's less one.
  @Test func paddingBetweenDoesNotConfuse() throws {
    let padded = Set(stride(from: 5, to: 195, by: 5))
    let rig = try play(depth: 2, lost: [20, 25, 26, 40], paddingAfter: padded, lostPadding: [30, 40, 60])
    #expect(indices(rig) == Array(1...200))
    let counters = rig.counters()
    #expect(counters.packetsFromRedundancy == 4)
    // Three paddings that were lost.
    #expect(counters.packetsLost == 3 && counters.gaps == 0)
  }

  @Test func whatComesLateAfterAllIsADuplicate() throws {
    var sender = RedundantSender(depth: 1)
    let rig = try Rig([sender.specification])
    for index in 0..<100 {
      let time = Double(index) * 20
      let packet = try sender.sound(time)
      rig.deliver(packet, at: Rig.at(time + (index == 50 ? 90 : 30)))
    }
    rig.run(seconds: 4)
    rig.stop()
    #expect(indices(rig) == Array(1...100))
    #expect(rig.counters().discarded(.duplicate) == 1 && rig.counters().packetsFromRedundancy == 1)
  }

  @Test func brokenBlocksAreDiscardedInTheirPlace() throws {
    var sender = RedundantSender(depth: 0)
    let rig = try Rig([sender.specification])
    for index in 0..<100 {
      let time = Double(index) * 20
      var packet = try sender.sound(time)
      // The header says that a redundant block follows, and there is none.
      if index == 30 { packet.replaceSubrange(12..., with: [0x80 | 111, 0xff, 0xff]) }
      if index == 40 { packet.replaceSubrange(12..., with: [5, 0xf8, 1]) }
      rig.deliver(packet, at: Rig.at(time + 30))
    }
    rig.run(seconds: 4)
    rig.stop()
    #expect(indices(rig) == Array(1...30) + Array(32...40) + Array(42...100))
    #expect(rig.counters().discarded(.malformedPayload) == 2 && rig.counters().packetsLost == 0)
  }

  /// Bare and wrapped packets of one stream take turns.
  @Test func bareAndWrappedPacketsAreOneStream() throws {
    var sender = RedundantSender(depth: 1)
    let rig = try Rig([sender.specification])
    for index in 0..<100 {
      let time = Double(index) * 20
      let packet = index % 10 < 5 ? sender.sender.sound(time) : try sender.sound(time)
      rig.deliver(packet, at: Rig.at(time + 30))
    }
    rig.run(seconds: 4)
    rig.stop()
    #expect(indices(rig) == Array(1...100))
    #expect(rig.counters().packetsDiscarded == 0)
  }

  /// Redundancy whose ages are lies never puts a frame where none was lost, nor one before its time.
  @Test func agesThatLie() throws {
    var sender = RedundantSender(depth: 2)
    var chance = Chance(seed: 63)
    let rig = try Rig([sender.specification])
    for index in 0..<400 {
      let time = Double(index) * 20
      var packet = try sender.sound(time)
      for at in [13, 14, 17, 18] where packet.count > at + 8 && index > 3 {
        packet[at] =
          at % 4 == 2 ? packet[at] & 3 | UInt8.random(in: 0...63, using: &chance) << 2 : UInt8.random(in: 0...255, using: &chance)
      }
      if !chance.isHit(0.1) { rig.deliver(packet, at: Rig.at(time + 30)) }
    }
    rig.run(seconds: 10)
    rig.stop()
    let times = rig.times(0)
    #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
    let counters = rig.counters()
    #expect(counters.packetsReceived + counters.packetsLost <= 400)
  }
}
