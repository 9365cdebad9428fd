import Codecs
import Foundation
import Ground

/// Reads what was put out with ffmpeg's decoders.
enum Judge {
  /// The access units of one format as an Annex B stream, parameter sets from avcC.
  static func annexB(_ format: TrackFormat, _ frames: [EncodedFrame]) -> [UInt8] {
    let start: [UInt8] = [0, 0, 0, 1]
    let record = format.configuration
    var stream: [UInt8] = []
    var at = 6
    let sequenceSets = Int(record[5] & 0x1f)
    for index in 0..<(sequenceSets + 1) {
      // After the sequence parameter sets, a count, and the picture parameter sets: the encoder makes one of each.
      if index == sequenceSets { at += 1 }
      let length = Int(record[at]) << 8 | Int(record[at + 1])
      stream += start + record[(at + 2)..<(at + 2 + length)]
      at += 2 + length
    }
    for frame in frames {
      var at = 0
      while at + 4 <= frame.bytes.count {
        let length = frame.bytes[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) }
        stream += start + frame.bytes[(at + 4)..<(at + 4 + length)]
        at += 4 + length
      }
    }
    return stream
  }

  /// The luma of each frame, scaled to `width` x `height`; throws on any error in the stream.
  static func luma(_ format: TrackFormat, _ frames: [EncodedFrame], _ width: Int, _ height: Int) throws -> [[UInt8]] {
    let pixels = try FFmpeg.run(
      [
        "-xerror", "-err_detect", "explode", "-f", "h264", "-i", "{in}", "-vf", "scale=\(width):\(height):flags=area", "-fps_mode",
        "passthrough",
        "-pix_fmt", "gray", "-color_range", "tv", "-f", "rawvideo", "{out}",
      ], input: annexB(format, frames))
    return stride(from: 0, to: pixels.count, by: width * height).map { Array(pixels[$0..<($0 + width * height)]) }
  }

  /// AAC frames in ADTS (ISO/IEC 14496-3 §1.A.2).
  static func adts(_ frames: [EncodedFrame], channels: Int) -> [UInt8] {
    var stream: [UInt8] = []
    for frame in frames {
      let length = frame.bytes.count + 7
      // AAC-LC, 48 kHz (index 3).
      stream += [
        0xff, 0xf1, 0x4c | UInt8(channels >> 2), UInt8(channels & 3) << 6 | UInt8(length >> 11), UInt8(length >> 3 & 0xff),
        UInt8(length & 7) << 5 | 0x1f, 0xfc,
      ]
      stream += frame.bytes
    }
    return stream
  }

  /// The first channel of the decoded frames; sample 0 lies at the first frame's time. Throws on any error in the stream.
  static func sound(_ frames: [EncodedFrame], channels: Int) throws -> [Float] {
    let bytes = try FFmpeg.run(
      ["-xerror", "-err_detect", "explode", "-f", "aac", "-i", "{in}", "-f", "f32le", "{out}"], input: adts(frames, channels: channels))
    return floats(bytes, channels: channels)
  }

  /// The first channel of `packets` as ffmpeg's libopus decodes them, without gaps; sample 0 is the first packet's 313th.
  static func floats(_ bytes: [UInt8], channels: Int) -> [Float] {
    stride(from: 0, to: bytes.count - 4 * channels + 1, by: 4 * channels).map { at in
      Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) })
    }
  }

  /// Where sound begins after silence: the first samples louder than `level` after at least 20 ms that are not.
  static func onsets(_ sound: [Float], level: Float = 0.05) -> [Int] {
    var onsets: [Int] = []
    var quiet = 960
    for (index, sample) in sound.enumerated() {
      if abs(sample) > level {
        if quiet >= 960 { onsets.append(index) }
        quiet = 0
      } else {
        quiet += 1
      }
    }
    return onsets
  }

  /// The largest step from one sample to the next in `range`.
  static func largestStep(_ sound: [Float], in range: Range<Int>) -> Float {
    range.dropFirst().reduce(0) { max($0, abs(sound[$1] - sound[$1 - 1])) }
  }
}
