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

  /// Whether a packet is of frames without a byte, as those are that `concealing` makes.
  package static func isWithoutSound(_ packet: [UInt8]) -> Bool {
    packet.count == 1 || (packet.count == 2 && packet[0] & 3 == 3 && packet[1] & 0xc0 == 0)
  }

  /// The most bytes that one frame can have (RFC 6716 §3.2.1).
  private static let maximumFrameBytes = 1275

  /// Reads the table of contents and walks the frame lengths, so that what passes is a packet that every decoder takes apart. Throws on an
  /// empty packet and on whatever RFC 6716 §3.4 forbids.
  package init(parsing payload: Span<UInt8>) throws(WireError) {
    var at = 0
    try self.init(payload, at: &at, isDelimited: false)
  }

  /// The same of the packet that begins at `at`, and leaves `at` behind it. One that `isDelimited` tells its last frame's length too, which
  /// otherwise is all that is left (RFC 6716 appendix B).
  init(_ payload: Span<UInt8>, at: inout Int, isDelimited: Bool) throws(WireError) {
    let end = payload.count
    guard at < end else { throw .truncated(needed: at + 1, have: end - at) }
    let toc = payload[at]
    at += 1
    samplesPerFrame = OpusPacket.samplesPerFrame(Int(toc >> 3))
    isStereo = toc & 4 != 0
    switch toc & 3 {
    case 0:
      frameCount = 1
      let length = isDelimited ? try OpusPacket.frameLength(in: payload, at: &at, end: end) : end - at
      try OpusPacket.take(1, of: length, at: &at, end: end)
    case 1:  // Two frames of equal size share the rest, so it is even (R3).
      frameCount = 2
      guard isDelimited || (end - at) & 1 == 0 else { throw .badLength }
      let length = isDelimited ? try OpusPacket.frameLength(in: payload, at: &at, end: end) : (end - at) / 2
      try OpusPacket.take(2, of: length, at: &at, end: end)
    case 2:  // Two frames; the first one's length is told (R4).
      frameCount = 2
      let first = try OpusPacket.frameLength(in: payload, at: &at, end: end)
      let last = isDelimited ? try OpusPacket.frameLength(in: payload, at: &at, end: end) : end - at - first
      try OpusPacket.take(1, of: first, at: &at, end: end)
      try OpusPacket.take(1, of: last, at: &at, end: end)
    default:
      guard at < end else { throw .truncated(needed: at + 1, have: end) }
      let flags = payload[at]
      at += 1
      frameCount = Int(flags & 0x3f)
      guard frameCount > 0, frameCount * samplesPerFrame <= 5760 else { throw .badValue }
      try OpusPacket.takeFrames(frameCount, flags, of: payload, at: &at, isDelimited: isDelimited)
    }
  }

  /// 48 kHz samples in a frame of a packet that begins with `toc`.
  static func samplesPerFrame(of toc: UInt8) -> Int { samplesPerFrame(Int(toc >> 3)) }

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

  /// Any number of frames, before padding: of equal size, or each with its length but the last (R5, R6, R7).
  private static func takeFrames(
    _ count: Int, _ flags: UInt8, of payload: Span<UInt8>, at: inout Int, isDelimited: Bool
  ) throws(WireError) {
    var padding = 0
    if flags & 0x40 != 0 {
      var length: UInt8
      repeat {
        guard at < payload.count else { throw .truncated(needed: at + 1, have: payload.count) }
        length = payload[at]
        at += 1
        // 255 stands for 254 and another length byte.
        padding += Int(length == 255 ? 254 : length)
      } while length == 255
    }
    let end = payload.count - padding
    guard at <= end else { throw .badLength }
    if flags & 0x80 == 0 {
      guard isDelimited || (end - at) % count == 0 else { throw .badLength }
      let length = isDelimited ? try frameLength(in: payload, at: &at, end: end) : (end - at) / count
      try take(count, of: length, at: &at, end: end)
    } else {
      var told = 0
      for _ in 1..<count { told += try frameLength(in: payload, at: &at, end: end) }
      let last = isDelimited ? try frameLength(in: payload, at: &at, end: end) : end - at - told
      guard last <= maximumFrameBytes, told + last <= end - at, last >= 0 else { throw .badLength }
      at += told + last
    }
    at += padding
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

  /// Goes past frames of so many bytes each.
  private static func take(_ count: Int, of frameBytes: Int, at: inout Int, end: Int) throws(WireError) {
    guard (0...maximumFrameBytes).contains(frameBytes), count * frameBytes <= end - at else { throw .badLength }
    at += count * frameBytes
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
  package func write(to bytes: inout [UInt8]) { write(toc: toc, isDelimited: false, to: &bytes) }

  /// Adds such a packet of so many streams, whose packets began with `contents`. All last as long: where a stream's frames were of another
  /// length than the first one's, its frames here are like the first one's.
  package func write(contents: SIMD8<UInt8>, streams: Int, to bytes: inout [UInt8]) {
    for index in 0..<streams {
      let other = contents[index]
      let own = OpusPacket.samplesPerFrame(of: other) == OpusPacket.samplesPerFrame(of: toc) ? other & 0xfc : toc
      write(toc: own, isDelimited: index < streams - 1, to: &bytes)
    }
  }

  private func write(toc: UInt8, isDelimited: Bool, to bytes: inout [UInt8]) {
    if frameCount == 1 {
      bytes.append(toc)
    } else {
      bytes.append(toc | 3)
      bytes.append(frameCount)
    }
    // The length of each frame (RFC 6716 appendix B).
    if isDelimited { bytes.append(0) }
  }
}
