import COpus

/// Owns libopus' decoder at 48 kHz.
@safe struct OpusDecoder: ~Copyable {
  /// The longest packet: 120 ms (RFC 6716 §3.2.5).
  static let maximumSamples = 5760
  /// PLC and FEC come in multiples of 2.5 ms.
  static let granuleSamples = 120

  let channels: Int
  private let handle: OpaquePointer

  /// `channels`: 1 or 2; packets of the other kind are mixed or doubled. Throws `cannotOpen`.
  init(channels: Int) throws(TranscodeError) {
    var code: Int32 = 0
    let handle = unsafe opus_decoder_create(48_000, Int32(channels), &code)
    guard let handle = unsafe handle, code == OPUS_OK else { throw .cannotOpen(.opusDecoder, code: code) }
    self.channels = channels
    unsafe self.handle = handle
  }

  /// Decodes one packet into `pcm`, interleaved, which it replaces. `samples`: how many the packet declares. Throws `undecodable`.
  mutating func decode(_ packet: [UInt8], samples: Int, into pcm: inout [Float]) throws(TranscodeError) {
    try run(packet, samples: samples, recovering: false, into: &pcm)
  }

  /// Makes up `granules` times 2.5 ms (at most 120 ms) of sound lost before `next`: from the redundancy that `next` carries where it does, by
  /// continuing what was decoded before otherwise. To be called before `next` is decoded. Throws `undecodable`.
  mutating func conceal(granules: Int, before next: [UInt8], into pcm: inout [Float]) throws(TranscodeError) {
    try run(next, samples: granules * Self.granuleSamples, recovering: true, into: &pcm)
  }

  private func run(_ packet: [UInt8], samples: Int, recovering: Bool, into pcm: inout [Float]) throws(TranscodeError) {
    // An empty packet would tell libopus that one was lost.
    guard !packet.isEmpty, (1...Self.maximumSamples).contains(samples) else {
      throw .undecodable(.opusDecoder, code: OPUS_INVALID_PACKET)
    }
    let channels = channels
    if pcm.count < samples * channels { pcm.append(contentsOf: repeatElement(0, count: samples * channels - pcm.count)) }
    let count: Int32 = unsafe packet.withUnsafeBufferPointer { bytes in
      unsafe pcm.withUnsafeMutableBufferPointer { pcm -> Int32 in
        guard let output = pcm.baseAddress else { return OPUS_ALLOC_FAIL }
        return unsafe opus_decode_float(
          handle, bytes.baseAddress, Int32(clamping: bytes.count), output, Int32(samples), recovering ? 1 : 0)
      }
    }
    guard count > 0 else {
      pcm.removeAll(keepingCapacity: true)
      throw .undecodable(.opusDecoder, code: count)
    }
    pcm.removeLast(pcm.count - Int(count) * channels)
  }

  deinit { unsafe opus_decoder_destroy(handle) }
}
