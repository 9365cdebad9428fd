import Codecs
import Foundation
import Ground

/// Coded media made by the ffmpeg command line: what an encoder would hand to the packager.
struct Media {
  var format: TrackFormat
  /// Times from zero; `track` is 0.
  var frames: [EncodedFrame]

  /// The same on another track and later (or earlier) on the timeline.
  func frames(track: Int, from start: MediaTime = .zero) -> [EncodedFrame] {
    frames.map { frame in
      var moved = frame
      moved.track = track
      moved.time = start + (frame.time - .zero)
      return moved
    }
  }

  /// A test picture at 30 frames a second, with key frames at these seconds and nowhere else.
  static func video(seconds: Double, keysAt keys: [Double], width: Int = 320, height: Int = 180) throws -> Media {
    let stream = try Tool.ffmpeg([
      "-f", "lavfi", "-i", "testsrc2=size=\(width)x\(height):rate=30:duration=\(seconds)", "-c:v", "libx264", "-profile:v", "baseline",
      "-preset", "ultrafast", "-bf", "0", "-g", "100000", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-threads", "1",
      "-force_key_frames", keys.map { String($0) }.joined(separator: ","), "-f", "h264", "-",
    ])
    var sps: [UInt8] = []
    var pps: [UInt8] = []
    var units: [(bytes: [UInt8], isKey: Bool)] = []
    for nal in annexB(stream) {
      switch nal[0] & 31 {
      case 7: sps = nal
      case 8: pps = nal
      case 1, 5:
        // The first bit of a slice header is 1 where the slice begins a picture (first_mb_in_slice is 0).
        if nal[1] & 0x80 != 0 { units.append(([], nal[0] & 31 == 5)) }
        units[units.count - 1].bytes.appendU32(UInt32(nal.count))
        units[units.count - 1].bytes += nal
      default: break
      }
    }
    var avcC: [UInt8] = [1, sps[1], sps[2], sps[3], 0xff, 0xe1]
    avcC.appendU16(UInt16(sps.count))
    avcC += sps + [1]
    avcC.appendU16(UInt16(pps.count))
    avcC += pps
    let frames = units.enumerated().map { n, unit in
      EncodedFrame(bytes: unit.bytes, track: 0, time: Media.time(Int64(n), per: 30), isKey: unit.isKey)
    }
    let size = PictureSize(width: width, height: height)
    return Media(format: TrackFormat(codec: .h264, size: size, configuration: avcC), frames: frames)
  }

  /// A tone in stereo as raw AAC frames.
  static func aac(seconds: Double) throws -> Media {
    let stream = try Tool.ffmpeg([
      "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=\(seconds)", "-ac", "2", "-c:a", "aac", "-b:a", "64k", "-f",
      "adts", "-",
    ])
    var frames: [EncodedFrame] = []
    var at = 0
    while at + 7 <= stream.count {
      // ADTS: syncword (12), …, frame length (13) in bytes 3 to 5; 7 bytes of header without a checksum.
      let length = Int(stream[at + 3] & 3) << 11 | Int(stream[at + 4]) << 3 | Int(stream[at + 5]) >> 5
      let time = Media.time(Int64(frames.count) * 1024, per: 48_000)
      let next = Media.time(Int64(frames.count + 1) * 1024, per: 48_000)
      frames.append(EncodedFrame(bytes: Array(stream[at + 7..<at + length]), track: 0, time: time, duration: next - time, isKey: true))
      at += length
    }
    // The encoder adds frames before and after: no sound beyond the end.
    frames.removeAll { $0.time + $0.duration > .seconds(seconds) }
    return Media(format: TrackFormat(codec: .aac, channels: 2, configuration: [0x11, 0x90]), frames: frames)
  }

  /// Silence as Opus packets of 20 ms.
  static func opus(seconds: Double) -> Media {
    let frames = (0..<Int64(seconds * 50)).map { n in
      EncodedFrame(
        bytes: [0xfc, 0xff, 0xfe], track: 0, time: MediaTime(nanoseconds: n * 20_000_000), duration: .milliseconds(20), isKey: true)
    }
    return Media(format: TrackFormat(codec: .opus, channels: 2), frames: frames)
  }

  static func time(_ count: Int64, per rate: Int64) -> MediaTime {
    MediaTime(nanoseconds: (count * 1_000_000_000 + rate / 2) / rate)
  }

  private static func annexB(_ stream: [UInt8]) -> [[UInt8]] {
    var starts: [(code: Int, payload: Int)] = []
    var i = 0
    while i + 3 <= stream.count {
      if stream[i] == 0, stream[i + 1] == 0, stream[i + 2] == 1 {
        starts.append((i > 0 && stream[i - 1] == 0 ? i - 1 : i, i + 3))
        i += 3
      } else {
        i += 1
      }
    }
    return starts.indices.map { n in
      Array(stream[starts[n].payload..<(n + 1 < starts.count ? starts[n + 1].code : stream.count)])
    }
  }
}

extension MediaTime {
  static func seconds(_ seconds: Double) -> MediaTime { MediaTime(nanoseconds: Int64((seconds * 1e9).rounded())) }

  /// The nearest tick of a clock.
  func ticks(_ rate: Int64) -> Int64 { Int64((Double(nanoseconds) / 1e9 * Double(rate)).rounded()) }
}
