import Ground
import RTP
import Testing

/// What the values of known header extensions say.
@Suite struct RTPHeaderExtensionTests {
  static let ids: RTPExtensionIDs = {
    var ids = RTPExtensionIDs()
    for (index, kind) in RTPHeaderExtension.allCases.enumerated() { ids[kind] = UInt8(index + 1) }
    return ids
  }()

  /// A packet with one extension of the one-byte form.
  private func packet(_ kind: RTPHeaderExtension, _ value: [UInt8]) throws -> (RTPPacket, [UInt8]) {
    let id = try #require(RTPHeaderExtensionTests.ids[kind])
    var element = [id << 4 | UInt8(value.count - 1)] + value
    while element.count % 4 != 0 { element.append(0) }
    let bytes: [UInt8] =
      [0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, UInt8(element.count / 4)] + element + [1, 2, 3]
    return (try RTPPacket(parsing: bytes.span), bytes)
  }

  @Test func namesAreTexts() throws {
    for kind in [RTPHeaderExtension.mid, .streamID, .repairedStreamID] {
      let (told, bytes) = try packet(kind, Array("video1".utf8))
      #expect(told.text(kind, Self.ids, in: bytes.span) == "video1")
      #expect(told.text(kind == .mid ? .streamID : .mid, Self.ids, in: bytes.span) == nil)
      let (broken, other) = try packet(kind, [0xff, 0xfe])
      #expect(broken.text(kind, Self.ids, in: other.span) == nil)
    }
  }

  @Test func numbersAndTimes() throws {
    let (numbered, a) = try packet(.transportSequenceNumber, [0xff, 0xfe])
    #expect(numbered.transportSequenceNumber(Self.ids, in: a.span) == 0xfffe)
    let (short, b) = try packet(.transportSequenceNumber, [1])
    #expect(short.transportSequenceNumber(Self.ids, in: b.span) == nil)
    let (sent, c) = try packet(.absoluteSendTime, [0x12, 0x34, 0x56])
    #expect(sent.absoluteSendTime(Self.ids, in: c.span) == 0x123456)
    let (captured, d) = try packet(.absoluteCaptureTime, [0, 0, 0, 1, 0x80, 0, 0, 0])
    let time = captured.absoluteCaptureTime(Self.ids, in: d.span)
    #expect(time?.ntp == 0x1_8000_0000 && time?.senderOffset == nil)
    let (offset, e) = try packet(.absoluteCaptureTime, [0, 0, 0, 1, 0x80, 0, 0, 0] + [UInt8](repeating: 0xff, count: 8))
    #expect(offset.absoluteCaptureTime(Self.ids, in: e.span)?.senderOffset == -1)
    let (odd, f) = try packet(.absoluteCaptureTime, [1, 2, 3])
    #expect(odd.absoluteCaptureTime(Self.ids, in: f.span) == nil)
  }

  @Test func soundAndPicture() throws {
    let (loud, a) = try packet(.audioLevel, [0x80 | 30])
    let level = loud.audioLevel(Self.ids, in: a.span)
    #expect(level?.decibelsBelowFull == 30 && level?.isVoice == true)
    let (turned, b) = try packet(.videoOrientation, [0b1101])
    let orientation = turned.videoOrientation(Self.ids, in: b.span)
    #expect(orientation?.rotation == 90 && orientation?.isFlipped == true && orientation?.isBackFacing == true)
    let (delayed, c) = try packet(.playoutDelay, [0x00, 0xa0, 0x14])
    let delay = delayed.playoutDelay(Self.ids, in: c.span)
    #expect(delay?.minimum == .milliseconds(100) && delay?.maximum == .milliseconds(200))
  }

  @Test func whatHasNoIdIsNotThere() throws {
    let (told, bytes) = try packet(.audioLevel, [5])
    #expect(told.audioLevel(RTPExtensionIDs(), in: bytes.span) == nil)
    var ids = RTPExtensionIDs()
    ids[.audioLevel] = 14
    #expect(ids[.audioLevel] == 14)
    #expect(told.audioLevel(ids, in: bytes.span) == nil)
    ids[.audioLevel] = nil
    #expect(ids[.audioLevel] == nil)
  }
}
