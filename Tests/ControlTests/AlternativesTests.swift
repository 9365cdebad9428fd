import Codecs
import Control
import Ground
import JSON
import RTP
import Recording
import Testing

/// Tracks whose sender may change to other codecs.
@Suite struct AlternativesTests {
  private func read(_ tracks: String) throws -> RecordingSpecification {
    try RecordingSpecification(json: JSONValue(parsing: Array(#"{"room":"r","source":{"type":"rtp","tracks":[\#(tracks)]}}"#.utf8)))
  }

  @Test func theyAreRead() throws {
    let got = try read(
      #"""
      {"participant":"a","codec":"VP8","payloadType":96,"ssrc":7,"rtx":{"payloadType":98},"alternatives":[
        {"codec":"H264","payloadType":97,"rtx":{"payloadType":99}},{"codec":"VP8","payloadType":100}]},
      {"participant":"a","codec":"opus","payloadType":111,"alternatives":[{"codec":"PCMU"},{"codec":"L16","payloadType":112,"clockRate":16000}]}
      """#)
    let (video, audio) = (got.source.tracks[0], got.source.tracks[1])
    #expect(video.codecs == [.vp8, .h264, .vp8] && audio.codecs == [.opus, .pcmu, .l16])
    #expect(video.change(by: PayloadType(97))?.codec == .h264 && video.change(by: PayloadType(100)) == nil)
    #expect(video.carries(PayloadType(100)) && !video.carries(PayloadType(97)))
    #expect(video.alternatives[0].rtx?.payloadType == PayloadType(99))
    #expect(audio.change(by: PayloadType(0))?.clockRate.hertz == 8_000 && audio.alternatives[1].clockRate.hertz == 16_000)
    // What the track may be sent in is what the file must hold.
    #expect(got.container == .mkv)
    #expect(
      try read(#"{"participant":"a","codec":"VP8","payloadType":96,"alternatives":[{"codec":"VP9","payloadType":98}]}"#).container == .webm)
  }

  @Test(arguments: [
    (#"{"codec":"VP8","payloadType":96,"alternatives":[{"codec":"opus","payloadType":97}]}"#, "alternatives[0].codec"),
    (#"{"codec":"VP8","payloadType":96,"alternatives":[{"codec":"H264","payloadType":96}]}"#, "alternatives[0].payloadType"),
    (#"{"codec":"VP8","payloadType":96,"alternatives":[{"codec":"H264"}]}"#, "alternatives[0].payloadType"),
    (#"{"codec":"VP8","payloadType":96,"alternatives":[{"codec":"H264","payloadType":97,"ssrc":5}]}"#, "alternatives[0].ssrc"),
    (
      #"{"codec":"VP8","payloadType":96,"alternatives":[{"codec":"H264","payloadType":97,"rtx":{"payloadType":96}}]}"#,
      "alternatives[0].rtx.payloadType"
    ),
    (#"{"codec":"VP8","payloadType":96,"alternatives":[{"codec":"Theora","payloadType":97}]}"#, "alternatives[0].codec"),
  ])
  func wrongOnesAreRefused(_ track: String, _ field: String) throws {
    let error = #expect(throws: ControlError.self) { try read(#"{"participant":"a","# + track.dropFirst()) }
    #expect(error?.field == "source.tracks[0]." + field, "\(error?.message ?? "")")
  }

  /// On one port and without SSRCs, nobody could tell whose a packet is.
  @Test func oneTypeForTwoTracksIsRefused() throws {
    let one = #"{"participant":"a","codec":"VP8","payloadType":96,"alternatives":[{"codec":"H264","payloadType":97}]}"#
    let other = #"{"participant":"b","codec":"H264","payloadType":97}"#
    #expect(throws: ControlError.self) { try read("\(one),\(other)") }
    #expect(throws: ControlError.self) { try read("\(other),\(one)") }
    let known = one.replacing(#""payloadType":96"#, with: #""payloadType":96,"ssrc":1"#)
    #expect(throws: Never.self) { try read("\(known),\(other.replacing("97}", with: #"97,"ssrc":2}"#))") }
  }
}
