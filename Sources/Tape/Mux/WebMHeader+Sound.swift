import Codecs
import Ground

extension WebMHeader.Track {
  /// How its sound lies in its blocks.
  var sound: SoundFormat { SoundFormat(codec: codec, clockRate: clockRate, channels: channels, streams: streams) }

  /// Settles which codec of several a name stands for, by what the header holds of the codec's own (CodecPrivate): the format tag of a
  /// WAVEFORMATEX, or the mapping family of an OpusHead. `frequency`: what the header calls the sampling frequency.
  mutating func settleSound(_ privateBytes: [UInt8], frequency: Double) throws(RecoveryError) {
    switch codec {
    case .pcmu, .pcma, .g722:
      guard privateBytes.count >= 2 else { throw .foreignLayout }
      let tag = UInt16(privateBytes[0]) | UInt16(privateBytes[1]) << 8
      guard let named = Codec.received.first(where: { $0.waveFormatTag == tag }) else { throw .foreignLayout }
      codec = named
      clockRate = codec.clockRate
    case .l16:
      guard let hertz = UInt32(exactly: frequency), codec.clockRates.contains(hertz) else { throw .foreignLayout }
      clockRate = ClockRate(hertz)
    case .opus, .multiopus:
      streams = OpusHead.streams(in: privateBytes)
      codec = streams == nil ? .opus : .multiopus
      clockRate = codec.clockRate
    default: return
    }
    guard codec.channelCounts.contains(channels), streams.map({ $0.channels == channels }) ?? true else { throw .foreignLayout }
  }
}

extension Codec {
  /// The format tag in a WAVEFORMATEX, for codecs that Matroska holds behind one (A_MS/ACM).
  var waveFormatTag: UInt16? {
    switch self {
    case .pcmu: 0x0007
    case .pcma: 0x0006
    case .g722: 0x028F
    default: nil
    }
  }
}
