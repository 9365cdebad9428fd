import Ground
import RTP
import Testing

/// Header extensions in both forms (RFC 8285), as senders write them and as hostile ones do.
@Suite struct RTPExtensionTests {
  private func packet(_ profile: UInt16, _ block: [UInt8], words: UInt16? = nil, payload: [UInt8] = [1, 2, 3]) -> [UInt8] {
    var head: [UInt8] = []
    head.appendU16(profile)
    head.appendU16(words ?? UInt16(block.count / 4))
    return rtp(extensionBit: true, rest: head + block + payload)
  }

  struct Block: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var profile: UInt16
    var bytes: [UInt8]
    var want: [(UInt8, [UInt8])]
    init(_ name: String, _ profile: UInt16, _ bytes: [UInt8], _ want: [(UInt8, [UInt8])]) {
      (testDescription, self.profile, self.bytes, self.want) = (name, profile, bytes, want)
    }
  }

  static let blocks = [
    Block(
      "three elements (RFC 8285 §4.2)", 0xbede, [0x10, 1, 0x21, 2, 3, 0, 0, 0x33, 4, 5, 6, 7], [(1, [1]), (2, [2, 3]), (3, [4, 5, 6, 7])]),
    Block("sixteen bytes", 0xbede, [0xef] + Array(1...16) + [0, 0, 0], [(14, Array(1...16))]),
    Block("nothing but padding", 0xbede, [0, 0, 0, 0], []),
    Block("an empty block", 0xbede, [], []),
    Block("the same id twice", 0xbede, [0x10, 1, 0x10, 2], [(1, [1]), (1, [2])]),
    Block("id 15 ends the walk", 0xbede, [0x10, 1, 0xf0, 2, 0x20, 3, 0, 0], [(1, [1])]),
    Block("id 0 with a length ends the walk", 0xbede, [0x10, 1, 0x01, 2, 3, 0x20, 3, 0], [(1, [1])]),
    Block("an element beyond the block", 0xbede, [0x10, 1, 0x22, 2], [(1, [1])]),
    Block("a head in the last byte", 0xbede, [0x11, 1, 2, 0x20], [(1, [1, 2])]),
    Block("three elements (RFC 8285 §4.3)", 0x1000, [1, 0, 2, 1, 9, 0, 3, 4, 5, 6, 7, 8], [(1, []), (2, [9]), (3, [5, 6, 7, 8])]),
    Block("appbits say nothing", 0x100f, [1, 1, 9, 0], [(1, [9])]),
    Block("ids beyond 14", 0x1000, [15, 1, 8, 0xff, 1, 9, 0, 0], [(15, [8]), (255, [9])]),
    Block("a value of 255 bytes", 0x1000, [7, 255] + Array(repeating: 5, count: 255) + [0, 0, 0], [(7, Array(repeating: 5, count: 255))]),
    Block("two-byte element beyond the block", 0x1000, [1, 1, 9, 2, 9, 0, 0, 0], [(1, [9])]),
    Block("an id without its length", 0x1000, [1, 1, 9, 2], [(1, [9])]),
    Block("a profile of another kind", 0x1010, [1, 1, 9, 0], []),
    Block("RFC 3550's own form", 0x0000, [0x10, 1, 0, 0], []),
  ]

  @Test(arguments: blocks) func elementsOfABlock(_ given: Block) throws {
    let datagram = packet(given.profile, given.bytes)
    let read = try parsed(datagram).get()
    #expect(read.extensionProfile == given.profile)
    #expect(read.extensionEnd - read.extensionStart == given.bytes.count)
    #expect(Array(datagram[read.payloadStart..<read.payloadEnd]) == [1, 2, 3])
    #expect(elements(of: read, in: datagram) == given.want.map { RTPElement($0.0, $0.1) })
    for id in UInt8.min...UInt8.max {
      #expect(extensionValue(id, of: read, in: datagram) == given.want.first { $0.0 == id }?.1)
    }
  }

  @Test func aBlockLongerThanThePacketIsRefused() {
    // The block fits to the byte, then lacks one, then claims all that can be claimed.
    #expect(throws: Never.self) { try parsed(packet(0xbede, [0x10, 1, 0, 0], payload: [])).get() }
    #expect(parsed(packet(0xbede, [0x10, 1, 0], words: 1, payload: [])) == .failure(.truncated(needed: 20, have: 19)))
    #expect(parsed(packet(0xbede, [0x10, 1, 0, 0], words: .max)) == .failure(.truncated(needed: 16 + 65535 * 4, have: 23)))
    // Its head is cut off.
    for count in 0...3 {
      #expect(
        parsed(rtp(extensionBit: true, rest: Array(repeating: 0, count: count))) == .failure(.truncated(needed: 16, have: 12 + count)))
    }
  }

  @Test func anEmptyBlockMovesThePayload() throws {
    let read = try parsed(packet(0xbede, [])).get()
    #expect(read.payloadStart == 16 && read.payloadCount == 3)
  }

  @Test func noExtensionHasNoElements() throws {
    let datagram = rtp(rest: [0xbe, 0xde, 0, 0])
    let read = try parsed(datagram).get()
    #expect(elements(of: read, in: datagram).isEmpty)
    #expect(extensionValue(1, of: read, in: datagram) == nil)
  }

  /// The ranges belong to the datagram that was parsed; with a shorter one nothing is found, and nothing is read beyond its end.
  @Test func anotherDatagramTellsNothing() throws {
    let datagram = packet(0xbede, [0x10, 1, 0, 0])
    let read = try parsed(datagram).get()
    #expect(extensionValue(1, of: read, in: Array(datagram.prefix(17))) == nil)
  }
}
