import Codecs
import Ground
import Seeded
import Testing

/// The payload descriptor (RFC 9628 §4.2), the frame's head and the superframe (VP9 bitstream specification §6.2, annex B).
@Suite struct VP9HeaderTests {
  private static func parse(_ bytes: [UInt8], from start: Int = 0) -> Result<VP9PayloadDescriptor, WireError> {
    Result { () throws(WireError) in try VP9PayloadDescriptor(parsing: bytes.span, from: start, to: bytes.count) }
  }

  /// Sets of fields with values at their ends and in between.
  static let descriptors: [VP9Descriptor] = {
    var all: [VP9Descriptor] = []
    let pictures: [(UInt16, Bool)?] = [nil, (0, false), (0x7f, false), (0, true), (0x80, true), (0x7fff, true)]
    let layers: [VP9Descriptor.Layer?] = [
      nil, .init(), .init(temporal: 7, isSwitchingPoint: true, spatial: 7, needsLower: true), .init(temporal: 2, spatial: 1),
    ]
    let structures: [VP9Descriptor.Structure?] = [
      nil, .init(), .init(layers: 3, sizes: [(160, 120), (320, 240), (16_384, 0xffff)]),
      .init(layers: 8, group: [(0, true, [1]), (2, false, []), (1, true, [1, 2, 255])]),
      .init(layers: 2, sizes: [(1, 1), (2, 2)], group: []),
    ]
    for picture in pictures {
      for layer in layers {
        for structure in structures {
          for differences in [nil, [], [1], [127, 3], [1, 2, 3]] as [[UInt8]?] {
            if differences?.isEmpty == false, picture == nil { continue }
            var descriptor = VP9Descriptor(isInter: differences?.isEmpty != true, isFlexible: differences != nil)
            descriptor.pictureID = picture?.0
            descriptor.isLong = picture?.1 ?? true
            descriptor.layer = layer
            descriptor.tl0 = 0xa5
            descriptor.differences = differences ?? []
            descriptor.structure = structure
            all.append(descriptor)
          }
        }
      }
    }
    return all
  }()

  @Test func everySetOfFieldsReadsBack() throws {
    var random = SeededGenerator(1)
    for wanted in VP9HeaderTests.descriptors {
      var wanted = wanted
      wanted.starts = random.unit() < 0.5
      wanted.ends = random.unit() < 0.5
      wanted.isNotForUpper = random.unit() < 0.5
      let before = [UInt8](repeating: 0xff, count: Int.random(in: 0...20, using: &random))
      let read = try VP9HeaderTests.parse(before + wanted.bytes + [0], from: before.count).get()
      #expect(read.count == wanted.bytes.count)
      #expect(read.isInterPicture == wanted.isInter && read.isFlexible == wanted.isFlexible)
      #expect(read.startsFrame == wanted.starts && read.endsFrame == wanted.ends && read.isNotForUpperLayers == wanted.isNotForUpper)
      #expect(read.pictureID == wanted.pictureID && read.isExtendedPictureID == (wanted.pictureID != nil && wanted.isLong))
      let layer = wanted.layer ?? .init()
      #expect(read.hasLayer == (wanted.layer != nil) && read.temporalLayer == layer.temporal && read.spatialLayer == layer.spatial)
      #expect(read.isSwitchingPoint == layer.isSwitchingPoint && read.needsLowerLayer == layer.needsLower)
      #expect(read.tl0PictureIndex == (wanted.layer != nil && !wanted.isFlexible ? wanted.tl0 : nil))
      #expect((0..<read.differences.count).map { read.differences[$0] } == wanted.differences)
      #expect(read.structure?.spatialLayers == wanted.structure?.layers)
      #expect(read.structure?.sizes ?? [] == (wanted.structure?.sizes ?? []).map { PictureSize(width: $0.0, height: $0.1) })
      let group = read.structure?.group ?? []
      #expect(group.map(\.temporalLayer) == (wanted.structure?.group ?? []).map(\.0))
      #expect(group.map(\.isSwitchingPoint) == (wanted.structure?.group ?? []).map(\.1))
      #expect(
        group.map { picture in (0..<picture.differences.count).map { picture.differences[$0] } } == (wanted.structure?.group ?? []).map(\.2)
      )
    }
  }

  /// Without the last byte of itself it is cut short; without a byte behind it there is no payload.
  @Test func everyBeginningIsRefused() {
    for descriptor in VP9HeaderTests.descriptors {
      let bytes = descriptor.bytes
      for count in 0..<bytes.count {
        guard case .failure(.truncated) = VP9HeaderTests.parse(Array(bytes[..<count])) else {
          Issue.record("\(bytes) cut to \(count) was read")
          continue
        }
      }
      #expect(VP9HeaderTests.parse(bytes) == .failure(.badLength))
    }
  }

  @Test func differencesThatCannotBeAreRefused() {
    // None, a fourth, and one without ids to count by.
    #expect(VP9HeaderTests.parse([0xd8, 5, 0, 0]) == .failure(.badValue))
    #expect(VP9HeaderTests.parse([0xd8, 5, 3, 5, 7, 8, 0]) == .failure(.badValue))
    #expect(VP9HeaderTests.parse([0x58, 2, 0]) == .failure(.badValue))
  }

  @Test func headsReadBack() throws {
    var slots = VP9Slots()
    let key = VP9Frame(isKey: true, size: (640, 360)).bytes
    let head = try VP9FrameHeader(parsing: key.span, from: 0, to: key.count, slots: slots)
    #expect(head.isKey && head.isShown && !head.isErrorResilient && head.refreshedSlots == 0xff)
    #expect(head.size == PictureSize(width: 640, height: 360))
    #expect(head.color?.space == 2 && head.color?.bitDepth == 8 && head.color?.isHalvedDown == true)
    slots.receive(head)
    let larger = VP9Frame(isErrorResilient: true, refreshed: 0b100, size: (1280, 720)).bytes
    let second = try VP9FrameHeader(parsing: larger.span, from: 0, to: larger.count, slots: slots)
    #expect(!second.isKey && second.isErrorResilient && second.refreshedSlots == 4)
    #expect(second.size == PictureSize(width: 1280, height: 720))
    slots.receive(second)
    for (slot, size) in [(2, second.size), (1, head.size)] {
      let frame = VP9Frame(size: nil, reference: slot).bytes
      #expect(try VP9FrameHeader(parsing: frame.span, from: 0, to: frame.count, slots: slots).size == size)
    }
    let intra = VP9Frame(isShown: false, isIntraOnly: true, profile: 2, size: (64, 64), bitDepth: 12).bytes
    let hidden = try VP9FrameHeader(parsing: intra.span, from: 0, to: intra.count, slots: slots)
    #expect(hidden.isIntraOnly && !hidden.isShown && hidden.profile == 2 && hidden.color?.bitDepth == 12)
    let existing: [UInt8] = [0b1000_1010]
    let shows = try VP9FrameHeader(parsing: existing.span, from: 0, to: 1, slots: slots)
    #expect(shows.showsExisting && shows.size == second.size && shows.refreshedSlots == 0)
  }

  @Test func whatIsNoFrameIsRefused() {
    let slots = VP9Slots()
    func read(_ bytes: [UInt8]) -> WireError? {
      do throws(WireError) {
        _ = try VP9FrameHeader(parsing: bytes.span, from: 0, to: bytes.count, slots: slots)
        return nil
      } catch {
        return error
      }
    }
    let key = VP9Frame(isKey: true).bytes
    for count in 0..<9 { #expect(read(Array(key[..<count])) != nil, "\(count)") }
    for (index, value) in [(0, UInt8(0x42)), (1, 0x48), (3, 0)] {
      var damaged = key
      damaged[index] = value
      #expect(read(damaged) == .badValue)
    }
    // Red, green and blue are not for profile 0, and no picture is so large.
    #expect(read([0x82, 0x49, 0x83, 0x42, 0xe0, 0, 0, 0, 0, 0, 0]) == .badValue)
    #expect(read([0x82, 0x49, 0x83, 0x42, 0x2f, 0xff, 0xf0, 0, 0, 0, 0]) == .badValue)
  }

  private func split(_ bytes: [UInt8]) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    try? VP9Superframe.forEachFrame(bytes.span, from: 0, to: bytes.count) { (range) throws(WireError) in ranges.append(range) }
    return ranges
  }

  @Test(arguments: [[1], [3, 255], [256, 1, 70_000], [1, 2, 3, 4, 5, 6, 7, 8]]) func framesOfASuperframe(sizes: [Int]) {
    var bytes = [UInt8](repeating: 0x82, count: sizes.reduce(0, +))
    let whole = bytes
    VP9Superframe.appendIndex(sizes, to: &bytes)
    #expect(VP9Superframe.count(bytes.span, from: 0, to: bytes.count) == sizes.count)
    #expect(split(bytes).map(\.count) == sizes)
    #expect(split(whole) == [0..<whole.count])
    // An index that promises more than there is, or without its first marker, is none.
    #expect(split(Array(bytes.dropFirst(1))).count == 1)
    bytes[whole.count] ^= 0x20
    #expect(split(bytes) == [0..<bytes.count])
  }

  /// A hidden frame reads as the shown one but for being hidden, and what follows the header is as it was.
  @Test func hidingKeepsTheRest() throws {
    var frames: [VP9Frame] = []
    for isErrorResilient in [false, true] {
      for (hasSegments, hasDeltas) in [(false, false), (true, false), (false, true), (true, true)] {
        for size in [(320, 240), (1280, 720), nil] as [(Int, Int)?] {
          for isKey in [false, true] where !isKey || size != nil {
            frames.append(
              VP9Frame(
                isKey: isKey, isErrorResilient: isErrorResilient, refreshed: 0b101, size: size, hasSegments: hasSegments,
                hasDeltas: hasDeltas))
          }
        }
      }
    }
    var slots = VP9Slots()
    let first = VP9Frame(isKey: true).bytes
    slots.receive(try VP9FrameHeader(parsing: first.span, from: 0, to: first.count, slots: slots))
    for frame in frames {
      let bytes = [1, 2, 3] + frame.bytes
      let header = try VP9FrameHeader(parsing: bytes.span, from: 3, to: bytes.count, slots: slots)
      var out: [UInt8] = [7]
      #expect(VP9Superframe.appendHidden(bytes.span, 3..<bytes.count, header, to: &out))
      // What an encoder writes that hides it from the start.
      var hidden = frame
      hidden.isShown = false
      #expect(Array(out[1...]) == hidden.bytes, "\(frame)")
      #expect(out[0] == 7)
      // Without all of its header it cannot be moved.
      guard !frame.isKey else { continue }
      var cut: [UInt8] = []
      #expect(!VP9Superframe.appendHidden(bytes.span, 3..<bytes.count - 5, header, to: &cut) && cut.isEmpty)
    }
  }

  @Test func damagedBytesNeverTrap() throws {
    var random = SeededGenerator(9)
    let seeds = VP9HeaderTests.descriptors.map { $0.bytes + VP9Frame(isKey: true).bytes } + [VP9Frame(hasSegments: true).bytes]
    for _ in 0..<20_000 {
      var bytes = seeds[Int.random(in: 0..<seeds.count, using: &random)]
      for _ in 0..<3 { bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random) }
      bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
      _ = VP9HeaderTests.parse(bytes)
      guard let header = try? VP9FrameHeader(parsing: bytes.span, from: 0, to: bytes.count, slots: VP9Slots()) else { continue }
      var out: [UInt8] = []
      let isHidden = VP9Superframe.appendHidden(bytes.span, 0..<bytes.count, header, to: &out)
      #expect(isHidden == !out.isEmpty && out.count <= bytes.count + 1)
    }
  }
}
