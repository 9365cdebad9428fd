import Codecs
import Testing
import Track

/// What the gate promises, hole by hole.
@Suite struct VP8GateTests {
  private func frame(
    _ id: VP8Descriptor.PictureID? = nil, tl0: UInt8? = nil, layer: UInt8? = nil, sync: Bool = false, isNonReference: Bool = false
  ) throws -> VP8PayloadDescriptor {
    var descriptor = VP8Descriptor(isNonReference: isNonReference, pictureID: id, tl0: tl0)
    descriptor.layer = layer.map { .init(id: $0, isSync: sync) }
    return try VP8PayloadDescriptor(parsing: (descriptor.bytes + [0]).span, from: 0, to: descriptor.bytes.count + 1)
  }

  /// A gate that has let a key frame pass.
  private func open(_ key: VP8PayloadDescriptor) -> VP8Gate {
    var gate = VP8Gate()
    #expect(gate.judge(key, isKey: true) == .pass && gate.isOpen)
    return gate
  }

  @Test func nothingPassesBeforeAKeyFrame() throws {
    var gate = VP8Gate()
    #expect(!gate.isOpen)
    for id in UInt16(1)..<4 { #expect(gate.judge(try frame(.long(id)), isKey: false) == .awaitingKeyFrame) }
    #expect(gate.judge(try frame(.long(4)), isKey: true) == .pass)
    #expect(gate.judge(try frame(.long(5)), isKey: false) == .pass)
    // And again after it was closed, hole or not.
    gate.close()
    #expect(!gate.isOpen)
    gate.missing(packets: 1)
    #expect(gate.judge(try frame(.long(6)), isKey: false) == .awaitingKeyFrame)
    #expect(gate.judge(try frame(.long(7)), isKey: true) == .pass)
    #expect(gate.judge(try frame(.long(8)), isKey: false) == .pass)
  }

  @Test func withoutRunningNumbersAHoleBreaksUntilAKeyFrame() throws {
    var gate = open(try frame())
    #expect(gate.judge(try frame(), isKey: false) == .pass)
    gate.missing(packets: 1)
    for _ in 0..<3 { #expect(gate.judge(try frame(), isKey: false) == .brokenReference) }
    #expect(!gate.isOpen)
    #expect(gate.judge(try frame(), isKey: true) == .pass)
    #expect(gate.judge(try frame(), isKey: false) == .pass)
  }

  @Test func aHoleInFrontOfAKeyFrameDoesNoHarm() throws {
    var gate = open(try frame(.long(1)))
    gate.missing(packets: 9)
    #expect(gate.judge(try frame(.long(7)), isKey: true) == .pass)
    #expect(gate.judge(try frame(.long(8)), isKey: false) == .pass)
  }

  /// Picture ids that go on prove that only padding is missing, also where they wrap.
  @Test(arguments: [
    (VP8Descriptor.PictureID.short(5), VP8Descriptor.PictureID.short(6)), (.short(0x7f), .short(0)), (.long(5), .long(6)),
    (.long(0x7f), .long(0x80)), (.long(0x7fff), .long(0)),
  ]) func idsThatGoOn(last: VP8Descriptor.PictureID, next: VP8Descriptor.PictureID) throws {
    var gate = open(try frame(last))
    #expect(!gate.holeWasEmpty)
    gate.missing(packets: 2)
    gate.missing(packets: 3)
    #expect(gate.judge(try frame(next), isKey: false) == .pass)
    #expect(gate.holeWasEmpty)
    var other = open(try frame(last))
    other.missing(packets: 1)
    #expect(other.judge(try frame(last), isKey: false) == .brokenReference)
  }

  @Test(arguments: [(0x7e, 0), (5, 7), (5, 5), (5, 4), (0, 0x7f)] as [(UInt16, UInt16)])
  func idsThatDoNotGoOn(last: UInt16, next: UInt16) throws {
    for isLong in [false, true] {
      let id = { (value: UInt16) in isLong ? VP8Descriptor.PictureID.long(value) : .short(value) }
      var gate = open(try frame(id(last)))
      gate.missing(packets: 1)
      #expect(gate.judge(try frame(id(next)), isKey: false) == .brokenReference)
      #expect(!gate.holeWasEmpty)
    }
  }

  /// So many packets may be so many frames, after which the number is the next one again.
  @Test func aHoleInWhichTheIdCanHaveGoneRound() throws {
    for (packets, isProof) in [(127, true), (128, false), (1000, false)] as [(Int64, Bool)] {
      var gate = open(try frame(.short(5)))
      gate.missing(packets: packets)
      #expect(gate.judge(try frame(.short(6)), isKey: false) == (isProof ? .pass : .brokenReference))
    }
    for (packets, isProof) in [(32_767, true), (32_768, false), (.max / 2, false)] as [(Int64, Bool)] {
      var gate = open(try frame(.long(5)))
      gate.missing(packets: packets)
      #expect(gate.judge(try frame(.long(6)), isKey: false) == (isProof ? .pass : .brokenReference))
    }
  }

  /// However often the numbering starts anew before a frame is whole.
  @Test(arguments: 1...8) func holesAddUp(holes: Int) throws {
    var gate = open(try frame(.long(5)))
    for _ in 0..<holes { gate.missing(packets: .max / 2) }
    #expect(gate.judge(try frame(.long(6)), isKey: false) == .brokenReference)
    var other = open(try frame(.short(5)))
    for _ in 0..<32 { other.missing(packets: 4) }
    #expect(other.judge(try frame(.short(6)), isKey: false) == .brokenReference)
  }

  /// Numbers of 7 and of 15 bits are two counts.
  @Test func idsOfAnotherSizeProveNothing() throws {
    for (last, next) in [(.long(0x100), .short(1)), (.short(0x7f), .long(0x80)), (.short(5), .long(6))]
      as [(VP8Descriptor.PictureID, VP8Descriptor.PictureID)]
    {
      var gate = open(try frame(last))
      gate.missing(packets: 1)
      #expect(gate.judge(try frame(next), isKey: false) == .brokenReference)
    }
  }

  // MARK: Frames that are lost by half

  @Test func aNonReferenceFrameMayBeLost() throws {
    var gate = open(try frame(.long(5)))
    // Its beginning came, the rest did not.
    gate.lost(try frame(.long(6), isNonReference: true))
    gate.missing(packets: 2)
    #expect(gate.judge(try frame(.long(7)), isKey: false) == .pass)
    // One whose beginning is lost is not known for what it was.
    gate.missing(packets: 1)
    #expect(gate.judge(try frame(.long(9)), isKey: false) == .brokenReference)
  }

  @Test func otherFramesMayNot() throws {
    for lost in [try frame(.long(6)), try frame(isNonReference: true), try frame(.long(7), isNonReference: true)] {
      var gate = open(try frame(.long(5)))
      gate.lost(lost)
      #expect(gate.judge(try frame(.long(7)), isKey: false) == .brokenReference)
    }
    var gate = open(try frame(.long(5)))
    gate.missing(packets: 1)
    // A hole before it: what else is lost is not known.
    gate.lost(try frame(.long(6), isNonReference: true))
    #expect(gate.judge(try frame(.long(7)), isKey: false) == .brokenReference)
  }

  // MARK: Temporal layers

  @Test func theBaseLayerNeedsNoOther() throws {
    var gate = open(try frame(.long(1), tl0: 254, layer: 0))
    for (id, tl0) in [(3, 255), (5, 0), (7, 1)] as [(UInt16, UInt8)] {
      gate.missing(packets: 2)
      #expect(gate.judge(try frame(.long(id), tl0: tl0, layer: 0), isKey: false) == .pass)
      #expect(gate.isOpen && !gate.holeWasEmpty)
    }
    // A base-layer frame is missing.
    gate.missing(packets: 2)
    #expect(gate.judge(try frame(.long(10), tl0: 3, layer: 0), isKey: false) == .brokenReference)
    #expect(!gate.isOpen)
  }

  @Test func aHoleInWhichTheBaseLayerCanHaveGoneRound() throws {
    for (packets, isProof) in [(255, true), (256, false)] as [(Int64, Bool)] {
      var gate = open(try frame(tl0: 7, layer: 0))
      gate.missing(packets: packets)
      #expect(gate.judge(try frame(tl0: 8, layer: 0), isKey: false) == (isProof ? .pass : .brokenReference))
    }
  }

  @Test(arguments: [1, 2, 3] as [UInt8]) func anUpperLayerWaitsForItsSync(layer: UInt8) throws {
    var gate = open(try frame(tl0: 7, layer: 0))
    gate.missing(packets: 1)
    #expect(gate.judge(try frame(tl0: 8, layer: 0), isKey: false) == .pass)
    #expect(gate.judge(try frame(tl0: 8, layer: layer), isKey: false) == .brokenReference)
    #expect(gate.isOpen)
    #expect(gate.judge(try frame(tl0: 9, layer: 0), isKey: false) == .pass)
    for lower in stride(from: layer, to: 0, by: -1) {
      #expect(gate.judge(try frame(tl0: 9, layer: lower, sync: true), isKey: false) == .pass)
      // A layer in between is still damaged.
      #expect(gate.judge(try frame(tl0: 9, layer: layer), isKey: false) == (lower == 1 ? .pass : .brokenReference))
      guard lower > 1 else { continue }
      #expect(gate.judge(try frame(tl0: 9, layer: 0), isKey: false) == .pass)
      #expect(gate.judge(try frame(tl0: 9, layer: layer, sync: true), isKey: false) == .pass)
    }
  }

  /// What is lost between a base-layer frame and the sync frame that refers to it may be referred to later.
  @Test func aSyncFrameHealsNothingThatIsYoungerThanItsBase() throws {
    var gate = open(try frame(tl0: 7, layer: 0))
    gate.missing(packets: 1)
    #expect(gate.judge(try frame(tl0: 7, layer: 1, sync: true), isKey: false) == .pass)
    #expect(gate.judge(try frame(tl0: 7, layer: 1), isKey: false) == .brokenReference)
    #expect(gate.judge(try frame(tl0: 8, layer: 0), isKey: false) == .pass)
    #expect(gate.judge(try frame(tl0: 8, layer: 1), isKey: false) == .brokenReference)
    #expect(gate.judge(try frame(tl0: 9, layer: 0), isKey: false) == .pass)
    #expect(gate.judge(try frame(tl0: 9, layer: 1, sync: true), isKey: false) == .pass)
    #expect(gate.judge(try frame(tl0: 9, layer: 1), isKey: false) == .pass)
  }

  /// A frame that was held back for its references is as good as lost, unless nobody refers to it.
  @Test func whatIsHeldBackIsMissingToo() throws {
    for isNonReference in [false, true] {
      var gate = open(try frame(tl0: 7, layer: 0))
      gate.missing(packets: 1)
      #expect(gate.judge(try frame(tl0: 8, layer: 0), isKey: false) == .pass)
      #expect(gate.judge(try frame(tl0: 8, layer: 1, isNonReference: isNonReference), isKey: false) == .brokenReference)
      #expect(gate.judge(try frame(tl0: 8, layer: 1, sync: true), isKey: false) == .pass)
      #expect(gate.judge(try frame(tl0: 8, layer: 1), isKey: false) == (isNonReference ? .pass : .brokenReference))
    }
  }

  @Test func aFrameOfAnUpperLayerProvesNoMoreThanItsBase() throws {
    var gate = open(try frame(tl0: 7, layer: 0))
    gate.missing(packets: 1)
    // Its base-layer frame is the one that is missing.
    #expect(gate.judge(try frame(tl0: 8, layer: 1, sync: true), isKey: false) == .brokenReference)
    #expect(!gate.isOpen)
    #expect(gate.judge(try frame(tl0: 9, layer: 0), isKey: false) == .brokenReference)
    #expect(gate.judge(try frame(tl0: 10, layer: 0), isKey: true) == .pass)
    // A key frame heals all layers.
    #expect(gate.judge(try frame(tl0: 10, layer: 3), isKey: false) == .pass)
  }

  @Test func aFrameWithoutALayerInALayeredStreamProvesNothing() throws {
    var gate = open(try frame(tl0: 7, layer: 0))
    gate.missing(packets: 1)
    #expect(gate.judge(try frame(tl0: 8, layer: 0), isKey: false) == .pass)
    #expect(gate.judge(try frame(tl0: 8), isKey: false) == .brokenReference)
    var other = open(try frame(tl0: 7, layer: 0))
    other.missing(packets: 1)
    #expect(other.judge(try frame(tl0: 8), isKey: false) == .brokenReference)
  }
}
