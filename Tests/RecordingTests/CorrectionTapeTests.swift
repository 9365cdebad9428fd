import Codecs
import Foundation
import Ground
import JSON
import RTP
import Recording
import Replay
import Seeded
import Testing
import Track

/// Pictures whose packets are protected by forward error correction, on a path that loses some: what can be rebuilt is on tape, bit by bit.
@Suite struct CorrectionTapeTests {
  private static let name = "gst-vp8-red-ulpfec"
  private static let facts = Captures.committedFacts(name)
  private static let ssrc = UInt32(facts["streams"]?.arrayValue?.first?["ssrc"]?.integerValue ?? 0)

  /// What was lost of the capture, and what another program than this one finds can be rebuilt.
  struct Loss: Sendable, CustomStringConvertible {
    var lost: Set<UInt16>
    var rebuilt: Set<UInt16>
    var description: String { "\(lost.count) lost" }
  }
  static let losses: [Loss] = (facts["losses"]?.arrayValue ?? []).map { loss in
    func numbers(_ name: String) -> Set<UInt16> {
      Set((loss[name]?.arrayValue ?? []).compactMap { $0.integerValue.map { UInt16($0) } })
    }
    return Loss(lost: numbers("lost"), rebuilt: numbers("rebuilt"))
  }

  /// How the same packets come.
  enum Wrapping: String, CaseIterable { case red, bare }

  private static func packets() throws -> [CapturedPackets.Packet] {
    try CapturedPackets(path: Captures.committedPath(name)).packets.filter { $0.ssrc == ssrc && $0.payloadType == 120 }
  }

  /// A packet in redundancy as it would be without.
  private static func unwrapped(_ packet: CapturedPackets.Packet) -> [UInt8] {
    let datagram = packet.datagram
    return [datagram[0], datagram[1] & 0x80 | datagram[12]] + datagram[2..<12] + datagram[13...]
  }

  private static func specification(_ wrapping: Wrapping, nack: Bool = false) -> TrackSpecification {
    var track = TrackSpecification(participant: "ada", codec: .vp8, payloadType: PayloadType(96), ssrc: SSRC(ssrc))
    switch wrapping {
    case .red: track.red = REDSpecification(payloadType: PayloadType(120), ulpfec: PayloadType(122))
    case .bare: track.fec = FECSpecification(mechanism: .ulpfec, payloadType: PayloadType(122))
    }
    track.nack = nack
    return track
  }

  /// Plays the capture without what is lost. `correction`: whether what its correction says can be read.
  private func play(_ loss: Set<UInt16>, _ wrapping: Wrapping, correction: Bool = true, nack: Bool = false) throws -> Rig {
    let packets = try Self.packets()
    let rig = try Rig([Self.specification(wrapping, nack: nack)])
    for packet in packets where !loss.contains(packet.number) {
      var datagram = wrapping == .red ? packet.datagram : Self.unwrapped(packet)
      let start = wrapping == .red ? 13 : 12
      // An extension, which nobody knows.
      if !correction, packet.datagram[12] & 0x7f == 122 { datagram[start] |= 0x80 }
      rig.deliver(datagram, at: Rig.at((packet.seconds - packets[0].seconds) * 1000 + 30))
    }
    rig.run(seconds: 12)
    rig.stop()
    return rig
  }

  @Test func factsAreThere() {
    #expect(Self.losses.count == 4 && Self.ssrc != 0)
  }

  @Test(arguments: Wrapping.allCases)
  func withoutLossNothingIsRebuilt(_ wrapping: Wrapping) throws {
    let rig = try play([], wrapping)
    let counters = rig.counters()
    #expect(Int64(counters.frames) == Self.facts["streams"]?.arrayValue?.first?["frames_complete"]?.integerValue)
    #expect(counters.discarded(.forwardErrorCorrection) == 184 && counters.packetsDiscarded == 184)
    #expect(counters.packetsFromFEC == 0 && counters.packetsRecovered == 0 && counters.packetsLost == 0)
  }

  @Test(arguments: losses, Wrapping.allCases)
  func whatIsLostComesBack(_ loss: Loss, _ wrapping: Wrapping) throws {
    let clean = try play([], wrapping).frames(0).map(\.bytes)
    let rig = try play(loss.lost, wrapping)
    let counters = rig.counters()
    #expect(Int(counters.packetsFromFEC) == loss.rebuilt.count && counters.packetsRecovered == counters.packetsFromFEC)
    #expect(Int(counters.packetsLost) == loss.lost.count - loss.rebuilt.count)
    #expect(Int(counters.packetsReceived) == 646 - loss.lost.count + loss.rebuilt.count)
    let report = QualityReport(rig.snapshot, files: []).json(at: Rig.wall)
    #expect(report["totals"]?["packetsRecovered"]?["fec"] == .integer(Int64(loss.rebuilt.count)))
    #expect(report["totals"]?["packetsRecovered"]?["nack"] == 0)
    let frames = rig.frames(0).map(\.bytes)
    let without = try play(loss.lost, wrapping, correction: false)
    #expect(without.counters().packetsFromFEC == 0)
    #expect(frames.count > without.frames(0).count)
    var place = clean.startIndex
    for frame in frames {
      let found = try #require(clean[place...].firstIndex(of: frame), "a frame that was never sent")
      place = found + 1
    }
  }

  /// What correction gives back is not asked for.
  @Test(arguments: losses)
  func whatIsRebuiltIsNotAskedFor(_ loss: Loss) throws {
    let rig = try play(loss.lost, .red, nack: true)
    var asked: Set<UInt16> = []
    for item in rig.sent { asked.formUnion(Self.askedFor(item.datagram.bytes)) }
    #expect(rig.counters().packetsFromFEC == UInt64(loss.rebuilt.count))
    #expect(asked.isDisjoint(with: loss.rebuilt))
    #expect(asked.isSubset(of: loss.lost) && !asked.isEmpty)
  }

  /// The numbers of a generic negative acknowledgement (RFC 4585 §6.2.1) in a compound packet.
  private static func askedFor(_ bytes: [UInt8]) -> Set<UInt16> {
    var out: Set<UInt16> = []
    var at = 0
    while at + 4 <= bytes.count {
      let end = at + 4 * (1 + Int(bytes[at + 2]) << 8 + Int(bytes[at + 3]))
      if bytes[at + 1] == 205, bytes[at] & 31 == 1 {
        for place in stride(from: at + 12, to: end, by: 4) {
          let first = UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1])
          let mask = UInt16(bytes[place + 2]) << 8 | UInt16(bytes[place + 3])
          out.insert(first)
          for bit in 0..<16 where mask >> UInt16(bit) & 1 == 1 { out.insert(first &+ UInt16(bit) &+ 1) }
        }
      }
      at = end
    }
    return out
  }

  /// The capture's pictures with correction of another kind, in a stream of its own: each group of packets has one packet of it, and the whole
  /// of three groups one more.
  @Test(arguments: [UInt64(1), 2, 3], [4, 20])
  func correctionInAStreamOfItsOwn(_ seed: UInt64, _ size: Int) throws {
    var chance = SeededGenerator(seed)
    let media = try Self.packets().filter { $0.datagram[12] & 0x7f == 96 }
    var number = UInt16(65_400)
    var datagrams: [(bytes: [UInt8], milliseconds: Double)] = []
    for packet in media {
      var bytes = Self.unwrapped(packet)
      bytes[2] = UInt8(number >> 8)
      bytes[3] = UInt8(number & 255)
      number &+= 1
      datagrams.append((bytes, (packet.seconds - media[0].seconds) * 1000))
    }
    var track = TrackSpecification(participant: "ada", codec: .vp8, payloadType: PayloadType(96), ssrc: SSRC(Self.ssrc))
    track.fec = FECSpecification(mechanism: .flexfec, payloadType: PayloadType(35), ssrc: SSRC(555))
    let rig = try Rig([track])
    var have: Set<UInt16> = []
    var groups: [Set<UInt16>] = []
    var told = 0
    for (index, item) in datagrams.enumerated() {
      let isEarly = item.milliseconds < 1000
      if isEarly || chance.pick(0...9) > 0 {
        rig.deliver(item.bytes, at: Rig.at(item.milliseconds + 30))
        have.insert(CorrectionEncoder.number(item.bytes))
      }
      for width in [size, size * 3] where (index + 1) % width == 0 {
        let group = datagrams[(index + 1 - width)...index].map(\.bytes)
        let fields = RTPHeaderFields(
          payloadType: PayloadType(35), sequenceNumber: SequenceNumber(UInt16(told)), timestamp: RTPTimestamp(0), ssrc: SSRC(555))
        told += 1
        guard isEarly || chance.pick(0...9) > 0 else { continue }
        groups.append(Set(group.map(CorrectionEncoder.number)))
        rig.deliver(fields.packet(payload: CorrectionEncoder.flexfec(group)), at: Rig.at(item.milliseconds + 31))
      }
    }
    // What is rebuilt in time: a group of all packets may end after their places were given up.
    let rebuildable = CorrectionEncoder.rebuildable(groups, have: have)
    rig.run(seconds: 12)
    rig.stop()
    let counters = rig.counters()
    #expect(counters.packetsFromFEC > 0 && Int(counters.packetsFromFEC) <= rebuildable.count)
    if size == 4 { #expect(Int(counters.packetsFromFEC) == rebuildable.count) }
    #expect(Int(counters.packetsReceived) == have.count + Int(counters.packetsFromFEC))
    let discarded = rig.snapshot.sources[0].discarded.first { $0.name == "forwardErrorCorrection" }?.count
    #expect(discarded == UInt64(groups.count))
    let clean = try play([], .bare).frames(0).map(\.bytes)
    #expect(rig.frames(0).allSatisfy { clean.contains($0.bytes) })
  }

  /// The capture as a user replays it, through an impairment.
  @Test func aCaptureIsReplayedWithItsCorrection() throws {
    let path = Captures.committedPath(Self.name)
    let clean = try ImpairedRun(path)
    #expect(clean.tracks.first?.specification.red == REDSpecification(payloadType: PayloadType(120), ulpfec: PayloadType(122)))
    let run = try ImpairedRun(path, "loss=5%,from=500ms,seed=9")
    let counters = try #require(run.tracks.first).counters
    #expect(counters.packetsFromFEC > 0 && counters.packetsFromFEC == counters.packetsRecovered)
    for frame in run.frames[0] { #expect(clean.frames[0].contains { $0.bytes == frame.bytes }) }
  }
}
