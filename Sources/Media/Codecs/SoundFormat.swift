package import Ground

/// How a track's sound lies in its packets, as far as a session description tells it.
package struct SoundFormat: Sendable, Hashable {
  /// One of those that carry sound.
  package var codec: Codec
  /// What its timestamps count by.
  package var clockRate: ClockRate
  package var channels: Int
  /// `multiopus` only, and always there.
  package var streams: OpusStreams?

  /// `clockRate`: nil for the one that the codec fixes. `streams`: for `multiopus` without any, what their number of channels has usually.
  package init(codec: Codec, clockRate: ClockRate? = nil, channels: Int, streams: OpusStreams? = nil) {
    self.codec = codec
    self.clockRate = clockRate ?? codec.clockRate
    self.channels = channels
    self.streams = codec == .multiopus ? streams ?? OpusStreams(channels: channels) : nil
  }

  /// Samples a second of each channel, decoded. G.722's are twice what its clock counts (RFC 3551 §4.5.2).
  package var samplingRate: Int { codec == .g722 ? 16_000 : Int(clockRate.hertz) }

  /// How many bytes code a tick of the clock, all channels together; nil where packets themselves tell how long they last.
  package var bytesPerTick: Int? {
    switch codec {
    case .pcmu, .pcma, .g722: channels
    case .l16: 2 * channels
    default: nil
    }
  }

  /// A byte that is silence as often as it is repeated; nil where no such byte is. For G.722 it is the smallest of all steps: the decoder
  /// comes to rest from whatever it was doing.
  package var silence: UInt8? {
    switch codec {
    case .pcmu, .g722: 0xff
    case .pcma: 0xd5
    case .l16: 0
    default: nil
    }
  }

  /// How many ticks of its clock a payload sounds. Throws where it is not one of this format.
  package func ticks(of payload: Span<UInt8>) throws(WireError) -> Int64 {
    if let bytesPerTick {
      guard !payload.isEmpty else { throw .truncated(needed: bytesPerTick, have: 0) }
      guard payload.count % bytesPerTick == 0 else { throw .badLength }
      return Int64(payload.count / bytesPerTick)
    }
    guard let streams else { return Int64(try OpusPacket(parsing: payload).samples) }
    return Int64(try OpusStreamsPacket(parsing: payload, streams: streams.count).samples)
  }

  /// How long a payload sounds. Throws where it is not one of this format.
  package func duration(of payload: Span<UInt8>) throws(WireError) -> TimeSpan { clockRate.span(ofTicks: try ticks(of: payload)) }
}

/// What payload types mean that nobody has described (RFC 3551 §6).
extension SoundFormat {
  /// The format that a static payload type stands for; nil for one without a codec that goes on tape.
  package init?(staticType: PayloadType) {
    switch staticType.value {
    case 0: self.init(codec: .pcmu, channels: 1)
    case 8: self.init(codec: .pcma, channels: 1)
    case 9: self.init(codec: .g722, channels: 1)
    case 10: self.init(codec: .l16, channels: 2)
    case 11: self.init(codec: .l16, channels: 1)
    default: return nil
    }
  }

  /// The static payload type that stands for this format, where there is one.
  package var staticType: PayloadType? {
    [0, 8, 9, 10, 11].map { PayloadType($0) }.first { SoundFormat(staticType: $0) == self }
  }
}
