import Foundation

/// What a browser saw of a WebRTC source that is negotiated by the control API.
struct Negotiating: Decodable {
  var error: String?
  var recording: String?
  /// The statuses of the calls, in their order.
  var calls: [Int]
  /// The directions of the sections in our descriptions, those of one after those of the other.
  var directions: [[String]]
  var framesSent: Int

  /// A page that takes our offer, answers it, turns its camera off and on again by offers of its own, and reports. The API is at the
  /// page's own address.
  static let page = """
    <!doctype html><script>
    const result = {error: null, calls: [], directions: [], framesSent: 0};
    const pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
    async function call(method, path, type, body) {
      const response = await fetch(path, {method, body, headers: {'Content-Type': type}});
      result.calls.push(response.status);
      const text = await response.text();
      if (response.status >= 300) throw new Error(text);
      return text;
    }
    const directions = sdp => result.directions.push([...sdp.matchAll(/a=(sendrecv|sendonly|recvonly|inactive)/g)].map(m => m[1]));
    async function frames() {
      for (const s of (await pc.getStats()).values()) if (s.type == 'outbound-rtp' && s.kind == 'video') return s.framesSent || 0;
      return 0;
    }
    async function moreFrames(count) {
      const target = await frames() + count, end = performance.now() + 20000;
      while (await frames() < target && performance.now() < end) await new Promise(done => setTimeout(done, 50));
    }
    const gathered = () => new Promise(done => {
      const look = () => { if (pc.iceGatheringState == 'complete') done(); };
      pc.addEventListener('icegatheringstatechange', look); look();
    });
    async function main() {
      const media = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 320, height: 240}});
      const started = JSON.parse(await call('POST', '/v1/recordings', 'application/json', JSON.stringify(
        {room: 'negotiated', source: {type: 'webrtc', makeOffer: {}, participant: 'ada'}, outputs: {hls: null}})));
      result.recording = started.id;
      const source = `/v1/recordings/${started.id}/sources/${started.sources[0].id}`;
      directions(started.sources[0].offer);
      await pc.setRemoteDescription({type: 'offer', sdp: started.sources[0].offer});
      for (const track of media.getTracks()) {
        const transceiver = pc.getTransceivers().find(t => t.receiver.track.kind == track.kind);
        await transceiver.sender.replaceTrack(track);
        transceiver.direction = 'sendonly';
      }
      await pc.setLocalDescription();
      await gathered();
      await call('PUT', `${source}/answer`, 'application/sdp', pc.localDescription.sdp);
      await moreFrames(30);
      const camera = pc.getTransceivers().find(t => t.receiver.track.kind == 'video');
      camera.direction = 'inactive';
      await pc.setLocalDescription();
      const renewed = JSON.parse(await call('PUT', `${source}/offer`, 'application/json', JSON.stringify({offer: pc.localDescription.sdp})));
      directions(renewed.answer);
      await pc.setRemoteDescription({type: 'answer', sdp: renewed.answer});
      camera.direction = 'sendonly';
      await pc.setLocalDescription();
      const answer = await call('PUT', `${source}/offer`, 'application/sdp', pc.localDescription.sdp);
      directions(answer);
      await pc.setRemoteDescription({type: 'answer', sdp: answer});
      await moreFrames(30);
      result.framesSent = await frames();
      JSON.parse(await call('POST', `/v1/recordings/${started.id}/stop?wait=true`, 'application/json', ''));
    }
    main().catch(e => { result.error = `${e}`; })
      .then(() => fetch('/result', {method: 'POST', body: JSON.stringify(result)}));
    </script>
    """
}
