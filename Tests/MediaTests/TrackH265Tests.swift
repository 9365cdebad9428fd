import Codecs
import Ground
import RTP
import Testing
import Track

/// H.265's access units from packets: what is whole, what can be decoded, and what is held back.
@Suite struct TrackH265Tests {
  private typealias S = H265Stream

  private struct Scene {
    var rig: TrackRig
    var stream = S()
    var time = 0.0
    var seed: UInt8 = 0
    /// What each picture is on tape, in the order in which they were sent.
    var sent: [[UInt8]] = []

    init(parameterSets: [[UInt8]] = [], hasOrderNumbers: Bool = false) {
      rig = TrackRig(.h265, parameterSets: parameterSets, hasOrderNumbers: hasOrderNumbers)
    }

    mutating func send(_ payloads: [[UInt8]], marked: Bool = true, without lost: Set<Int> = []) {
      for (index, payload) in payloads.enumerated() {
        let datagram = stream.packet(payload, marker: marked && index == payloads.count - 1)
        if !lost.contains(index) { rig.send(datagram, at: time) }
      }
      rig.advance(to: time)
      stream.next()
      time += 33
    }

    /// A picture in a packet; where it starts anew, its sets and itself in one aggregate.
    mutating func picture(_ type: UInt8 = 1, sets: [[UInt8]] = S.sets, without lost: Set<Int> = []) {
      seed &+= 1
      let unit = S.slice(type, seed: seed)
      let units = type >= 16 ? sets + [unit] : [unit]
      sent.append(H264Stream.onTape(units))
      send([units.count > 1 ? S.aggregate(units) : unit], without: lost)
    }
    mutating func pictures(_ count: Int) { for _ in 0..<count { picture() } }
    /// A packet that never comes, and its deadline.
    mutating func lose() {
      picture(without: [0])
    }

    /// The indices of the pictures that came out; what is none is -1.
    var given: [Int] { rig.frames.map { sent.firstIndex(of: $0.bytes) ?? -1 } }
  }

  @Test func aWholeStreamComesOutByteForByte() {
    var scene = Scene()
    scene.picture(19)
    scene.pictures(9)
    scene.picture(20)
    scene.pictures(9)
    scene.rig.finish()
    #expect(scene.given == Array(0..<20))
    #expect(scene.rig.frames.enumerated().filter(\.element.isKey).map(\.offset) == [0, 10])
    #expect(scene.rig.sizes == [PictureSize(width: 320, height: 240)])
    #expect(scene.rig.discards.isEmpty && scene.rig.gaps.isEmpty && scene.rig.faults.isEmpty && scene.rig.requests.isEmpty)
  }

  /// One unit of each kind, in every way of sending it, comes to the same.
  @Test func eachWayOfSendingComesToTheSame() {
    let units = [S.head(35) + [0x50]] + S.sets + [S.slice(19, count: 500)]
    let last = S.slice(19, isFirst: false, count: 300)
    let ways: [[[UInt8]]] = [
      units + [last], [S.aggregate(units + [last])], units.dropLast() + S.fragments(units[4], size: 100) + S.fragments(last, size: 7),
      [S.aggregate(Array(units.dropLast()))] + S.fragments(units[4], size: 499) + [last],
      (units.dropLast() + S.fragments(units[4], size: 100) + [S.aggregate([last])]).map(S.wrapped),
      // Layers above the lowest are left out.
      units + [S.head(1, layer: 40) + [0xff, 0xff], last],
    ]
    for way in ways {
      var scene = Scene()
      scene.send(way)
      scene.rig.finish()
      #expect(scene.rig.frames.map(\.bytes) == [H264Stream.onTape(units + [last])])
      #expect(scene.rig.frames.first?.packets == way.count && scene.rig.faults.isEmpty)
    }
  }

  @Test func orderNumbersAreTakenOut() {
    let slice = S.slice(19, count: 300)
    var scene = Scene(hasOrderNumbers: true)
    scene.send([S.aggregate(S.sets, number: 65_534)] + S.fragments(slice, size: 90, number: 1))
    let next = S.slice(1)
    scene.send([Array(next[..<2]) + [0, 2] + next[2...]])
    // Out of the order of decoding.
    scene.send([Array(next[..<2]) + [0xff, 0xf0] + next[2...]])
    scene.rig.finish()
    #expect(scene.rig.frames.map(\.bytes) == [H264Stream.onTape(S.sets + [slice]), H264Stream.onTape([next])])
    #expect(scene.rig.discards == [.malformedPayload: 1] && scene.rig.faults.isEmpty)
  }

  @Test func signalledSetsStandInFrontOfKeyFrames() {
    let slice = S.slice(19)
    var scene = Scene(parameterSets: S.sets)
    scene.send([slice])
    scene.rig.finish()
    #expect(scene.rig.frames.map(\.bytes) == [H264Stream.onTape(S.sets + [slice])])
    #expect(scene.rig.sizes == [PictureSize(width: 320, height: 240)])
    var without = Scene()
    without.send([slice])
    without.rig.finish()
    #expect(without.rig.frames.isEmpty && without.rig.discards == [.awaitingKeyFrame: 1])
  }

  @Test func nothingPassesAfterALossBeforeDecodingCanStart() {
    var scene = Scene()
    scene.picture(19)
    scene.pictures(3)
    scene.lose()
    scene.pictures(20)
    scene.picture(19)
    scene.pictures(3)
    scene.rig.finish()
    #expect(scene.given == [0, 1, 2, 3, 25, 26, 27, 28])
    #expect(scene.rig.discards == [.brokenReference: 20])
    #expect(!scene.rig.requests.isEmpty && scene.rig.faults.isEmpty)
  }

  /// Leading pictures of a start that is none of the stream's own refer to what is not on tape; without a loss they are like all others.
  @Test func leadingPicturesOfAnOpenStartAreLeftOut() {
    var scene = Scene()
    scene.picture(21)
    scene.picture(9)
    scene.picture(7)
    scene.pictures(2)
    scene.picture(21)
    scene.picture(9)
    scene.picture(16)
    scene.picture(8)
    scene.pictures(1)
    scene.rig.finish()
    #expect(scene.given == [0, 2, 3, 4, 5, 6, 7, 9])
    #expect(scene.rig.frames.filter(\.isKey).count == 3)
    #expect(scene.rig.discards == [.brokenReference: 2] && scene.rig.faults.isEmpty)
  }

  @Test func aKeyFrameWithoutItsSetsIsRefusedOnceAfterALoss() {
    var scene = Scene()
    scene.picture(19)
    scene.lose()
    scene.pictures(20)
    scene.picture(19, sets: [])
    scene.picture(19)
    scene.pictures(1)
    scene.rig.finish()
    #expect(scene.given == [0, 23, 24])
  }

  @Test func anotherSizeIsTold() {
    var scene = Scene()
    scene.picture(19)
    scene.picture(19, sets: [S.videoSet(), S.sequenceSet(width: 640, height: 368, cropped: (0, 8)), S.pictureSet()])
    scene.rig.finish()
    #expect(scene.rig.sizes == [PictureSize(width: 320, height: 240), PictureSize(width: 640, height: 360)])
  }
}
