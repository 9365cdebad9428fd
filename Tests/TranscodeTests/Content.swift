import Codecs
import Foundation
import Ground

/// Real VP8 and Opus, made by ffmpeg's libvpx and libopus.
enum Content {
  /// VP8 frames of ffmpeg's moving test pattern, at `rate` frames a second from time zero; one key frame unless `keyEvery` asks for more.
  static func video(
    _ width: Int, _ height: Int, rate: Int = 30, seconds: Double, keyEvery: Int = 9999, pattern: String = "testsrc2"
  ) throws -> [EncodedFrame] {
    let file = try FFmpeg.run([
      "-f", "lavfi", "-i", "\(pattern)=size=\(width)x\(height):rate=\(rate)", "-t", "\(seconds)", "-c:v", "libvpx", "-deadline", "realtime",
      "-cpu-used", "8", "-b:v", "1500k", "-auto-alt-ref", "0", "-lag-in-frames", "0", "-g", "\(keyEvery)", "-keyint_min", "\(keyEvery)",
      "-pix_fmt", "yuv420p", "-threads", "1", "-f", "ivf", "{out}",
    ])
    return frames(ofIVF: file, rate: rate)
  }

  /// The frames of an IVF file as track 1, at `rate` frames a second.
  static func frames(ofIVF file: [UInt8], rate: Int) -> [EncodedFrame] {
    ivf(file).enumerated().map { index, bytes in
      let header = try? VP8FrameHeader(parsing: bytes.span)
      return EncodedFrame(
        bytes: bytes, track: 1, time: MediaTime(nanoseconds: Int64(index) * 1_000_000_000 / Int64(rate)), isKey: header?.isKey == true,
        size: header?.size)
    }
  }

  /// Opus packets of the sound that `expression` (ffmpeg's aevalsrc) describes, one after the other from time zero.
  static func audio(
    _ expression: String, seconds: Double, channels: Int = 1, packetMilliseconds: Int = 20, bitRate: String = "96k",
    options: [String] = ["-vbr", "off", "-application", "audio"]
  ) throws -> [EncodedFrame] {
    let expressions = [String](repeating: expression, count: channels).joined(separator: "|")
    let file = try FFmpeg.run(
      ["-f", "lavfi", "-i", "aevalsrc=\(expressions):s=48000:d=\(seconds)", "-c:a", "libopus", "-b:a", bitRate] + options
        + ["-frame_duration", "\(packetMilliseconds)", "-f", "ogg", "{out}"])
    let duration = TimeSpan.milliseconds(Int64(packetMilliseconds))
    return ogg(file).dropFirst(2).enumerated().map { index, bytes in
      EncodedFrame(bytes: bytes, track: 0, time: .zero + duration * Int64(index), duration: duration, isKey: true)
    }
  }

  /// The frames of an IVF file: a header of 32 bytes, then 12 bytes before each frame.
  private static func ivf(_ file: [UInt8]) -> [[UInt8]] {
    var frames: [[UInt8]] = []
    var at = 32
    while at + 12 <= file.count {
      let length = (0..<4).reduce(0) { $0 | Int(file[at + $1]) << (8 * $1) }
      frames.append(Array(file[(at + 12)..<(at + 12 + length)]))
      at += 12 + length
    }
    return frames
  }

  /// The packets of an Ogg file with one stream (RFC 3533 §6).
  private static func ogg(_ file: [UInt8]) -> [[UInt8]] {
    var packets: [[UInt8]] = []
    var packet: [UInt8] = []
    var at = 0
    while at + 27 <= file.count {
      let segments = Int(file[at + 26])
      let lacing = file[(at + 27)..<(at + 27 + segments)]
      at += 27 + segments
      for length in lacing {
        packet += file[at..<(at + Int(length))]
        at += Int(length)
        if length < 255 {
          packets.append(packet)
          packet = []
        }
      }
    }
    return packets
  }
}

extension EncodedFrame {
  /// The frame at another time.
  func moved(to time: MediaTime) -> EncodedFrame {
    var frame = self
    frame.time = time
    return frame
  }
  func moved(by span: TimeSpan) -> EncodedFrame { moved(to: time + span) }
}

extension MediaTime {
  static func milliseconds(_ count: Int64) -> MediaTime { MediaTime(nanoseconds: count * 1_000_000) }
  static func seconds(_ count: Int64) -> MediaTime { .milliseconds(count * 1000) }
}
