import Ground
import JSON
import Recording
import Replay
import Testing

/// Who sends what, of captures of real senders.
@Suite struct DescriptionTests {
  private func describe(_ name: String) throws -> CaptureDescription {
    let path = Captures.committedPath(name)
    return try CaptureDescription(of: path, hints: try CaptureHints(capture: path))
  }

  @Test func aBrowserOnOneTransportIsOneParticipant() throws {
    let description = try describe("chr-vp8-opus")
    #expect(description.participants.map(\.id) == ["p1"])
    #expect(description.participants[0].cname?.count == 16)
    #expect(description.tracks.map(\.format.description) == ["opus/48000/2", "VP8/90000"])
    #expect(description.tracks.map(\.participant) == ["p1", "p1"])
    #expect(description.tracks.map(\.mid) == ["0", "1"])
    let video = description.tracks[1]
    #expect(video.retransmission?.payloadType == PayloadType(97))
    #expect(video.retransmission?.ssrc == SSRC(917_528_567))
    #expect(video.rtcpDestination == video.flow.destination)
    #expect(description.srtp == nil)

    let source = description.recordingSource
    #expect(source.bundle && source.rtcpMux)
    #expect(source.port == 41148)
    #expect(source.tracks.map(\.ssrc) == [SSRC(855_352_909), SSRC(2_580_735_959)])
  }

  @Test func whatComesBackIsFeedback() throws {
    let description = try describe("chr-vp8-opus")
    let flow = description.tracks[0].flow
    #expect(description.isFromSender(flow, .rtp))
    #expect(description.isFromSender(flow, .rtcp))
    #expect(!description.isFromSender(flow.reversed, .rtp))
    #expect(!description.isFromSender(flow.reversed, .rtcp))
  }

  @Test func aForwarderWithoutReportsIsOneParticipantOnTwoPorts() throws {
    let description = try describe("jan-vp8-opus")
    #expect(description.participants.count == 1)
    #expect(description.participants[0].cname == "WG7S7h3B0rJBnb6u")
    #expect(description.tracks.map(\.flow.destination.port) == [5002, 5004])
    #expect(description.tracks.allSatisfy { $0.rtcpDestination == nil })
    // The datagrams that Janus opens its RTCP ports with are the sender's.
    var opener = description.tracks[0].flow
    opener.source.port = 35241
    opener.destination.port = 5003
    #expect(description.isFromSender(opener, .emptyHeader))

    let source = description.recordingSource
    #expect(!source.bundle && !source.rtcpMux)
    #expect(source.tracks.map(\.port) == [5002, 5004])
  }

  @Test func aPublisherThatComesBackGoesOnWithItsTracks() throws {
    let description = try describe("jan-reconnect")
    #expect(description.participants.count == 1)
    #expect(description.tracks.count == 2)
    #expect(description.tracks.map(\.ssrcs.count) == [2, 2])
    let video = try #require(description.tracks.first { $0.format == PayloadFormat("VP8/90000") })
    #expect(video.ssrcs == [SSRC(1_086_250_034), SSRC(2_480_544_035)])
    #expect((video.lastPacket - video.firstPacket).seconds > 18)
    #expect(description.recordingSource.tracks.allSatisfy { $0.ssrc == nil })
  }

  @Test func rtpbinSendsItsReportsToTheNextPort() throws {
    let description = try describe("gst-vp8-loss2-reorder")
    #expect(description.participants.count == 1)
    #expect(description.participants[0].cname != nil)
    for track in description.tracks {
      #expect(track.rtcpDestination?.port == track.flow.destination.port + 1)
    }
  }

  @Test func keysAreFoundBesideTheCapture() throws {
    let description = try describe("jan-vp8-opus-srtp.enc")
    let srtp = try #require(description.srtp)
    #expect(srtp.cryptoSuite == "AES_CM_128_HMAC_SHA1_80")
    #expect(srtp.key.exposed.count == 30)
    #expect(srtp.rtcp == .clear)
    #expect(description.tracks.compactMap(\.codec).count == 2)
    #expect(description.origin == .facts)
  }

  @Test func theOffsetsMeanWhatTheirNamesSay() throws {
    let path = Captures.committedPath("chr-vp8-opus")
    let inspection = try CaptureInspection(of: path, hints: try CaptureHints(capture: path))
    let offset = try #require(inspection.offsets.first)
    #expect(inspection.offsets.count == 1)
    // Flash minus beep differs between the two clocks by as much as the streams' beginnings do, give or take a frame's jitter.
    let sync = try #require(Captures.facts("chr-vp8-opus")["av_sync"])
    let reported = try #require(sync["by_sender_reports"]?["mean_ms"]?.doubleValue)
    let arrived = try #require(sync["by_first_packet_arrival"]?["mean_ms"]?.doubleValue)
    let apart = try #require(offset.bySenderReports).milliseconds - offset.byArrival.milliseconds
    #expect(abs(apart - (reported - arrived)) < 5)
    #expect(offset.byFirstArrival.milliseconds > 9 && offset.byFirstArrival.milliseconds < 10)
  }
}
