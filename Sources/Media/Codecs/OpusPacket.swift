package import Ground

/// What an Opus packet's table of contents says (RFC 6716 §3.1).
package struct OpusPacket: Sendable, Equatable {
  /// Frames in the packet: 1 to 48.
  package var frameCount: Int
  /// 48 kHz samples in one frame: 120 to 2880.
  package var samplesPerFrame: Int
  package var isStereo: Bool

  /// 48 kHz samples in the packet: at most 5760, which is 120 ms.
  package var samples: Int { frameCount * samplesPerFrame }
  package var duration: TimeSpan { ClockRate(48_000).span(ofTicks: Int64(samples)) }

  /// Reads the first byte, and the second where it counts frames. Throws on an empty packet and on what RFC 6716 §3.4 forbids of counts.
  package init(parsing payload: Span<UInt8>) throws(WireError) {
    guard payload.count >= 1 else { throw .truncated(needed: 1, have: 0) }
    let toc = payload[0]
    let configuration = Int(toc >> 3)
    switch configuration {
    case 0..<12:  // SILK only: 10, 20, 40, 60 ms
      samplesPerFrame = [480, 960, 1920, 2880][configuration & 3]
    case 12..<16:  // hybrid: 10, 20 ms
      samplesPerFrame = configuration & 1 == 0 ? 480 : 960
    default:  // CELT only: 2.5, 5, 10, 20 ms
      samplesPerFrame = 120 << (configuration & 3)
    }
    isStereo = toc & 4 != 0
    switch toc & 3 {
    case 0: frameCount = 1
    case 1:
      frameCount = 2
      // Two frames of equal size share the rest, so it must be even (RFC 6716 §3.2.3).
      guard (payload.count - 1) & 1 == 0 else { throw .badLength }
    case 2:
      frameCount = 2
      guard payload.count >= 2 else { throw .truncated(needed: 2, have: payload.count) }
    default:
      guard payload.count >= 2 else { throw .truncated(needed: 2, have: payload.count) }
      frameCount = Int(payload[1] & 0x3f)
      guard frameCount > 0 else { throw .badValue }
    }
    guard samples <= 5760 else { throw .badValue }
  }
}
