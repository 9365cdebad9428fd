import Foundation
import Testing

/// What a browser saw of its publishing in layers.
struct Layered: Decodable {
  var error: String?
  var id: String?
  var mode: String?
  var width: Int?

  /// A page that publishes the browser's fake camera as `codec` in the layers that `mode` names, for as long as `pictures` layer frames take,
  /// and stops the recording.
  static func page(_ codec: String, mode: String, width: Int, height: Int, frames: Int) -> String {
    """
    <!doctype html><script>
    const report = result => fetch('/result', {method: 'POST', body: JSON.stringify(result)});
    const call = async (method, path, body) => {
      const answer = await fetch('/v1/recordings' + path, {method, body: body && JSON.stringify(body),
        headers: {'Content-Type': 'application/json'}});
      if (!answer.ok) throw new Error(await answer.text());
      return answer.json();
    };
    async function outbound(pc) {
      for (const s of (await pc.getStats()).values()) if (s.type == 'outbound-rtp' && s.kind == 'video') return s;
      return {};
    }
    async function main() {
      const media = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: \(width), height: \(height)}});
      const pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
      pc.addTransceiver(media.getAudioTracks()[0], {direction: 'sendonly', streams: [media]});
      const video = pc.addTransceiver(media.getVideoTracks()[0], {direction: 'sendonly', streams: [media],
        sendEncodings: [{maxBitrate: 3000000, scalabilityMode: '\(mode)'}]});
      const codecs = RTCRtpSender.getCapabilities('video').codecs;
      video.setCodecPreferences(codecs.filter(
        c => c.mimeType == 'video/\(codec)' && /profile(-id)?=0/.test(c.sdpFmtpLine) || c.mimeType == 'video/rtx'));
      await pc.setLocalDescription();
      await new Promise(done => {
        const look = () => { if (pc.iceGatheringState == 'complete') done(); };
        pc.addEventListener('icegatheringstatechange', look); look();
      });
      const recording = await call('POST', '', {room: 'layers', source: {type: 'webrtc', offer: pc.localDescription.sdp, participant: 'ada'},
        outputs: {file: {container: 'webm'}, hls: {segmentSeconds: 1}}});
      // All layers are sent from the start where the bandwidth is not to be found out first.
      const answer = recording.sources[0].answer.replace(/(a=rtpmap:(\\d+) \(codec)\\/90000\\r?\\n)/, '$1a=fmtp:$2 x-google-start-bitrate=2500\\r\\n');
      await pc.setRemoteDescription({type: 'answer', sdp: answer});
      const end = performance.now() + 60000;
      let sent = await outbound(pc);
      while (!(sent.framesSent >= \(frames)) && performance.now() < end) {
        await new Promise(done => setTimeout(done, 100));
        sent = await outbound(pc);
      }
      await call('POST', '/' + recording.id + '/stop?wait=true');
      pc.close();
      return {error: null, id: recording.id, mode: sent.scalabilityMode, width: sent.frameWidth};
    }
    main().catch(e => ({error: `${e}`})).then(report);
    </script>
    """
  }
}

extension BrowserTests {
  /// VP9 and AV1 in spatial layers, from a real browser and back into it: what is on tape shows the largest layer, and that one alone.
  @Suite struct LayersTests {
    @Test(arguments: [("VP9", "L3T3_KEY"), ("VP9", "L3T3"), ("VP9", "L2T2"), ("AV1", "L3T3_KEY"), ("AV1", "L3T3")])
    func theLargestLayerPlays(_ codec: String, _ mode: String) throws {
      let daemon = try Daemon()
      // No smaller picture is given three layers.
      let server = PageServer(page: Layered.page(codec, mode: mode, width: 960, height: 540, frames: 500), control: daemon.control)
      defer { server.close() }
      let published = try #require(try Browser.send(server, Layered.self), "the browser did not report")
      #expect(published.error == nil)
      let id = try #require(published.id)
      #expect(published.mode == mode)
      #expect(published.width == 960)
      let tape = daemon.folder.path + "/recordings/layers/\(id)/recording.webm"
      try expectOneSize(tape, decoders: codec == "AV1" ? ["libdav1d", "libaom-av1"] : ["vp9", "libvpx-vp9"])
      for path in ["files/recording.webm", "hls/master.m3u8"] {
        let player = PageServer(page: Playback.page("/v1/recordings/\(id)/\(path)"), control: daemon.control)
        defer { player.close() }
        let playback = try #require(try Browser.play(player), "\(path): the browser did not report")
        #expect(playback.error == nil, "\(path)")
        #expect(playback.advanced >= 4, "\(path)")
        #expect(playback.width == 960 && playback.height == 540, "\(path): \(playback.width)x\(playback.height)")
      }
    }

    /// A decoder that shows each frame that is marked as shown makes as many pictures as there are on tape, all but a few of the largest
    /// size (a sender may leave a layer out), and the same ones as the decoder of the format's makers.
    private func expectOneSize(_ path: String, decoders: [String]) throws {
      let packets = try lines("ffprobe", ["-v", "error", "-select_streams", "v", "-show_entries", "packet=size", "-of", "csv=p=0", path])
      let sizes = try lines("ffprobe", ["-v", "error", "-select_streams", "v", "-show_entries", "frame=width", "-of", "csv=p=0", path])
      #expect(packets.count >= 100)
      #expect(sizes.count == packets.count)
      #expect(sizes.count { $0.hasPrefix("960") } * 10 >= sizes.count * 9, "\(Dictionary(grouping: sizes) { $0 }.mapValues(\.count))")
      let pictures = try decoders.map { decoder in
        // The picture's checksum; their times are the same file's.
        try lines(
          "ffmpeg",
          [
            "-v", "error", "-xerror", "-c:v", decoder, "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-autoscale", "0", "-f",
            "framemd5", "-",
          ]
        )
        .filter { !$0.hasPrefix("#") }.compactMap { $0.split(separator: ",").last.map(String.init) }
      }
      #expect(pictures[0].count == packets.count)
      #expect(pictures[0] == pictures[1])
    }

    private func lines(_ tool: String, _ arguments: [String]) throws -> [String] {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = [tool] + arguments
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      let data = pipe.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
  }
}
