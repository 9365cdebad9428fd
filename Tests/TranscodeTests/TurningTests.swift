import Codecs
import Ground
import Testing
import Transcode

/// Pictures that are turned upright, and pictures on a canvas.
@Suite struct TurningTests {
  /// Brightness over a grid of a picture that is turned clockwise by so many quarters.
  private func turned(_ grid: [UInt8], _ side: Int, quarters: Int) -> [UInt8] {
    var out = grid
    for _ in 0..<quarters {
      let old = out
      for row in 0..<side { for column in 0..<side { out[row * side + column] = old[(side - 1 - column) * side + row] } }
    }
    return out
  }

  @Test(arguments: [PictureRotation.quarter, .half, .threeQuarters])
  func picturesAreTurnedUpright(rotation: PictureRotation) throws {
    // Odd in both directions, and larger than what the preset lets through.
    for (width, height, target) in [(321, 181, nil), (1280, 720, 480)] as [(Int, Int, Int?)] {
      let frames = try Content.video(width, height, seconds: 1)
      var settings = TranscodeSettings()
      if target != nil { settings.video = .low }
      let straight = try transcodeVideo(frames, settings)
      let run = try transcodeVideo(
        frames.map { frame in
          var frame = frame
          frame.rotation = rotation
          return frame
        }, settings)
      #expect(run.parts.count == 1 && run.isBalanced)
      let size = try #require(run.parts[0].format.size)
      #expect((size.width > size.height) == (rotation == .half))
      if let target { #expect(min(size.width, size.height) == target) }
      let side = 12
      let mine = try Judge.luma(run.parts[0].format, run.frames, side, side)
      let theirs = try Judge.luma(straight.parts[0].format, straight.frames, side, side)
      #expect(mine.count == theirs.count)
      for (a, b) in zip(mine, theirs) {
        let expected = turned(b, side, quarters: rotation.rawValue / 90)
        let difference = zip(a, expected).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        #expect(difference < side * side * 6, "\(rotation) \(width): \(difference)")
      }
    }
  }

  /// A ramp of sizes, and a phone held upright: one format, no break, the picture in the middle and black beside it.
  @Test func aCanvasKeepsItsSize() throws {
    var settings = TranscodeSettings()
    settings.canvas = PictureSize(width: 640, height: 360)
    var frames: [EncodedFrame] = []
    for (index, size) in [(320, 180), (1280, 720), (180, 320), (640, 360)].enumerated() {
      let part = try Content.video(size.0, size.1, seconds: 1, pattern: "testsrc2")
      frames += part.map { $0.moved(by: .milliseconds(Int64(index) * 1000)) }
    }
    let run = try transcodeVideo(frames, settings)
    #expect(run.parts.count == 1 && run.isRising && run.isBalanced)
    #expect(run.parts[0].format.size == settings.canvas)
    let looks = try Judge.luma(run.parts[0].format, run.frames, 16, 9)
    let portrait = looks[75]
    // 202 of 640 columns in the middle are the picture: columns 0 to 4 and 11 to 15 of 16 are black.
    for row in 0..<9 { for column in [0, 1, 2, 3, 12, 13, 14, 15] { #expect(portrait[row * 16 + column] < 24) } }
    #expect(portrait.max() ?? 0 > 60)
    for index in [15, 45, 105] { #expect(looks[index].filter { $0 < 20 }.count < 60) }
  }
}
