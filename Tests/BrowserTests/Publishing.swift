import Foundation

/// What a browser saw of its own publishing by WHIP.
struct Publishing: Decodable {
  struct Publisher: Decodable {
    var post: Int
    var accepted: String?
    /// The path below the API's address.
    var location: String?
    var tags: [String?]
    /// The statuses of the candidates' PATCHes, in their order.
    var trickled: [Int]
    /// The status of a PATCH with the tag of the time before the restart.
    var stale: Int?
    var restarted: Int?
    /// The ICE connection's state when pictures came again after the restart.
    var state: String?
    var framesSent: Int
    var deleted: Int
    var deletedAgain: Int
  }
  var error: String?
  /// The status, the challenge and the error code that a page without a token reads.
  var refused: [String]?
  var publishers: [Publisher]

  /// A page that publishes the browser's fake devices to each of `rooms`' addresses, one after the other while the earlier ones go on,
  /// restarts ICE where asked, ends them in the same order, and reports.
  static func page(api: String, token: String, paths: [String], restartsICE: Bool) -> String {
    let list = paths.map { "'\($0)'" }.joined(separator: ",")
    return """
      <!doctype html><script>
      const api = '\(api)', auth = {'Authorization': 'Bearer \(token)'}, restarts = \(restartsICE);
      const report = result => fetch('/result', {method: 'POST', body: JSON.stringify(result)});
      const value = (sdp, name) => sdp.match(new RegExp('a=' + name + ':(.*)'))[1].trim();
      function fragment(pc, candidates) {
        const sdp = pc.localDescription.sdp;
        return `a=ice-ufrag:${value(sdp, 'ice-ufrag')}\\r\\na=ice-pwd:${value(sdp, 'ice-pwd')}\\r\\nm=audio 9 UDP/TLS/RTP/SAVPF 0\\r\\na=mid:0\\r\\n`
          + candidates.map(c => c ? `a=${c.candidate}\\r\\n` : 'a=end-of-candidates\\r\\n').join('');
      }
      async function frames(pc) {
        for (const s of (await pc.getStats()).values()) if (s.type == 'outbound-rtp' && s.kind == 'video') return s.framesSent || 0;
        return 0;
      }
      async function moreFrames(pc, count) {
        const target = await frames(pc) + count, end = performance.now() + 20000;
        while (await frames(pc) < target && performance.now() < end) await new Promise(done => setTimeout(done, 50));
      }
      const gathered = pc => new Promise(done => {
        const look = () => { if (pc.iceGatheringState == 'complete') done(); };
        pc.addEventListener('icegatheringstatechange', look); look();
      });
      class Publisher {
        told = {trickled: [], tags: [], framesSent: 0, deleted: 0, deletedAgain: 0};
        waiting = [];
        async begin(path) {
          const media = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 320, height: 240}});
          const pc = this.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
          for (const track of media.getTracks()) pc.addTransceiver(track, {direction: 'sendonly', streams: [media]});
          pc.onicecandidate = e => this.waiting.push(e.candidate);
          await pc.setLocalDescription();
          const made = await fetch(api + path, {method: 'POST', body: pc.localDescription.sdp,
            headers: {...auth, 'Content-Type': 'application/sdp'}});
          this.told.post = made.status;
          this.told.accepted = made.headers.get('accept-patch');
          this.told.location = made.headers.get('location');
          this.tag(made);
          this.answer = await made.text();
          if (made.status != 201) throw new Error(this.answer);
          this.place = new URL(this.told.location, api).href;
          await pc.setRemoteDescription({type: 'answer', sdp: this.answer});
          await gathered(pc);
          this.told.trickled.push((await this.patch(this.told.tags[0])).status);
          await moreFrames(pc, 30);
        }
        tag(response) { this.told.tags.push(response.headers.get('etag')); }
        patch(match) {
          const body = fragment(this.pc, this.waiting.splice(0));
          return fetch(this.place, {method: 'PATCH', body,
            headers: {...auth, 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': match}});
        }
        async restart() {
          const pc = this.pc;
          await pc.setLocalDescription(await pc.createOffer({iceRestart: true}));
          await gathered(pc);
          const made = await this.patch('*');
          this.told.restarted = made.status;
          this.tag(made);
          const ours = await made.text();
          if (made.status != 200) throw new Error(ours);
          await pc.setRemoteDescription({type: 'answer', sdp: this.answer
            .replace(/a=ice-ufrag:.*/g, 'a=ice-ufrag:' + value(ours, 'ice-ufrag'))
            .replace(/a=ice-pwd:.*/g, 'a=ice-pwd:' + value(ours, 'ice-pwd'))});
          this.told.stale = (await this.patch(this.told.tags[0])).status;
          this.told.trickled.push((await this.patch(this.told.tags[1])).status);
          await moreFrames(pc, 30);
          this.told.state = pc.iceConnectionState;
        }
        async end() {
          this.told.framesSent = await frames(this.pc);
          this.told.deleted = (await fetch(this.place, {method: 'DELETE', headers: auth})).status;
          this.told.deletedAgain = (await fetch(this.place, {method: 'DELETE', headers: auth})).status;
          this.pc.close();
        }
      }
      async function main(result) {
        const refused = await fetch(api + '\(paths[0])', {method: 'POST', body: 'v=0', headers: {'Content-Type': 'application/sdp'}});
        result.refused = [`${refused.status}`, refused.headers.get('www-authenticate'), (await refused.json()).error.code];
        const publishers = [];
        for (const path of [\(list)]) {
          const publisher = new Publisher();
          await publisher.begin(path);
          publishers.push(publisher);
          result.publishers.push(publisher.told);
        }
        for (const publisher of publishers) {
          if (restarts) await publisher.restart();
          await publisher.end();
        }
      }
      const result = {error: null, publishers: []};
      main(result).catch(e => { result.error = `${e}`; result.publishers = []; }).then(() => report(result));
      </script>
      """
  }
}

extension Browser {
  /// Opens a page that sends the browser's fake devices, and waits for its report.
  static func send<Report: Decodable>(_ server: PageServer, _ report: Report.Type) throws -> Report? {
    let flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection"]
    return try result(of: server, flags: flags, seconds: 90).map { try JSONDecoder().decode(report, from: Data($0.utf8)) }
  }
}
