import Codecs
import Foundation
import Ground
import JSON
import RTP
import Recording
import Synchronization
import Testing
import Track

/// Phones that say how they are held (3GPP TS 26.114 §7.4.5): what is on tape must play upright.
@Suite struct RotationTests {
  /// VP8 frames of a picture whose white quarter lies where the upright one has it at its top left, `rotation` degrees turned back.
  static func frames(_ rotation: Int, count: Int, keyEvery: Int = 15) throws -> [[UInt8]] {
    let corner = [0: "x=0:y=0", 90: "x=0:y=60", 180: "x=80:y=60", 270: "x=80:y=0"][rotation] ?? ""
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString + ".ivf")
    defer { try? FileManager.default.removeItem(at: file) }
    _ = try Tool.ffmpeg([
      "-f", "lavfi", "-i", "color=black:s=160x120:r=30,drawbox=\(corner):w=80:h=60:color=white:t=fill", "-frames:v", "\(count)", "-c:v",
      "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0", "-g", "\(keyEvery)", "-keyint_min", "\(keyEvery)", "-f",
      "ivf", file.path,
    ])
    let bytes = [UInt8](try Data(contentsOf: file))
    var out: [[UInt8]] = []
    var at = 32
    while at + 12 <= bytes.count {
      let length = (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
      out.append(Array(bytes[(at + 12)..<(at + 12 + length)]))
      at += 12 + length
    }
    return out
  }

  /// A sender that bears its orientation under id 4.
  struct Phone {
    var number: UInt16 = 100
    var picture: UInt16 = 1
    static var specification: TrackSpecification {
      TrackSpecification(participant: "ada", codec: .vp8, payloadType: PayloadType(96), ssrc: SSRC(77))
    }

    /// One frame in one packet; `rotation` nil: the packet does not say.
    mutating func packet(_ frame: [UInt8], index: Int, rotation: Int?) -> [UInt8] {
      var fields = RTPHeaderFields(
        payloadType: PayloadType(96), marker: true, sequenceNumber: SequenceNumber(number), timestamp: RTPTimestamp(UInt32(index) * 3000),
        ssrc: SSRC(77))
      if let rotation { fields.extensions = [(id: 4, value: [UInt8(rotation / 90)])] }
      number &+= 1
      picture = (picture + 1) & 0x7fff
      return fields.packet(payload: [0x90, 0x80, 0x80 | UInt8(picture >> 8), UInt8(picture & 255)] + frame)
    }
  }

  private func rig(extensions: Bool = true) throws -> Rig {
    let rig = Rig()
    var source = SourceSpecification(tracks: [Phone.specification])
    if extensions { source.extensions[.videoOrientation] = 4 }
    _ = rig.take.addSource(id: "s1", source)
    try rig.addLeg([Phone.specification])
    return rig
  }

  /// The roll that a file's header tells, in degrees counter-clockwise (RFC 9559 §5.1.4.1.28.46); nil without a projection.
  private func roll(_ bytes: [UInt8]) -> Float? {
    guard let at = bytes.indices.dropLast(7).first(where: { bytes[$0] == 0x76 && bytes[$0 + 1] == 0x75 && bytes[$0 + 2] == 0x84 }) else {
      return nil
    }
    return Float(bitPattern: bytes[at + 3..<at + 7].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
  }

  @Test(arguments: [(0, nil), (90, -90), (180, -180), (270, 90)] as [(Int, Float?)])
  func theHeaderSaysHowToTurn(rotation: Int, expected: Float?) throws {
    var phone = Phone()
    let rig = try rig()
    for (index, frame) in try RotationTests.frames(rotation, count: 45).enumerated() {
      // Told with key frames only, as senders may.
      let told = index % 15 == 0 ? rotation : nil
      rig.deliver(phone.packet(frame, index: index, rotation: told), at: Rig.at(Double(index) * 1000 / 30))
    }
    rig.run(seconds: 3)
    rig.stop()
    let bytes = try #require(rig.files.files["recording.webm"])
    #expect(roll(bytes) == expected)
    #expect(rig.frames(0).count == 45 && rig.opened.count == 1)
    #expect(rig.snapshot.tracks[0].rotation.rawValue == rotation)
    #expect(rig.snapshot.tracks[0].pictures.entries.map(\.rotation.rawValue) == [rotation])
    #expect(rig.events("track.rotated").count == (rotation == 0 ? 0 : 1))
    let folder = try ScratchFolder()
    let path = folder.path("a.webm")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    #expect(Tool.decode(path).isEmpty)
  }

  /// A phone that is turned on the way: the next part begins with a key frame, on the same timeline, and says the other rotation.
  @Test func aTurnBeginsTheNextPart() throws {
    var phone = Phone()
    let rig = try rig()
    let before = try RotationTests.frames(90, count: 45)
    let after = try RotationTests.frames(0, count: 60, keyEvery: 20)
    for index in 0..<105 {
      // The turn comes between two key frames: what comes before the next one still goes into the first part.
      let isTurned = index >= 45
      let frame = isTurned ? after[index - 45] : before[index]
      rig.deliver(phone.packet(frame, index: index, rotation: isTurned ? 0 : 90), at: Rig.at(Double(index) * 1000 / 30))
    }
    rig.run(seconds: 5)
    rig.stop()
    #expect(rig.opened.count == 2 && rig.frames(0).count == 105)
    let files = rig.accounts.state.withLock { $0.files }
    #expect(files.map(\.path) == ["recording.webm", "recording.part2.webm"])
    #expect(roll(try #require(rig.files.files["recording.webm"])) == -90)
    #expect(roll(try #require(rig.files.files["recording.part2.webm"])) == nil)
    let second = rig.written.filter { $0.part == 2 }
    #expect(second.first?.frame.isKey == true && second.count == 60)
    #expect(rig.snapshot.tracks[0].pictures.entries.map(\.rotation.rawValue) == [90, 0])
    #expect(rig.counters().packetsDiscarded == 0)
  }

  /// A turn in the middle of a group of pictures: a key frame is asked for, and the part begins there.
  @Test func aTurnWithoutAKeyFrameAsksForOne() throws {
    var phone = Phone()
    let rig = try rig()
    let pictures = try RotationTests.frames(0, count: 90, keyEvery: 30)
    for (index, frame) in pictures.enumerated() {
      rig.deliver(phone.packet(frame, index: index, rotation: index < 40 ? 0 : 180), at: Rig.at(Double(index) * 1000 / 30))
    }
    rig.run(seconds: 4)
    rig.stop()
    #expect(rig.written.filter { $0.part == 1 }.count == 60 && rig.written.filter { $0.part == 2 }.count == 30)
    let asked = rig.requests(of: 77).map { ($0 - Rig.start).milliseconds }
    #expect(asked.contains { $0 > 1_300 && $0 < 2_000 }, "\(asked)")
  }

  /// Without the extension's id its bytes say nothing.
  @Test func nothingIsReadThatWasNotAgreedOn() throws {
    var phone = Phone()
    let rig = try rig(extensions: false)
    for (index, frame) in try RotationTests.frames(90, count: 15).enumerated() {
      rig.deliver(phone.packet(frame, index: index, rotation: 90), at: Rig.at(Double(index) * 1000 / 30))
    }
    rig.run(seconds: 2)
    rig.stop()
    #expect(rig.snapshot.tracks[0].rotation == .none && rig.frames(0).count == 15)
    let bytes = try #require(rig.files.files["recording.webm"])
    #expect(!bytes.contains([0x76, 0x70]))
  }
}

/// A size that changes on the way.
@Suite struct ResizeTests {
  @Test func theLargestSizeIsDeclaredAndEachChangeIndexed() throws {
    var video = Sender.video()
    let rig = try Rig([video.specification])
    let sizes = [PictureSize(width: 320, height: 180), PictureSize(width: 1280, height: 720), PictureSize(width: 640, height: 360)]
    for index in 0..<90 {
      let time = Double(index) * 1000 / 30
      for packet in video.picture(time, isKey: index % 30 == 0, size: sizes[index / 30]) { rig.deliver(packet, at: Rig.at(time)) }
    }
    rig.run(seconds: 4)
    rig.stop()
    let folder = try ScratchFolder()
    let path = folder.path("a.webm")
    try Data(try #require(rig.files.files["recording.webm"])).write(to: URL(fileURLWithPath: path))
    let told = try Tool.run(
      "ffprobe", ["-v", "quiet", "-show_entries", "stream=width,height", "-of", "csv=p=0", path]
    ).output
    #expect(String(decoding: told, as: UTF8.self).hasPrefix("1280,720"))
    #expect(rig.snapshot.tracks[0].pictures.entries.map(\.size) == sizes)
    #expect(rig.snapshot.tracks[0].pictures.entries.map(\.start.milliseconds) == [0, 1000, 2000])
    var manifest = Manifest(
      id: "r", specification: RecordingSpecification(room: "r", source: SourceSpecification(tracks: [])), createdAt: Rig.wall)
    manifest.sources = [SourceDescription(id: "s1", ports: [], specification: SourceSpecification(tracks: []))]
    manifest.snapshot = rig.snapshot
    let track = manifest.json(withSecrets: false)["sources"]?.arrayValue?.first?["tracks"]?.arrayValue?.first
    #expect(track?["pictures"]?.arrayValue?.map { $0["width"]?.integerValue } == [320, 1280, 640])
    #expect(track?["pictures"]?.arrayValue?.last?["startSeconds"]?.doubleValue == 2)
  }
}
