import Codecs
import Ground
import RTP
import Testing
import Track

/// From packets to the pictures that are given out (RFC 9628).
@Suite struct VP9TrackTests {
  /// Sends packets of one stream, one every time that it is called.
  private struct Sender {
    var rig = TrackRig(.vp9)
    var number: UInt16 = 100
    var timestamp: UInt32 = 9000
    mutating func send(_ descriptor: VP9Descriptor, _ bytes: [UInt8], marker: Bool = true) {
      var fields = RTPHeaderFields(
        payloadType: PayloadType(98), marker: marker, sequenceNumber: SequenceNumber(number), timestamp: RTPTimestamp(timestamp),
        ssrc: TrackRig.ssrc)
      fields.extensions = []
      rig.send(fields, descriptor.bytes + bytes, at: Double(timestamp) / 90)
      number &+= 1
    }
    mutating func next() { timestamp &+= 3000 }
    mutating func finish() {
      rig.advance(to: 60_000)
      rig.finish()
    }
  }

  private func flexible(_ id: UInt16, _ differences: [UInt8], layer: VP9Descriptor.Layer? = nil) -> VP9Descriptor {
    var descriptor = VP9Descriptor(isInter: !differences.isEmpty, isFlexible: true, pictureID: id)
    descriptor.differences = differences
    descriptor.layer = layer
    return descriptor
  }

  @Test func aFrameOfSeveralPackets() {
    var sender = Sender()
    let key = VP9Frame(isKey: true, size: (640, 360)).bytes
    for (index, piece) in [key[..<9], key[9..<12], key[12...]].enumerated() {
      var descriptor = flexible(7, [])
      descriptor.starts = index == 0
      descriptor.ends = index == 2
      sender.send(descriptor, Array(piece), marker: index == 2)
    }
    sender.next()
    // Without a marker the next picture ends it.
    let inter = VP9Frame(size: nil).bytes
    sender.send(flexible(8, [1]), inter, marker: false)
    sender.next()
    sender.send(flexible(9, [1]), inter)
    sender.finish()
    #expect(sender.rig.faults.isEmpty)
    #expect(sender.rig.frames.map(\.bytes) == [key, inter, inter])
    #expect(sender.rig.frames.map(\.isKey) == [true, false, false])
    #expect(sender.rig.frames.map(\.packets) == [3, 1, 1])
    #expect(sender.rig.sizes == [PictureSize(width: 640, height: 360)])
  }

  /// A layer frame without its end, and one that begins inside another, are no picture.
  @Test func framesWithoutTheirEdges() {
    var sender = Sender()
    let key = VP9Frame(isKey: true).bytes
    sender.send(flexible(1, []), key)
    sender.next()
    var open = flexible(2, [1])
    open.ends = false
    sender.send(open, VP9Frame(size: nil).bytes)
    sender.next()
    var headless = flexible(3, [1])
    headless.starts = false
    sender.send(headless, [1, 2, 3])
    sender.next()
    sender.send(flexible(4, [1]), VP9Frame(size: nil).bytes)
    sender.next()
    sender.send(flexible(5, []), [0x42, 0, 0])
    sender.next()
    sender.send(flexible(6, []), key)
    sender.finish()
    #expect(sender.rig.faults.isEmpty)
    #expect(sender.rig.frames.map(\.bytes) == [key, key])
    #expect(sender.rig.discards == [.incompleteFrame: 2, .brokenReference: 1, .malformedPayload: 1])
  }

  /// Three spatial layers come out as one superframe that shows the top one alone, and tells its size.
  @Test func spatialLayersBecomeASuperframe() throws {
    var sender = Sender()
    let layers = [
      VP9Frame(isKey: true, isErrorResilient: true, size: (160, 120)),
      VP9Frame(isErrorResilient: true, refreshed: 2, size: (320, 240)), VP9Frame(isErrorResilient: true, refreshed: 4, size: (640, 480)),
    ]
    for (index, layer) in layers.enumerated() {
      let place = VP9Descriptor.Layer(spatial: UInt8(index), needsLower: index > 0)
      sender.send(flexible(1, [], layer: place), layer.bytes, marker: index == 2)
    }
    sender.next()
    for index in 0..<3 {
      let frame = VP9Frame(isErrorResilient: true, refreshed: 1 << index, size: nil, reference: index)
      sender.send(flexible(2, [1], layer: .init(spatial: UInt8(index))), frame.bytes, marker: index == 2)
    }
    sender.next()
    // The upper layers are gone: the picture is smaller from here on.
    sender.send(flexible(3, [1], layer: .init(spatial: 0)), VP9Frame(isErrorResilient: true, size: nil).bytes)
    sender.finish()
    #expect(sender.rig.faults.isEmpty)
    #expect(sender.rig.frames.map(\.isKey) == [true, false, false])
    #expect(sender.rig.frames.map(\.packets) == [3, 3, 1])
    #expect(sender.rig.sizes == [PictureSize(width: 640, height: 480), PictureSize(width: 160, height: 120)])
    var hidden = layers
    hidden[0].isShown = false
    hidden[1].isShown = false
    let pieces = try split(try #require(sender.rig.frames.first).bytes)
    #expect(pieces == hidden.map(\.bytes))
    let shown = try split(sender.rig.frames[1].bytes).map { bytes in
      try VP9FrameHeader(parsing: bytes.span, from: 0, to: bytes.count, slots: VP9Slots()).isShown
    }
    #expect(shown == [false, false, true])
    #expect(sender.rig.frames[2].bytes == VP9Frame(isErrorResilient: true, size: nil).bytes)
  }

  private func split(_ bytes: [UInt8]) throws -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    try VP9Superframe.forEachFrame(bytes.span, from: 0, to: bytes.count) { (range) throws(WireError) in pieces.append(Array(bytes[range])) }
    return pieces
  }

  /// A frame that takes motion from the one before it, of its own size, must see it shown.
  @Test func aLayerThatIsLookedBackAtStaysShown() throws {
    var sender = Sender()
    sender.send(flexible(1, [], layer: .init()), VP9Frame(isKey: true).bytes, marker: false)
    let upper = VP9Frame(refreshed: 2, size: nil).bytes
    sender.send(flexible(1, [], layer: .init(spatial: 1, needsLower: true)), upper)
    sender.finish()
    #expect(try split(try #require(sender.rig.frames.first).bytes) == [VP9Frame(isKey: true).bytes, upper])
  }

  /// A lost packet of the middle layer breaks its picture and what refers to it; a key frame heals.
  @Test func aLostLayerBreaksItsPicture() {
    var sender = Sender()
    func picture(_ id: UInt16, isKey: Bool, lost: Int? = nil) {
      for index in 0..<2 {
        let isFirst = isKey && index == 0
        let frame = VP9Frame(
          isKey: isFirst, isErrorResilient: true, refreshed: 1 << index, size: isKey ? (160 << index, 120) : nil, reference: index)
        let place = VP9Descriptor.Layer(spatial: UInt8(index), needsLower: isKey && index > 0)
        if index == lost {
          sender.number &+= 1
        } else {
          sender.send(flexible(id, isKey ? [] : [1], layer: place), frame.bytes, marker: index == 1)
        }
      }
      sender.next()
    }
    picture(1, isKey: true)
    picture(2, isKey: false, lost: 1)
    picture(3, isKey: false)
    picture(4, isKey: true)
    picture(5, isKey: false)
    sender.finish()
    #expect(sender.rig.faults.isEmpty)
    #expect(sender.rig.frames.map(\.isKey) == [true, true, false])
    #expect(sender.rig.discards == [.incompleteFrame: 1, .brokenReference: 2])
  }
}
