import COpus
import Codecs
import Ground

extension FuzzTarget {
  /// First two bytes choose the format, the rest is its payload, its `a=fmtp` or its header.
  static let sound = FuzzTarget(name: "sound", maximumBytes: 320, seeds: soundSeeds) { bytes in
    guard bytes.count >= 2 else { return }
    let rest = Array(bytes[2...])
    let channels = Int(bytes[1] % 8) + 1
    let text = String(decoding: rest, as: UTF8.self)
    if let streams = try? OpusStreams(parameters: text, channels: channels) { requireWhole(streams, channels) }
    if let streams = OpusHead.streams(in: rest) { requireWhole(streams, streams.channels) }
    let codecs: [Codec] = [.multiopus, .pcmu, .pcma, .g722, .l16]
    let codec = codecs[Int(bytes[0]) % codecs.count]
    let sound = SoundFormat(codec: codec, channels: min(channels, codec.channelCounts.upperBound))
    let ticks = try? sound.ticks(of: rest.span)
    if let perTick = sound.bytesPerTick {
      require((ticks != nil) == (!rest.isEmpty && rest.count % perTick == 0), "whole ticks, or none")
      require(ticks.map { Int($0) * perTick == rest.count } ?? true, "every byte is in a tick")
      return
    }
    guard let streams = sound.streams else { return }
    let own = try? OpusStreamsPacket(parsing: rest.span, streams: streams.count)
    require(own.map { Int64($0.samples) } == ticks, "a packet lasts as long as its streams")
    if let own { require((120...5760).contains(own.samples), "at most 120 ms") }
    // What libopus decodes, ours must read alike.
    var code: Int32 = 0
    let decoder = unsafe opus_multistream_decoder_create(
      48_000, Int32(streams.channels), Int32(streams.count), Int32(streams.coupled), streams.mapping, &code)
    guard let decoder = unsafe decoder else { fatalError("libopus refuses the usual streams") }
    defer { unsafe opus_multistream_decoder_destroy(decoder) }
    var pcm = [Float](repeating: 0, count: 5760 * streams.channels)
    let samples = unsafe opus_multistream_decode_float(decoder, rest, Int32(rest.count), &pcm, 5760, 0)
    if samples > 0, !rest.isEmpty { require(own?.samples == Int(samples), "libopus decodes \(samples) samples") }
  }

  private static func requireWhole(_ streams: OpusStreams, _ channels: Int) {
    require(streams.channels == channels && streams.coupled <= streams.count, "as many channels as were told")
    require(streams.mapping.allSatisfy { $0 == 255 || Int($0) < streams.count + streams.coupled }, "channels are decoded ones")
    require((try? OpusStreams(parameters: streams.parameters, channels: channels)) == streams, "written and read")
    require(OpusHead.streams(in: OpusHead.bytes(streams)) == streams, "in the header and out")
  }

  private static func soundSeeds(_ sources: SeedSources) -> [[UInt8]] {
    var seeds: [[UInt8]] = []
    for payload in sources.payloads(96, longest: 300) {
      for head in [[0, 5], [0, 1], [4, 1]] as [[UInt8]] { seeds.append(head + payload) }
    }
    for channels in 1...8 {
      let streams = OpusStreams(channels: channels)
      seeds.append([0, UInt8(channels - 1)] + Array(streams.parameters.utf8))
      seeds.append([0, 0] + OpusHead.bytes(streams))
    }
    return seeds
  }
}
