import Codecs
import Ground
import RTP
import Testing
import Track

/// What dependency descriptors prove of AV1 after losses (AV1 RTP payload format 1.0, appendix A).
@Suite struct AV1GateTests {
  /// Bits, most significant first, filled up with zeros.
  private struct Bits {
    private var values: [UInt8] = []
    mutating func fixed(_ value: Int, _ count: Int) {
      for i in stride(from: count - 1, through: 0, by: -1) { values.append(UInt8(value >> i & 1)) }
    }
    var bytes: [UInt8] {
      let filled = values + [UInt8](repeating: 0, count: (8 - values.count % 8) % 8)
      return stride(from: 0, to: filled.count, by: 8).map { at in filled[at..<at + 8].reduce(0) { $0 << 1 | $1 } }
    }
  }

  /// Two temporal layers as browsers describe them (L1T2), ids from 62 on: a key frame, the upper layer's frames that refer to the one
  /// before, the lower layer's that refer to the one before that.
  private static func structured(_ number: Int, isFirst: Bool = true, isLast: Bool = true) -> [UInt8] {
    var bits = Bits()
    for (value, count) in [(isFirst ? 1 : 0, 1), (isLast ? 1 : 0, 1), (62, 6), (number, 16), (0b10000, 5)] { bits.fixed(value, count) }
    bits.fixed(62, 6)
    // Two decode targets; templates: temporal layers 0, 0, 1.
    for (value, count) in [(1, 5), (0, 2), (1, 2), (3, 2)] { bits.fixed(value, count) }
    for target in [2, 2, 2, 2, 0, 1] { bits.fixed(target, 2) }
    bits.fixed(0, 1)
    for (value, count) in [(1, 1), (1, 4), (0, 1)] { bits.fixed(value, count) }
    for (value, count) in [(1, 1), (0, 4), (0, 1)] { bits.fixed(value, count) }
    // One chain, in three values of which two take a bit more; both targets by it.
    bits.fixed(0b10, 2)
    for chain in [0, 2, 1] { bits.fixed(chain, 4) }
    bits.fixed(1, 1)
    bits.fixed(319, 16)
    bits.fixed(239, 16)
    return bits.bytes
  }

  /// A frame by its template: 63 of the lower layer, 0 (which follows it) of the upper one.
  private static func plain(_ template: Int, _ number: Int, isFirst: Bool = true, isLast: Bool = true) -> [UInt8] {
    [(isFirst ? 0x80 : 0) | (isLast ? 0x40 : 0) | UInt8(template), UInt8(number >> 8 & 255), UInt8(number & 255)]
  }

  private static func custom(_ template: Int, _ number: Int, differences: [Int]) -> [UInt8] {
    var bits = Bits()
    for (value, count) in [(3, 2), (template, 6), (number, 16), (0b00010, 5)] { bits.fixed(value, count) }
    for difference in differences {
      bits.fixed(2, 2)
      bits.fixed(difference - 1, 8)
    }
    bits.fixed(0, 2)
    return bits.bytes
  }

  @Test func descriptorsAreRead() throws {
    var structure: DependencyStructure?
    #expect(throws: WireError.badValue) { try read(Self.plain(63, 1), &structure) }
    let key = try read(Self.structured(65_535), &structure)
    #expect(key.startsFrame && key.endsFrame && key.frameNumber == 65_535 && key.differences.isEmpty)
    #expect(try read(Self.plain(63, 0, isLast: false), &structure).differences == [2])
    let upper = try read(Self.plain(0, 1, isFirst: false), &structure)
    #expect(upper.differences == [1] && !upper.startsFrame && upper.endsFrame)
    #expect(try read(Self.custom(0, 7, differences: [3, 200]), &structure).differences == [3, 200])
    #expect(throws: WireError.badValue) { try read(Self.plain(1, 2), &structure) }
    let whole = Self.structured(9)
    // Three bytes are a descriptor by themselves.
    for count in 0..<whole.count - 1 where count != 3 {
      let before = structure
      #expect(throws: WireError.self) { try read(Array(whole[..<count]), &structure) }
      #expect(structure == before)
    }
  }

  private func read(_ bytes: [UInt8], _ structure: inout DependencyStructure?) throws(WireError) -> DependencyDescriptor {
    try DependencyDescriptor(parsing: bytes.span, structure: &structure)
  }

  // MARK: The gate

  private struct Scene {
    var rig = TrackRig(.av1)
    var number: UInt16 = 65_500
    var time = 0.0
    /// The next frame's number, which goes round soon.
    var frame = 65_530
    /// What each frame is on tape.
    var sent: [[UInt8]] = []

    init(id: UInt8? = 5) { rig.readDependencies(id: id) }

    /// Sends a frame in a packet, which may never come.
    mutating func send(_ descriptor: [UInt8]?, isKey: Bool = false, arrives: Bool = true) {
      let frame = AV1PayloadTests.frame(isKey: isKey, 20, fill: UInt8(truncatingIfNeeded: sent.count))
      var fields = RTPHeaderFields(
        payloadType: PayloadType(45), marker: true, sequenceNumber: SequenceNumber(number),
        timestamp: RTPTimestamp(UInt32(sent.count) * 3000), ssrc: TrackRig.ssrc)
      if let descriptor { fields.extensions = [(5, descriptor)] }
      let head: [UInt8] = isKey ? [0x28, UInt8(AV1PayloadTests.sequence.count)] + AV1PayloadTests.sequence : [0x10]
      sent.append((isKey ? AV1PayloadTests.sized : []) + [0x32, UInt8(frame.count - 1)] + frame.dropFirst())
      if arrives { rig.send(fields.packet(payload: head + frame), at: time) }
      rig.advance(to: time)
      number &+= 1
      self.frame = (self.frame + 1) & 0xffff
      time += 33
    }
    mutating func key() { send(AV1GateTests.structured(frame), isKey: true) }
    mutating func lower(arrives: Bool = true) { send(AV1GateTests.plain(63, frame), arrives: arrives) }
    mutating func upper(arrives: Bool = true) { send(AV1GateTests.plain(0, frame), arrives: arrives) }

    mutating func finish() -> [Int] {
      rig.finish()
      return rig.frames.map { sent.firstIndex(of: $0.bytes) ?? -1 }
    }
  }

  /// Nothing refers to a lost frame of the upper layer: all others pass, and no key frame is asked for.
  @Test func aLostFrameOfTheUpperLayerCostsItselfAlone() {
    var scene = Scene()
    scene.key()
    scene.upper()
    for index in 0..<20 {
      scene.lower()
      scene.upper(arrives: index != 1 && index != 7)
    }
    #expect(scene.finish() == Array(0..<42).filter { $0 != 5 && $0 != 17 })
    #expect(scene.rig.discards.isEmpty && scene.rig.requests.isEmpty && scene.rig.faults.isEmpty)
  }

  @Test func nothingThatRefersToALostFramePasses() {
    var scene = Scene()
    scene.key()
    scene.upper()
    scene.lower()
    scene.upper()
    scene.lower(arrives: false)
    for _ in 0..<10 {
      scene.upper()
      scene.lower()
    }
    // One that refers to what is on tape, and then those that refer to it.
    scene.send(Self.custom(63, scene.frame, differences: [23]))
    scene.upper()
    scene.lower()
    scene.key()
    scene.lower()
    #expect(scene.finish() == [0, 1, 2, 3, 25, 26, 27, 28, 29])
    #expect(!scene.rig.requests.isEmpty && scene.rig.faults.isEmpty)
  }

  @Test func withoutDescriptorsAKeyFrameIsAwaited() {
    for id in [nil, UInt8(6)] {
      var scene = Scene(id: id)
      scene.key()
      scene.upper()
      scene.lower()
      scene.upper(arrives: false)
      for _ in 0..<10 {
        scene.lower()
        scene.upper()
      }
      scene.key()
      #expect(scene.finish() == [0, 1, 2, 24])
    }
  }

  /// Padding that is lost leaves frame numbers without a hole.
  @Test func lostPaddingIsNoLoss() {
    var scene = Scene()
    scene.key()
    scene.upper()
    scene.number &+= 3
    for _ in 0..<10 {
      scene.lower()
      scene.upper()
    }
    #expect(scene.finish() == Array(0..<22))
    #expect(scene.rig.gaps.isEmpty && scene.rig.requests.isEmpty && scene.rig.faults.isEmpty)
  }
}
