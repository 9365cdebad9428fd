import Codecs
import Ground
import RTP
import Seeded
import Testing
import Track

/// Pictures from packets: what is whole, what is held back and why, and what is told of it.
@Suite struct TrackVideoTests {
  /// A rig and its sender, whose pictures are `interval` apart from 0 on.
  private struct Scene {
    var rig = TrackRig(.vp8)
    var stream: VP8Stream
    var time = 0.0
    static let interval = 1000.0 / 30

    init(_ stream: VP8Stream) { self.stream = stream }

    /// Sends the next picture, without the packets of these numbers within it.
    mutating func picture(isKey: Bool = false, packets: Int = 3, without lost: Set<Int> = []) {
      let datagrams = stream.next(isKey: isKey, packets: packets)
      for (number, datagram) in datagrams.enumerated() where !lost.contains(number) { rig.send(datagram, at: time) }
      rig.advance(to: time)
      time += Scene.interval
    }

    mutating func pictures(_ count: Int) { for _ in 0..<count { picture() } }

    /// The indices of the pictures that came out; what is none is -1.
    var given: [Int] { rig.frames.map { stream.picture($0.bytes)?.index ?? -1 } }
  }

  private func flat(_ numbering: VP8Stream.Numbering = .long) -> Scene {
    var stream = VP8Stream(numbering: numbering)
    stream.encoder = VP8Encoder(layers: 1, seed: 1)
    stream.tellsLayers = false
    return Scene(stream)
  }

  @Test func aWholeStreamComesOutByteForByte() {
    var scene = flat()
    scene.pictures(90)
    scene.picture(isKey: true)
    scene.pictures(9)
    scene.rig.finish()
    #expect(scene.given == Array(0..<100))
    #expect(scene.rig.frames.enumerated().filter(\.element.isKey).map(\.offset) == [0, 90])
    #expect(scene.rig.frames.allSatisfy { $0.packets == 3 && $0.duration == .zero })
    #expect(scene.rig.sizes == [PictureSize(width: 640, height: 360)])
    #expect(scene.rig.counters.frames == 100 && scene.rig.counters.keyFrames == 2 && scene.rig.counters.packetsInFrames == 300)
    #expect(scene.rig.gaps.isEmpty && scene.rig.discards.isEmpty && scene.rig.requests.isEmpty && scene.rig.faults.isEmpty)
    for (place, index) in zip(scene.rig.places, 0...) { #expect(abs(place - Double(index) * Scene.interval) < 0.1) }
  }

  /// The first packet, one in the middle, the marker: each alone, and any of them together.
  @Test(arguments: [[0], [1], [2], [3], [0, 1], [1, 2], [2, 3], [0, 3], [0, 1, 2, 3]] as [Set<Int>])
  func aFrameWithAMissingPacketIsNeverGiven(lost: Set<Int>) {
    var scene = flat()
    scene.pictures(20)
    scene.picture(packets: 4, without: lost)
    scene.pictures(20)
    scene.picture(isKey: true)
    scene.pictures(20)
    scene.rig.finish()
    // Nor what refers to it, up to the key frame.
    #expect(scene.given == Array(0..<20) + Array(41..<62))
    #expect(scene.rig.counters.packetsLost == UInt64(lost.count))
    let rest = UInt64(4 - lost.count)
    #expect(scene.rig.discards == [.incompleteFrame: rest, .brokenReference: 60].filter { $0.value > 0 })
    #expect(scene.rig.counters.framesDropped == 20 + (rest > 0 ? 1 : 0))
    // One hole, from the last picture before it to the first after it.
    #expect(scene.rig.gaps.count == 1)
    #expect(scene.rig.gaps[0].packetsLost == Int64(lost.count))
    #expect(abs(scene.rig.gaps[0].from - 19 * Scene.interval) < 0.1 && abs(scene.rig.gaps[0].to - 41 * Scene.interval) < 0.1)
    #expect(scene.rig.counters.gaps == 1 && abs(scene.rig.counters.gapDuration.milliseconds - 22 * Scene.interval) < 0.2)
    // Asked for once the hole was given up, half a second after the packet behind it.
    #expect(scene.rig.requests.first.map { (1150...1300).contains($0) } == true)
    #expect(scene.rig.faults.isEmpty)
  }

  @Test func nothingIsGivenBeforeTheFirstKeyFrame() {
    var scene = flat()
    _ = scene.stream.next()
    scene.rig.needKeyFrame(at: 0)
    scene.pictures(5)
    scene.picture(isKey: true)
    scene.pictures(4)
    scene.rig.finish()
    #expect(scene.given == Array(6..<11))
    #expect(scene.rig.discards == [.awaitingKeyFrame: 15] && scene.rig.gaps.isEmpty)
    #expect(scene.rig.counters.framesDropped == 5)
    #expect(scene.rig.requests == [0] && !scene.rig.receiver.keyFrameRequest.isPending)
    #expect(scene.rig.faults.isEmpty)
  }

  @Test func theKeyFrameIsKnownFromItsFirstPacket() {
    var scene = flat()
    #expect(!scene.rig.receiver.hasKeyFrame)
    let packets = scene.stream.next(packets: 3)
    scene.rig.send(packets[0], at: 0)
    #expect(scene.rig.receiver.hasKeyFrame)
    var other = flat()
    _ = other.stream.next()
    other.picture()
    #expect(!other.rig.receiver.hasKeyFrame)
  }

  /// Two pictures in one packet's time: told apart by their picture ids, and a millisecond apart on tape.
  @Test(arguments: [true, false]) func twoFramesOfOneTimestamp(setsMarkers: Bool) {
    var scene = flat()
    scene.stream.setsMarkers = setsMarkers
    scene.pictures(10)
    let timestamp = scene.stream.timestamp
    scene.picture()
    scene.stream.timestamp = timestamp
    scene.picture()
    scene.pictures(10)
    scene.rig.finish()
    // Without markers the last one is not known to be whole.
    #expect(scene.given == Array(0..<(setsMarkers ? 22 : 21)))
    #expect(abs(scene.rig.places[11] - scene.rig.places[10] - 1) < 0.001)
    #expect(scene.rig.faults.isEmpty)
  }

  /// Senders that mark every partition's beginning as the frame's (S with PID 0): one timestamp and one picture id are one frame.
  @Test func aPartitionIsNoFrame() {
    var scene = flat()
    scene.pictures(10)
    var datagrams = scene.stream.next(packets: 4)
    let payload = VP8Frame.starts(in: datagrams[2]).payload
    datagrams[2][payload] |= 0x10
    datagrams[2][payload] &= 0xf8
    for datagram in datagrams { scene.rig.send(datagram, at: scene.time) }
    scene.rig.finish()
    #expect(scene.given == Array(0..<11) && scene.rig.frames[10].packets == 4)
    #expect(scene.rig.faults.isEmpty)
  }

  /// Padding uses up numbers and is nothing else: in front of the stream, between pictures, within one, with any timestamp.
  @Test func paddingIsNoGap() {
    var scene = flat()
    scene.rig.send(scene.stream.paddingOnly(), at: 0)
    for index in 0..<30 {
      let datagrams = scene.stream.next(packets: 2)
      scene.rig.send(datagrams[0], at: scene.time)
      scene.rig.send(datagrams[1], at: scene.time)
      let timestamp = scene.stream.timestamp
      scene.stream.timestamp = index % 3 == 0 ? timestamp &- 3000 : index % 3 == 1 ? timestamp &+ 0x1234_5678 : 0
      for _ in 0..<index % 4 { scene.rig.send(scene.stream.paddingOnly(), at: scene.time) }
      scene.stream.timestamp = timestamp
      scene.time += Scene.interval
    }
    scene.rig.finish()
    #expect(scene.given == Array(0..<30))
    #expect(scene.rig.discards == [.paddingOnly: 1 + UInt64((0..<30).reduce(0) { $0 + $1 % 4 })])
    #expect(scene.rig.gaps.isEmpty && scene.rig.counters.packetsLost == 0 && scene.rig.faults.isEmpty)
  }

  /// Padding within a picture, as a sender that fills its pacer's gaps sends it.
  @Test func paddingWithinAPicture() {
    var scene = flat()
    scene.pictures(3)
    let first = scene.stream.sequence
    var datagrams = scene.stream.next(packets: 3)
    let end = scene.stream.sequence
    // The last packet moves up by one number.
    datagrams[2].replaceSubrange(2..<4, with: [UInt8(end >> 8), UInt8(end & 0xff)])
    scene.stream.sequence = first &+ 2
    let padding = scene.stream.paddingOnly()
    scene.stream.sequence = end &+ 1
    for datagram in [datagrams[0], datagrams[1], padding, datagrams[2]] { scene.rig.send(datagram, at: scene.time) }
    scene.time += Scene.interval
    scene.pictures(3)
    scene.rig.finish()
    #expect(scene.given == Array(0..<7) && scene.rig.discards == [.paddingOnly: 1] && scene.rig.faults.isEmpty)
  }

  /// Padding that is lost between pictures: their ids prove it, and nothing is told but the number.
  @Test(arguments: VP8Stream.Numbering.allCases) func lostPadding(numbering: VP8Stream.Numbering) {
    var scene = flat(numbering)
    scene.pictures(10)
    for _ in 0..<5 { _ = scene.stream.paddingOnly() }
    scene.pictures(30)
    scene.rig.finish()
    let isProven = numbering != .none
    #expect(scene.given == Array(0..<(isProven ? 40 : 10)))
    #expect(scene.rig.gaps.isEmpty && scene.rig.counters.packetsLost == 5)
    #expect(scene.rig.requests.isEmpty == isProven && scene.rig.faults.isEmpty)
  }

  @Test func aSizeIsToldWhereItChanges() {
    var scene = flat()
    scene.pictures(2)
    for width in [640, 320, 320, 640] {
      var datagrams = scene.stream.next(isKey: true, packets: 1)
      let frame = VP8Frame.starts(in: datagrams[0]).frame
      datagrams[0].replaceSubrange(frame + 3..<frame + 10, with: VP8Frame.size(width, width / 2))
      scene.rig.send(datagrams[0], at: scene.time)
      scene.time += Scene.interval
    }
    scene.rig.finish()
    #expect(scene.rig.sizes.map(\.width) == [640, 640, 320, 640])
    #expect(scene.rig.sizes.map(\.height) == [360, 320, 160, 320])
    #expect(scene.rig.receiver.size == PictureSize(width: 640, height: 320))
  }

  // MARK: Temporal layers

  /// Upper layers wait for their sync, and a key frame is asked for meanwhile; once they are whole again there is no need of one.
  @Test func aSyncEndsTheNeedOfAKeyFrame() {
    var scene = Scene(VP8Stream(layers: 2, seed: 3))
    scene.pictures(1)
    for index in 1..<600 where scene.rig.counters.discarded(.brokenReference) == 0 {
      let datagrams = scene.stream.next(packets: 2)
      let isLost = index % 7 > 2 && scene.stream.pictures[index].layer == 1
      for datagram in datagrams where !isLost { scene.rig.send(datagram, at: scene.time) }
      scene.rig.advance(to: scene.time)
      scene.time += Scene.interval
    }
    #expect(scene.rig.receiver.keyFrameRequest.isPending && scene.rig.requests.count == 1)
    // No key frame comes; the layer's next sync does.
    scene.pictures(300)
    #expect(!scene.rig.receiver.keyFrameRequest.isPending && scene.rig.requests.count < 4)
    let dropped = scene.rig.counters.framesDropped
    scene.pictures(300)
    #expect(scene.rig.counters.framesDropped == dropped && scene.rig.faults.isEmpty)
    // The tape's own need outlives a sync.
    scene.rig.needKeyFrame(at: scene.time)
    scene.pictures(100)
    #expect(scene.rig.receiver.keyFrameRequest.isPending)
    scene.picture(isKey: true)
    #expect(!scene.rig.receiver.keyFrameRequest.isPending)
  }

  // MARK: What is no frame

  @Test func brokenPayloadsBreakTheirFrame() {
    // A descriptor without a frame; a key frame without start code, of no size, or shorter than its first partition.
    for damage in 0..<6 {
      var scene = flat()
      scene.pictures(10)
      var datagrams = scene.stream.next(isKey: damage > 0, packets: 2)
      let frame = VP8Frame.starts(in: datagrams[0]).frame
      switch damage {
      case 0: datagrams[1].removeLast(datagrams[1].count - frame)
      case 1: datagrams[0][frame + 3] = 0
      case 2: datagrams[0].replaceSubrange(frame + 6..<frame + 10, with: [0, 0, 0, 0])
      case 3: datagrams[0][frame + 2] = 0xff
      // By one byte: the head counts too.
      case 4: datagrams[0].replaceSubrange(frame..<frame + 3, with: VP8Frame.tag(isKey: true, partition: 31))
      default: datagrams[0].removeLast(datagrams[0].count - frame)
      }
      for datagram in datagrams { scene.rig.send(datagram, at: scene.time) }
      scene.time += Scene.interval
      scene.pictures(5)
      scene.picture(isKey: true)
      scene.rig.finish()
      #expect(scene.given == Array(0..<10) + [16], "\(damage)")
      #expect(scene.rig.counters.discarded(.malformedPayload) >= 1 && scene.rig.counters.discarded(.brokenReference) == 15, "\(damage)")
      #expect(scene.rig.gaps.map(\.packetsLost) == [0] && scene.rig.faults.isEmpty, "\(damage)")
    }
  }

  /// A packet of another picture that is no beginning, although no number is missing: neither picture is whole.
  @Test func aPictureWithoutABeginningBreaksOffTheOneBefore() {
    var scene = flat()
    scene.pictures(10)
    let sequence = scene.stream.sequence
    let first = scene.stream.next(packets: 3)
    var second = scene.stream.next(packets: 3)
    for number in 1..<3 {
      second[number].replaceSubrange(
        2..<4, with: [UInt8((sequence &+ 1 &+ UInt16(number)) >> 8), UInt8((sequence &+ 1 &+ UInt16(number)) & 0xff)])
    }
    scene.stream.sequence = sequence &+ 4
    for datagram in first.prefix(2) + second.suffix(2) { scene.rig.send(datagram, at: scene.time) }
    scene.time += 2 * Scene.interval
    scene.pictures(5)
    scene.rig.finish()
    #expect(scene.given == Array(0..<10) && scene.rig.counters.packetsLost == 0 && scene.rig.faults.isEmpty)
    #expect(scene.rig.discards == [.incompleteFrame: 4, .brokenReference: 15] && scene.rig.counters.framesDropped == 7)
  }

  @Test func aFrameThatNeverEndsIsDropped() {
    var scene = flat()
    scene.pictures(3)
    let sequence = scene.stream.sequence
    let descriptor = VP8Descriptor(startsPartition: true, pictureID: .long(1)).bytes
    let rest = VP8Descriptor(startsPartition: false, pictureID: .long(1)).bytes
    var sent = 0
    for index in 0..<80 {
      let fields = RTPHeaderFields(
        payloadType: PayloadType(96), marker: false, sequenceNumber: SequenceNumber(sequence &+ UInt16(index)),
        timestamp: RTPTimestamp(scene.stream.timestamp), ssrc: TrackRig.ssrc)
      let payload = (index == 0 ? descriptor : rest) + [UInt8](repeating: 1, count: 60_000)
      scene.rig.send(fields, payload, at: scene.time)
      sent += 1
      #expect(scene.rig.receiver.keptBytes <= 3 * 4 << 20)
    }
    scene.rig.finish()
    #expect(scene.given == [0, 1, 2] && scene.rig.counters.discarded(.oversized) == 70)
    #expect(scene.rig.counters.discarded(.incompleteFrame) == UInt64(sent - 70) && scene.rig.faults.isEmpty)
  }
}
