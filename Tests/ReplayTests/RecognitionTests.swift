import Ground
import JSON
import Replay
import Testing

/// A capture that nobody has described is recognised from its streams.
@Suite struct RecognitionTests {
  @Test(arguments: Captures.plain)
  func findsTheCodecsByThemselves(_ name: String) throws {
    let description = try CaptureDescription(of: Captures.path(name), hints: CaptureHints())
    #expect(description.origin == .recognised)
    let streams = try #require(Captures.facts(name)["streams"]?.arrayValue)
    for told in streams {
      let ssrc = SSRC(UInt32(try #require(told["ssrc"]?.integerValue)))
      let types = try #require(told["payload_types"]?.fields)
      let codec = try #require(types.first?.value["codec"]?.stringValue).split(separator: "/")[0].lowercased()
      let found = try #require(description.streams.first { $0.ssrc == ssrc }, "no stream \(ssrc)")
      let label = Comment("SSRC \(ssrc), \(codec), taken for \(found.format) \(found.role)")
      switch codec {
      case "pcmu": #expect(found.format == PayloadFormat("PCMU/8000"), label)
      case "pcma": #expect(found.format == PayloadFormat("PCMA/8000"), label)
      case "g722": #expect(found.format == PayloadFormat("G722/8000"), label)
      case "opus": #expect(found.format == PayloadFormat("opus/48000/2"), label)
      case "h264": #expect(found.format == PayloadFormat("H264/90000"), label)
      case "vp8": #expect(found.format == PayloadFormat("VP8/90000"), label)
      case "h265": #expect(found.format == PayloadFormat("H265/90000"), label)
      case "av1": #expect(found.format == PayloadFormat("AV1/90000"), label)
      case "vp9": #expect(found.format == PayloadFormat("VP9/90000"), label)
      case "rtx":
        let isNoTrack =
          switch found.role {
          case .retransmission, .padding: true
          default: false
          }
        #expect(isNoTrack, label)
        if case .retransmission = found.role { #expect(found.format.isRetransmission, label) }
      default: #expect(found.format.codec == nil, label)
      }
    }
    #expect(description.streams.count == streams.count)
  }

  @Test(arguments: Captures.unwrapped)
  func findsTheSameTracksAsTheFactsTell(_ name: String) throws {
    let told = try CaptureDescription(of: Captures.path(name), hints: try CaptureHints(capture: Captures.path(name)))
    let found = try CaptureDescription(of: Captures.path(name), hints: CaptureHints())
    let taped = { (description: CaptureDescription) in
      description.tracks.filter { $0.codec != nil }.map {
        "\($0.format) \($0.payloadType) \($0.ssrcs) \($0.flow) \(String(describing: $0.rtcpDestination))"
      }
    }
    // The case of the name is the sender's; the rest must be the same.
    #expect(taped(found).map { $0.lowercased() } == taped(told).map { $0.lowercased() })
  }

  @Test func encryptedMediaIsNotTakenForClear() throws {
    for name in Captures.keyed {
      let description = try CaptureDescription(of: Captures.path(name), hints: CaptureHints())
      #expect(description.tracks.allSatisfy { $0.codec == nil }, "\(name)")
    }
  }
}
