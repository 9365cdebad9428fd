/// Why a decoder or an encoder could not be opened or taken further.
package enum TranscodeError: Error, Hashable, Sendable {
  /// The part that failed.
  package enum Part: String, Hashable, Sendable {
    case vp8Decoder, opusDecoder, soundDecoder, resampler, scaler, h264Encoder, aacEncoder
  }
  /// The library was built without the codec, or refused its settings; `code` is its own.
  case cannotOpen(Part, code: Int32)
  /// The bytes are not what the codec defines. The decoder goes on with the next frame.
  case undecodable(Part, code: Int32)
  /// An encoder refused a frame, or answered it with something else than one packet.
  case cannotEncode(Part, code: Int32)
  /// There was no memory for a library's handle.
  case outOfMemory(Part)
}
