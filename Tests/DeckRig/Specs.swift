package import JSON

/// Bodies of starts, as control planes write them.
package enum Specs {
  package static func opus(_ participant: String = "ada", payloadType: Int = 111, ssrc: UInt32? = nil) -> JSONValue {
    let track: JSONValue = ["participant": .string(participant), "codec": "opus", "payloadType": JSONValue(payloadType)]
    return ssrc.map { track.with("ssrc", JSONValue(Int($0))) } ?? track
  }

  package static func vp8(_ participant: String = "ada", payloadType: Int = 96, ssrc: UInt32? = nil) -> JSONValue {
    let track: JSONValue = ["participant": .string(participant), "codec": "VP8", "payloadType": JSONValue(payloadType)]
    return ssrc.map { track.with("ssrc", JSONValue(Int($0))) } ?? track
  }

  package static func source(_ tracks: [JSONValue]) -> JSONValue { ["type": "rtp", "tracks": .array(tracks)] }

  /// A start without HLS unless asked for: most tests judge the tape.
  package static func start(_ tracks: [JSONValue] = [opus(), vp8()], room: String = "algebra-101", hls: JSONValue = nil) -> JSONValue {
    start(source: source(tracks), room: room, hls: hls)
  }

  package static func start(source: JSONValue, room: String = "algebra-101", hls: JSONValue = nil) -> JSONValue {
    ["room": .string(room), "source": source, "outputs": ["hls": hls]]
  }
}
