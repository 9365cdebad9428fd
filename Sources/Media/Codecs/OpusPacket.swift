package import Ground

/// What an Opus packet's table of contents says (RFC 6716 §3.1).
///
///     |0 1 2 3 4|5|6 7|
///     | config  |s| c |
package struct OpusPacket: Sendable, Equatable {
  /// Frames in the packet: 1 to 48.
  package var frameCount: Int
  /// 48 kHz samples in one frame: 120 to 2880.
  package var samplesPerFrame: Int
  /// Whether it was coded as stereo; a decoder makes either of either.
  package var isStereo: Bool

  /// 48 kHz samples in the packet: at most 5760, which is 120 ms.
  package var samples: Int { frameCount * samplesPerFrame }
  /// How long the packet sounds.
  package var duration: TimeSpan { ClockRate(48_000).span(ofTicks: Int64(samples)) }

  /// Packets without coded frames, at which a decoder conceals (RFC 7845 §4.1), for as many samples as come nearest to `samples`, in the
  /// manner of the packet before them: its table of contents is `toc`. Calls `body` with each, in order, and where it begins. A stretch
  /// of less than three quarters of a frame has none.
  package static func concealing(
    samples: Int64, after toc: UInt8, _ body: (_ packet: OpusConcealment, _ start: Int64) -> Void
  ) {
    let perFrame = Int64(samplesPerFrame(Int(toc >> 3)))
    var left = (samples + perFrame / 4) / perFrame
    let most = 5760 / perFrame
    var start: Int64 = 0
    while left > 0 {
      let count = min(left, most)
      body(OpusConcealment(toc: toc & 0xfc, frameCount: UInt8(count), samples: count * perFrame), start)
      start += count * perFrame
      left -= count
    }
  }

  /// The most bytes that one frame can have (RFC 6716 §3.2.1).
  private static let maximumFrameBytes = 1275

  /// Reads the table of contents and walks the frame lengths, so that what passes is a packet that every decoder takes apart. Throws on an
  /// empty packet and on whatever RFC 6716 §3.4 forbids.
  package init(parsing payload: Span<UInt8>) throws(WireError) {
    guard payload.count >= 1 else { throw .truncated(needed: 1, have: 0) }
    let toc = payload[0]
    let configuration = Int(toc >> 3)
    samplesPerFrame = OpusPacket.samplesPerFrame(configuration)
    isStereo = toc & 4 != 0
    switch toc & 3 {
    case 0:
      frameCount = 1
      try OpusPacket.check(payload.count - 1)
    case 1:  // Two frames of equal size share the rest, so it is even (R3).
      frameCount = 2
      guard (payload.count - 1) & 1 == 0 else { throw .badLength }
      try OpusPacket.check((payload.count - 1) / 2)
    case 2:  // Two frames; the first one's length is told (R4).
      frameCount = 2
      var at = 1
      let first = try OpusPacket.frameLength(in: payload, at: &at, end: payload.count)
      guard first <= payload.count - at else { throw .badLength }
      try OpusPacket.check(payload.count - at - first)
    default:
      guard payload.count >= 2 else { throw .truncated(needed: 2, have: payload.count) }
      frameCount = Int(payload[1] & 0x3f)
      guard frameCount > 0, frameCount * samplesPerFrame <= 5760 else { throw .badValue }
      try OpusPacket.checkFrames(of: payload, count: frameCount)
    }
  }

  private static func samplesPerFrame(_ configuration: Int) -> Int {
    switch configuration {
    // SILK only: 10, 20, 40, 60 ms.
    case 0..<12: configuration & 3 < 3 ? 480 << (configuration & 3) : 2880
    // Hybrid: 10, 20 ms.
    case 12..<16: configuration & 1 == 0 ? 480 : 960
    // CELT only: 2.5, 5, 10, 20 ms.
    default: 120 << (configuration & 3)
    }
  }

  /// Any number of frames, after padding: of equal size, or each with its length but the last (R5, R6, R7).
  private static func checkFrames(of payload: Span<UInt8>, count: Int) throws(WireError) {
    var at = 2
    var end = payload.count
    if payload[1] & 0x40 != 0 {
      var length: UInt8
      repeat {
        guard at < end else { throw .truncated(needed: at + 1, have: end) }
        length = payload[at]
        at += 1
        // 255 stands for 254 and another length byte.
        end -= Int(length == 255 ? 254 : length)
      } while length == 255
      guard at <= end else { throw .badLength }
    }
    if payload[1] & 0x80 == 0 {
      guard (end - at) % count == 0 else { throw .badLength }
      return try check((end - at) / count)
    }
    var told = 0
    for _ in 1..<count { told += try frameLength(in: payload, at: &at, end: end) }
    guard told <= end - at else { throw .badLength }
    try check(end - at - told)
  }

  /// A frame length of one or two bytes (RFC 6716 §3.2.1); it cannot exceed what a frame may have.
  private static func frameLength(in payload: Span<UInt8>, at: inout Int, end: Int) throws(WireError) -> Int {
    guard at < end else { throw .truncated(needed: at + 1, have: end) }
    let first = Int(payload[at])
    at += 1
    guard first >= 252 else { return first }
    guard at < end else { throw .truncated(needed: at + 1, have: end) }
    defer { at += 1 }
    return Int(payload[at]) * 4 + first
  }

  private static func check(_ frameBytes: Int) throws(WireError) {
    guard frameBytes <= maximumFrameBytes else { throw .badLength }
  }
}

/// An Opus packet of frames without a byte.
package struct OpusConcealment: Sendable {
  let toc: UInt8
  let frameCount: UInt8
  /// 48 kHz samples in the packet.
  package let samples: Int64

  package var duration: TimeSpan { ClockRate(48_000).span(ofTicks: samples) }

  /// Adds the packet's bytes to `bytes`: one frame by itself, or several of equal size (RFC 6716 §3.2.2, §3.2.5).
  package func write(to bytes: inout [UInt8]) {
    if frameCount == 1 {
      bytes.append(toc)
    } else {
      bytes.append(toc | 3)
      bytes.append(frameCount)
    }
  }
}
