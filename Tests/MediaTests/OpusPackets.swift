import COpus
import Codecs
import Ground

/// Opus packets of any form, and libopus as the judge of what is one.
enum OpusPackets {
  /// RFC 6716 §3.1, table 2: 48 kHz samples by configuration number.
  static let samples: [Int] = {
    let silk = [480, 960, 1920, 2880]
    let hybrid = [480, 960]
    let celt = [120, 240, 480, 960]
    return silk + silk + silk + hybrid + hybrid + celt + celt + celt + celt
  }()

  static func toc(_ configuration: Int, _ code: Int, stereo: Bool = false) -> UInt8 {
    UInt8(configuration << 3 | (stereo ? 4 : 0) | code)
  }

  /// A code 3 packet of frames of these sizes, equal ones where it is not VBR.
  static func many(
    _ configuration: Int, frames: [Int], isVBR: Bool, padding: Int? = nil, stereo: Bool = false
  ) -> [UInt8] {
    var bytes = [toc(configuration, 3, stereo: stereo), UInt8(frames.count) | (isVBR ? 0x80 : 0) | (padding == nil ? 0 : 0x40)]
    if let padding { bytes += [UInt8](repeating: 255, count: padding / 254) + [UInt8(padding % 254)] }
    if isVBR { for size in frames.dropLast() { bytes += length(size) } }
    for size in frames { bytes += [UInt8](repeating: 0xa5, count: size) }
    return bytes + [UInt8](repeating: 0, count: padding ?? 0)
  }

  /// RFC 6716 §3.2.1.
  static func length(_ size: Int) -> [UInt8] {
    size < 252 ? [UInt8(size)] : [UInt8(252 + size % 4), UInt8((size - 252 - size % 4) / 4)]
  }

  /// What libopus finds in a packet; nil where it refuses it.
  struct Judgement: Equatable {
    var frameCount: Int
    var samplesPerFrame: Int
    var isStereo: Bool
  }

  static func judge(_ bytes: [UInt8]) -> Judgement? {
    guard !bytes.isEmpty else { return nil }
    var sizes = [Int16](repeating: 0, count: 48)
    let count = unsafe opus_packet_parse(bytes, Int32(bytes.count), nil, nil, &sizes, nil)
    guard count > 0 else { return nil }
    let frame = unsafe opus_packet_get_samples_per_frame(bytes, 48_000)
    let channels = unsafe opus_packet_get_nb_channels(bytes)
    return Judgement(frameCount: Int(count), samplesPerFrame: Int(frame), isStereo: channels == 2)
  }
}
