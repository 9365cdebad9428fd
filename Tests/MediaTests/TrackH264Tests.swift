import Codecs
import Ground
import RTP
import Testing
import Track

/// Access units from packets: what is whole, what can be decoded, and what is held back.
@Suite struct TrackH264Tests {
  private typealias S = H264Stream

  private struct Scene {
    var rig = TrackRig(.h264)
    var stream = S()
    var time = 0.0
    var frameNumber = 0
    var seed: UInt8 = 0
    /// What each picture is on tape, in the order in which they were sent.
    var sent: [[UInt8]] = []

    /// Sends payloads as one access unit, without the packets of these numbers within it.
    mutating func send(_ payloads: [[UInt8]], marked: Bool = true, without lost: Set<Int> = []) {
      for (index, payload) in payloads.enumerated() {
        let datagram = stream.packet(payload, marker: marked && index == payloads.count - 1)
        if !lost.contains(index) { rig.send(datagram, at: time) }
      }
      rig.advance(to: time)
      stream.next()
      time += 33
    }

    mutating func slice(isKey: Bool = false, first: Int = 0, isReference: Bool = true, count: Int = 60) -> [UInt8] {
      if first == 0 { frameNumber = isKey ? 0 : (frameNumber + 1) % 256 }
      seed &+= 1
      let unit = S.slice(isKey: isKey, frameNumber: frameNumber, first: first, isReference: isReference, count: count, seed: seed)
      if !isReference { frameNumber = (frameNumber + 255) % 256 }
      return unit
    }

    /// A key frame as Chromium sends it: its sets and its slice, aggregated.
    mutating func key(without lost: Set<Int> = []) {
      let units = [S.sequenceSet(), S.pictureSet(), slice(isKey: true)]
      sent.append(S.onTape(units))
      send([S.aggregate(units)], without: lost)
    }

    mutating func picture(isReference: Bool = true, without lost: Set<Int> = []) {
      let unit = slice(isReference: isReference)
      sent.append(S.onTape([unit]))
      send([unit], without: lost)
    }

    mutating func pictures(_ count: Int) { for _ in 0..<count { picture() } }

    /// The indices of the pictures that came out; what is none is -1.
    var given: [Int] { rig.frames.map { sent.firstIndex(of: $0.bytes) ?? -1 } }
  }

  @Test func aWholeStreamComesOutByteForByte() {
    var scene = Scene()
    scene.key()
    scene.pictures(9)
    scene.key()
    scene.pictures(9)
    scene.rig.finish()
    #expect(scene.given == Array(0..<20))
    #expect(scene.rig.frames.enumerated().filter(\.element.isKey).map(\.offset) == [0, 10])
    #expect(scene.rig.sizes == [PictureSize(width: 320, height: 240)])
    #expect(scene.rig.discards.isEmpty && scene.rig.gaps.isEmpty && scene.rig.faults.isEmpty && scene.rig.requests.isEmpty)
  }

  /// One unit of each kind, in every way of sending it, comes to the same.
  @Test func eachWayOfSendingComesToTheSame() {
    let units = [[0x09, 0xf0], S.sequenceSet(), S.pictureSet(), S.slice(isKey: true, frameNumber: 0, count: 500)]
    let last = S.slice(isKey: true, frameNumber: 0, first: 100, count: 300)
    let ways: [[[UInt8]]] = [
      units + [last], [S.aggregate(units + [last])], units.dropLast() + S.fragments(units[3], size: 100) + S.fragments(last, size: 7),
      [S.aggregate(Array(units.dropLast()))] + S.fragments(units[3], size: 499) + [last],
    ]
    for way in ways {
      var scene = Scene()
      scene.send(way)
      scene.rig.finish()
      #expect(scene.rig.frames.map(\.bytes) == [S.onTape(units + [last])])
      #expect(scene.rig.frames.first?.packets == way.count && scene.rig.faults.isEmpty)
    }
  }

  @Test func withoutMarkersTheNextTimestampEndsAnAccessUnit() {
    var scene = Scene()
    let key = [S.sequenceSet(), S.pictureSet(), S.slice(isKey: true, frameNumber: 0)]
    scene.send(key, marked: false)
    let second = S.slice(isKey: false, frameNumber: 1)
    scene.send([second], marked: false)
    scene.send([S.slice(isKey: false, frameNumber: 2)], marked: false)
    scene.rig.finish()
    #expect(scene.rig.frames.map(\.bytes) == [S.onTape(key), S.onTape([second])])
    #expect(scene.rig.discards == [.incompleteFrame: 1])
  }

  /// Cameras that mark each slice lose one picture before that is known of them.
  @Test func markersWithinAnAccessUnitAreFoundOut() {
    var scene = Scene()
    func pieces(_ key: Bool, _ number: Int) -> [[UInt8]] {
      [S.slice(isKey: key, frameNumber: number), S.slice(isKey: key, frameNumber: number, first: 100)]
    }
    func send(_ units: [[UInt8]]) {
      for unit in units { scene.rig.send(scene.stream.packet(unit, marker: true), at: scene.time) }
      scene.stream.next()
      scene.time += 33
    }
    let sets = [S.sequenceSet(), S.pictureSet()]
    send(sets + pieces(true, 0))
    send(pieces(false, 1))
    send(sets + pieces(true, 0))
    send(pieces(false, 1))
    send(pieces(false, 2))
    scene.rig.finish()
    #expect(scene.rig.frames.dropFirst().map(\.bytes) == [S.onTape(sets + pieces(true, 0)), S.onTape(pieces(false, 1))])
    #expect(scene.rig.faults.isEmpty)
  }

  // MARK: Parameter sets

  /// Sets that come apart, under a timestamp of their own and with a marker, lie in the key frame that follows.
  @Test func setsOfTheirOwnAccessUnitGoIntoTheKeyFrame() {
    var scene = Scene()
    scene.send([S.sequenceSet(), S.pictureSet()])
    let slice = scene.slice(isKey: true)
    scene.send([slice])
    scene.rig.finish()
    #expect(scene.rig.frames.map(\.bytes) == [S.onTape([S.sequenceSet(), S.pictureSet(), slice])])
    #expect(scene.rig.frames.first?.isKey == true && scene.rig.frames.first?.packets == 3)
    #expect(scene.rig.discards.isEmpty && scene.rig.faults.isEmpty)
  }

  /// A later key frame without sets gets those that are known, behind its delimiter.
  @Test func aKeyFrameWithoutSetsGetsThem() {
    var scene = Scene()
    scene.key()
    scene.pictures(3)
    let slice = scene.slice(isKey: true)
    scene.send([[0x09, 0xf0], slice])
    scene.rig.finish()
    #expect(scene.rig.frames.count == 5)
    #expect(scene.rig.frames.last?.bytes == S.onTape([[0x09, 0xf0], S.sequenceSet(), S.pictureSet(), slice]))
  }

  @Test func withoutSetsThereIsNoKeyFrame() {
    var scene = Scene()
    let slice = scene.slice(isKey: true)
    scene.send([slice])
    scene.send([S.sequenceSet(), slice])
    scene.send([S.pictureSet(id: 7, sequence: 3), slice])
    scene.rig.advance(to: scene.time + 600)
    #expect(scene.rig.frames.isEmpty && scene.rig.requests.count >= 1)
    #expect(scene.rig.discards == [.awaitingKeyFrame: 5])
    scene.key()
    scene.rig.finish()
    #expect(scene.given == [0] && scene.rig.faults.isEmpty)
  }

  /// A sender that signals its sets and never sends them.
  @Test func setsThatWereSignalledAreEnough() {
    var scene = Scene()
    scene.rig = TrackRig(.h264, parameterSets: [S.sequenceSet(), S.pictureSet()])
    for _ in 0..<2 {
      let slice = scene.slice(isKey: true)
      scene.sent.append(S.onTape([S.sequenceSet(), S.pictureSet(), slice]))
      scene.send([slice])
      scene.picture()
    }
    scene.rig.finish()
    #expect(scene.given == [0, 1, 2, 3] && scene.rig.discards.isEmpty)
  }

  @Test func aChangeOfSizeIsTold() {
    var scene = Scene()
    scene.key()
    let wide = [S.sequenceSet(across: 40, down: 23, cropped: (0, 8)), S.pictureSet(), S.slice(isKey: true, frameNumber: 0)]
    scene.send([S.aggregate(wide)])
    // What referred to the old set is gone with it: this key frame's picture set is not known.
    scene.send([S.sequenceSet(across: 10), S.slice(isKey: true, frameNumber: 0)])
    scene.rig.finish()
    #expect(scene.rig.sizes == [PictureSize(width: 320, height: 240), PictureSize(width: 640, height: 360)])
    #expect(scene.rig.frames.count == 2)
  }

  // MARK: Loss

  @Test(arguments: [[0], [1], [2], [3], [0, 3], [1, 2], [0, 1, 2, 3]] as [Set<Int>])
  func anAccessUnitWithAMissingPacketIsNeverGiven(lost: Set<Int>) {
    var scene = Scene()
    scene.key()
    scene.pictures(5)
    let unit = scene.slice(count: 400)
    scene.sent.append(S.onTape([unit]))
    scene.send(S.fragments(unit, size: 110), without: lost)
    scene.pictures(5)
    scene.key()
    scene.pictures(5)
    scene.rig.advance(to: scene.time + 600)
    scene.rig.finish()
    #expect(scene.given == Array(0..<6) + Array(12..<18))
    #expect(scene.rig.counters.packetsLost == UInt64(lost.count))
    #expect((scene.rig.discards[.brokenReference] ?? 0) == 5 && scene.rig.faults.isEmpty)
  }

  /// The same with slices that are whole in their packets: the rest of a picture is none.
  @Test(arguments: 0..<3)
  func aPictureWithoutOneOfItsSlicesIsNeverGiven(lost: Int) {
    var scene = Scene()
    scene.key()
    let slices = [scene.slice(), scene.slice(first: 100), scene.slice(first: 200)]
    scene.send(slices, without: [lost])
    scene.pictures(3)
    scene.key()
    scene.rig.advance(to: scene.time + 600)
    scene.rig.finish()
    #expect(scene.given == [0, 4] && scene.rig.faults.isEmpty)
  }

  /// frame_num goes up with each picture that others refer to: where it goes on, what is missing was referred to by none.
  @Test func lostPicturesThatNobodyRefersToCostNothingElse() {
    var scene = Scene()
    scene.key()
    scene.pictures(10)
    scene.picture(isReference: false, without: [0])
    scene.pictures(5)
    scene.picture(without: [0])
    scene.pictures(5)
    scene.rig.advance(to: scene.time + 600)
    scene.rig.finish()
    #expect(scene.given == Array(0..<11) + Array(12..<17) && scene.rig.faults.isEmpty)
  }

  /// After a lost key frame that nothing was known of, frame_num can come to the awaited number by chance; that is no proof.
  @Test func aLostKeyFrameIsNotTakenForNothing() {
    var scene = Scene()
    scene.key()
    scene.key(without: [0])
    scene.pictures(3)
    scene.key()
    scene.rig.advance(to: scene.time + 600)
    scene.rig.finish()
    #expect(scene.given == [0, 5])
  }

  /// The sets of a resized picture are lost and its slices are not: with the old sets they would be decoded to something else.
  @Test func aKeyFrameWhoseSetsWereLostIsHeldBack() {
    var scene = Scene()
    scene.key()
    scene.pictures(3)
    let units = [S.sequenceSet(across: 40), S.pictureSet(), scene.slice(isKey: true)]
    scene.send(units, without: [0, 1])
    scene.rig.advance(to: scene.time + 600)
    #expect(scene.rig.frames.count == 4)
    scene.key()
    scene.rig.finish()
    #expect(scene.given == [0, 1, 2, 3, 4] && scene.rig.faults.isEmpty)
  }

  /// A sender that sends its sets once and never again is waited for no longer than one key frame.
  @Test func setsThatComeOnceAreEnough() {
    var scene = Scene()
    scene.key()
    scene.picture(without: [0])
    for _ in 0..<2 {
      let slice = scene.slice(isKey: true)
      scene.sent.append(S.onTape([S.sequenceSet(), S.pictureSet(), slice]))
      scene.send([slice])
    }
    scene.rig.advance(to: scene.time + 600)
    scene.rig.finish()
    #expect(scene.given == [0, 3])
  }

  @Test func anExactRecoveryPointOpensAgain() {
    for (count, isExact) in [(0, true), (3, true), (0, false)] {
      var scene = Scene()
      scene.key()
      scene.picture(without: [0])
      scene.pictures(2)
      scene.frameNumber += 1
      var intra = S.slice(isKey: true, frameNumber: scene.frameNumber)
      intra[0] = 0x61
      scene.sent.append(S.onTape([S.recoveryPoint(count: count, isExact: isExact), S.sequenceSet(), S.pictureSet(), intra]))
      scene.send([S.recoveryPoint(count: count, isExact: isExact), S.sequenceSet(), S.pictureSet(), intra])
      scene.pictures(2)
      scene.rig.advance(to: scene.time + 600)
      scene.rig.finish()
      #expect(scene.given == [0] + (count == 0 && isExact ? [4, 5, 6] : []))
      #expect(scene.rig.frames.dropFirst().allSatisfy { !$0.isKey } && scene.rig.faults.isEmpty)
    }
  }

  // MARK: Hostile

  /// Fragments without a beginning, two beginnings, another unit in between, a timestamp that changes within: none makes a frame, and all
  /// are accounted for.
  @Test func fragmentsThatDoNotFollowEachOtherMakeNoFrame() {
    let whole = S.fragments(S.slice(isKey: false, frameNumber: 1, count: 400), size: 110)
    let other = S.slice(isKey: false, frameNumber: 1)
    var changed = whole
    changed[2][1] = changed[2][1] & 0xe0 | 5
    let streams: [[[UInt8]]] = [
      Array(whole.dropFirst()), [whole[0]] + whole, [whole[0], whole[1], other, whole[2], whole[3]], changed,
      [whole[0], whole[3], whole[0]],
    ]
    for (index, payloads) in streams.enumerated() {
      var scene = Scene()
      scene.key()
      scene.send(payloads)
      scene.picture()
      scene.key()
      scene.rig.finish()
      #expect(scene.rig.faults.isEmpty)
      #expect(scene.rig.frames.last?.bytes == scene.sent.last)
      #expect(scene.rig.frames.allSatisfy { scene.sent.contains($0.bytes) || index == 1 && $0.packets == 4 }, "\(index)")
    }
  }

  /// A unit that never ends, and parameter sets without a picture, are given up at a bound.
  @Test func whatNeverEndsIsGivenUp() {
    var scene = Scene()
    scene.key()
    let fragment = [0x5c, 0x01] + [UInt8](repeating: 7, count: 60_000)
    scene.rig.send(scene.stream.packet([0x5c, 0x81, 7]), at: scene.time)
    for _ in 0..<100 { scene.rig.send(scene.stream.packet(fragment), at: scene.time) }
    #expect(scene.rig.receiver.keptBytes < 9 << 20 && (scene.rig.discards[.oversized] ?? 0) > 30)
    for _ in 0..<100 {
      scene.rig.send(scene.stream.packet([0x0c] + [UInt8](repeating: 7, count: 60_000), marker: true), at: scene.time)
      scene.stream.next()
    }
    #expect(scene.rig.receiver.keptBytes < 9 << 20)
    scene.key()
    scene.rig.finish()
    #expect(scene.rig.frames.last?.isKey == true && scene.rig.faults.isEmpty)
  }
}
