import Codecs
import Testing
import Track

/// What the gate promises, hole by hole.
@Suite struct VP9GateTests {
  private func layer(_ descriptor: VP9Descriptor) throws -> VP9Assembler.Layer {
    VP9Assembler.Layer(descriptor: try descriptor.read(), start: 0, isWhole: true)
  }

  /// A picture of one spatial layer in flexible mode.
  private func flexible(_ id: UInt16, _ differences: [UInt8], temporal: UInt8? = nil, isLong: Bool = true) throws -> [VP9Assembler.Layer] {
    var descriptor = VP9Descriptor(isInter: !differences.isEmpty, isFlexible: true, pictureID: id)
    descriptor.differences = differences
    descriptor.isLong = isLong
    descriptor.layer = temporal.map { .init(temporal: $0) }
    return [try layer(descriptor)]
  }

  /// The same in non-flexible mode.
  private func running(
    _ id: UInt16?, _ tl0: UInt8 = 0, temporal: UInt8? = nil, isSwitchingPoint: Bool = false, isInter: Bool = true,
    group: [(UInt8, Bool, [UInt8])]? = nil
  ) throws -> [VP9Assembler.Layer] {
    var descriptor = VP9Descriptor(isInter: isInter, pictureID: id)
    descriptor.layer = temporal.map { .init(temporal: $0, isSwitchingPoint: isSwitchingPoint) }
    descriptor.tl0 = tl0
    if let group { descriptor.structure = .init(group: group) }
    return [try layer(descriptor)]
  }

  private static let key = VP9Gate.Facts(isKey: true, isErrorResilient: false)
  private static let plain = VP9Gate.Facts(isKey: false, isErrorResilient: false)
  private static let resilient = VP9Gate.Facts(isKey: false, isErrorResilient: true)

  @Test func nothingPassesBeforeAKeyFrame() throws {
    var gate = VP9Gate()
    for id in UInt16(1)..<4 { #expect(try gate.judge(flexible(id, [1]), Self.plain) == .awaitingKeyFrame) }
    #expect(!gate.isOpen)
    #expect(try gate.judge(flexible(4, []), Self.key) == .pass && gate.isOpen)
    #expect(try gate.judge(flexible(5, [1]), Self.plain) == .pass)
    gate.close()
    #expect(!gate.isOpen)
    #expect(try gate.judge(flexible(6, [1]), Self.plain) == .awaitingKeyFrame)
    gate.missing(packets: 3)
    #expect(try gate.judge(flexible(9, []), Self.key) == .pass)
    #expect(try gate.judge(flexible(10, [1]), Self.plain) == .pass)
  }

  /// A chain is broken by what is lost of it, until a key frame.
  @Test(arguments: [false, true]) func aChainBreaks(isErrorResilient: Bool) throws {
    var gate = VP9Gate()
    let facts = isErrorResilient ? Self.resilient : Self.plain
    _ = gate.judge(try flexible(4, []), Self.key)
    #expect(try gate.judge(flexible(5, [1]), facts) == .pass)
    gate.missing(packets: 1)
    for id in UInt16(7)..<12 { #expect(try gate.judge(flexible(id, [1]), facts) == .brokenReference && !gate.isOpen) }
    #expect(try gate.judge(flexible(12, []), Self.key) == .pass && gate.isOpen && gate.isWhole)
    #expect(try gate.judge(flexible(13, [1]), facts) == .pass)
  }

  @Test(arguments: [(UInt16(5), UInt16(6), true), (0x7f, 0, false), (0x7fff, 0, true), (0x7f, 0x80, true)])
  func idsThatGoOnProveThatNothingWasLost(last: UInt16, next: UInt16, isLong: Bool) throws {
    var gate = VP9Gate()
    _ = gate.judge(try flexible(last, [], isLong: isLong), Self.key)
    gate.missing(packets: 7)
    #expect(try gate.judge(flexible(next, [1], isLong: isLong), Self.plain) == .pass && gate.holeWasEmpty)
    // But not where ids can have gone round.
    _ = gate.judge(try flexible(last, [], isLong: isLong), Self.key)
    gate.missing(packets: isLong ? 0x8000 : 0x80)
    #expect(try gate.judge(flexible(next, [1], isLong: isLong), Self.plain) == .brokenReference)
    #expect(!gate.holeWasEmpty)
  }

  /// What nobody refers to may be missing: the differences say so, as long as no state of the coder is taken along.
  @Test func differencesProve() throws {
    var gate = VP9Gate()
    _ = gate.judge(try flexible(0x7ffd, [], temporal: 0), Self.key)
    #expect(try gate.judge(flexible(0x7ffe, [1], temporal: 1), Self.resilient) == .pass)
    gate.missing(packets: 1)  // 0x7fff, of layer 0
    #expect(try gate.judge(flexible(0, [1], temporal: 1), Self.resilient) == .brokenReference)
    #expect(gate.isOpen && !gate.isWhole)
    // Round the end of the ids, past what was lost.
    #expect(try gate.judge(flexible(1, [4], temporal: 0), Self.plain) == .brokenReference)
    #expect(try gate.judge(flexible(1, [4], temporal: 0), Self.resilient) == .pass)
    // From then on the coder's state is known.
    #expect(try gate.judge(flexible(2, [1, 5], temporal: 1), Self.plain) == .pass && gate.isWhole)
    #expect(try gate.judge(flexible(3, [2, 3], temporal: 1), Self.resilient) == .brokenReference)
    #expect(try gate.judge(flexible(4, [1], temporal: 1), Self.resilient) == .brokenReference)
    #expect(try gate.judge(flexible(5, [4], temporal: 0), Self.resilient) == .pass)
  }

  @Test func aLongHoleForgetsTheHistory() throws {
    var gate = VP9Gate()
    _ = gate.judge(try flexible(10, []), Self.key)
    gate.missing(packets: 0x4000)
    #expect(try gate.judge(flexible(12, [2]), Self.resilient) == .brokenReference)
  }

  /// A group of four pictures in three temporal layers, as libvpx has it.
  private static let group: [(UInt8, Bool, [UInt8])] = [(0, true, [4]), (2, true, [1]), (1, true, [2]), (2, false, [1, 2])]

  @Test func aGroupProves() throws {
    func picture(_ id: UInt16, _ gate: inout VP9Gate, _ facts: VP9Gate.Facts = Self.resilient) throws -> VP9Gate.Verdict {
      let place = Self.group[Int(id) % 4]
      return gate.judge(
        try running(id, temporal: place.0, isSwitchingPoint: place.1, isInter: id > 0, group: id == 0 ? Self.group : nil), facts)
    }
    var gate = VP9Gate()
    #expect(try picture(0, &gate, Self.key) == .pass)
    for id in UInt16(1)..<5 { #expect(try picture(id, &gate) == .pass) }
    gate.missing(packets: 1)  // 5, of layer 2
    #expect(try picture(6, &gate) == .pass)
    // It refers to 6 and 5; but 6 is a switching point, before which nothing of layer 2 counts.
    #expect(try picture(7, &gate) == .pass)
    #expect(try picture(8, &gate) == .pass)
    for id in UInt16(9)..<12 { #expect(try picture(id, &gate) == .pass) }
    gate.missing(packets: 1)  // 12, of layer 0
    #expect(try picture(13, &gate) == .brokenReference)
    #expect(try picture(16, &gate) == .brokenReference && !gate.isOpen)
    #expect(try picture(0, &gate, Self.key) == .pass)
  }

  @Test func withoutAGroupTheBaseLayersIndexProves() throws {
    var gate = VP9Gate()
    _ = gate.judge(try running(1, 255, temporal: 0, isInter: false), Self.key)
    #expect(try gate.judge(running(2, 255, temporal: 1), Self.resilient) == .pass)
    gate.missing(packets: 2)  // 3 and 4, of layer 1
    #expect(try gate.judge(running(5, 255, temporal: 1), Self.resilient) == .brokenReference && gate.isOpen)
    #expect(try gate.judge(running(6, 0, temporal: 0), Self.resilient) == .pass)
    #expect(try gate.judge(running(7, 0, temporal: 1), Self.resilient) == .brokenReference)
    // From a switching point on, the upper layer refers to nothing before it.
    #expect(try gate.judge(running(8, 1, temporal: 0, isSwitchingPoint: true), Self.resilient) == .pass)
    #expect(try gate.judge(running(9, 1, temporal: 1), Self.resilient) == .pass && gate.isWhole)
    gate.missing(packets: 1)  // 10, of layer 0
    #expect(try gate.judge(running(11, 2, temporal: 1, isSwitchingPoint: true), Self.resilient) == .brokenReference)
    #expect(try gate.judge(running(12, 3, temporal: 0), Self.resilient) == .brokenReference && !gate.isOpen)
    #expect(try gate.judge(running(13, 4, temporal: 0), Self.resilient) == .brokenReference)
  }

  @Test func withoutAnythingToldAHoleBreaksUntilAKeyFrame() throws {
    var gate = VP9Gate()
    _ = gate.judge(try running(nil, isInter: false), Self.key)
    #expect(try gate.judge(running(nil), Self.plain) == .pass)
    gate.missing(packets: 1)
    for _ in 0..<3 { #expect(try gate.judge(running(nil), Self.resilient) == .brokenReference) }
    #expect(try gate.judge(running(nil, isInter: false), Self.key) == .pass)
    #expect(try gate.judge(running(nil), Self.plain) == .pass)
  }

  /// Spatial layers: each refers to its own in other pictures, and to the one below it where D says so.
  @Test func spatialLayers() throws {
    func picture(_ id: UInt16, _ layers: [(spatial: UInt8, needsLower: Bool, differences: [UInt8])]) throws -> [VP9Assembler.Layer] {
      try layers.map { entry in
        var descriptor = VP9Descriptor(isInter: !entry.differences.isEmpty, isFlexible: true, pictureID: id)
        descriptor.layer = .init(spatial: entry.spatial, needsLower: entry.needsLower)
        descriptor.differences = entry.differences
        return try layer(descriptor)
      }
    }
    var gate = VP9Gate()
    #expect(try gate.judge(picture(1, [(0, false, []), (1, true, [])]), Self.key) == .pass)
    // The upper layer alone, as an SFU forwards it where only key frames need the lower one.
    #expect(try gate.judge(picture(2, [(1, false, [1])]), Self.resilient) == .pass)
    gate.missing(packets: 1)
    #expect(try gate.judge(picture(4, [(0, false, [2]), (1, false, [2])]), Self.resilient) == .brokenReference)
    #expect(try gate.judge(picture(5, [(0, false, [4]), (1, false, [3])]), Self.resilient) == .pass)
    #expect(try gate.judge(picture(6, [(2, true, [])]), Self.resilient) == .brokenReference)
    #expect(try gate.judge(picture(7, [(0, false, [2]), (2, true, [])]), Self.resilient) == .brokenReference)
    // An id that goes on proves nothing where the picture's own lowest layer is missing.
    #expect(try gate.judge(picture(8, [(0, false, []), (1, true, [])]), Self.key) == .pass)
    gate.missing(packets: 1)
    #expect(try gate.judge(picture(9, [(1, false, [1])]), Self.resilient) == .brokenReference)
    #expect(!gate.holeWasEmpty)
    // Also without a hole, what builds on a layer that is not there is no picture.
    #expect(try gate.judge(picture(8, [(0, false, []), (1, true, [])]), Self.key) == .pass)
    #expect(try gate.judge(picture(9, [(1, true, [1])]), Self.resilient) == .brokenReference)
  }
}
