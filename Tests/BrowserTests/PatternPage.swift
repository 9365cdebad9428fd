import Foundation

/// Pages that publish a pattern which a recording can be compared with: a picture that never repeats, which flashes when a second of the
/// sound's clock begins, a beep at the same moment, and a list of every coded picture that the browser sent.
enum PatternPage {
  /// One who publishes.
  struct Publisher {
    var name: String
    /// Counted from when the first publisher was connected.
    var beginsAfter: Double = 0
    var seconds: Double
    var width = 640
    var height = 360
    /// The encoder's highest rate, which moving noise in the picture makes it want; nil for a calm picture and the browser's own choice.
    var kilobitsPerSecond: Int?
    /// Offers forward error correction, as a page does that asks for nothing.
    var isCorrected = false
    /// A JavaScript function of the name that answers a function of the offer, which answers `{answer, end}`.
    var exchange: String
  }

  /// Publishes by WHIP.
  static func whip(_ address: String, token: String) -> String {
    """
    name => async offer => {
      const made = await fetch('\(address)', {method: 'POST', body: offer,
        headers: {'Authorization': 'Bearer \(token)', 'Content-Type': 'application/sdp'}});
      const answer = await made.text();
      if (made.status != 201) throw new Error(answer);
      const place = new URL(made.headers.get('location'), '\(address)').href;
      return {answer, end: () => fetch(place, {method: 'DELETE', headers: {'Authorization': 'Bearer \(token)'}})};
    }
    """
  }

  /// Publishes by the control API at the page's own address, with forward error correction agreed on.
  static func correctedSource(room: String) -> String {
    """
    name => async offer => {
      const call = (path, body) => fetch('/v1/recordings' + path, {method: 'POST', body, headers: {'Content-Type': 'application/json'}});
      const source = {type: 'webrtc', offer, participant: name, fec: ['ulpfec']};
      const made = await call('', JSON.stringify({room: '\(room)', source, outputs: {hls: null}}));
      const told = await made.json();
      if (made.status != 201) throw new Error(JSON.stringify(told));
      if (!/ulpfec/.test(told.sources[0].answer)) throw new Error('no correction was agreed on');
      return {answer: told.sources[0].answer, end: () => call(`/${told.id}/stop?wait=true`, '')};
    }
    """
  }

  /// Publishes to a room of Janus's VideoRoom by Janus's own API.
  static func videoRoom(_ api: String, room: Int, id: Int) -> String {
    """
    name => async offer => {
      const say = async (path, body) => (await fetch('\(api)' + path, {method: 'POST',
        body: JSON.stringify({transaction: `${Math.random()}`, ...body})})).json();
      const session = (await say('', {janus: 'create'})).data.id;
      const handle = (await say(`/${session}`, {janus: 'attach', plugin: 'janus.plugin.videoroom'})).data.id;
      await say(`/${session}/${handle}`, {janus: 'message', jsep: {type: 'offer', sdp: offer},
        body: {request: 'joinandconfigure', ptype: 'publisher', room: \(room), id: \(id), display: name}});
      let ended = false;
      const next = async () => (await fetch(`\(api)/${session}`)).json();
      for (;;) {
        const event = await next();
        if (event.plugindata?.data?.error) throw new Error(event.plugindata.data.error);
        if (!event.jsep) continue;
        // Janus drops a session that nobody asks for its events.
        (async () => { while (!ended) await next(); })().catch(() => {});
        return {answer: event.jsep.sdp, end: async () => { ended = true; await say(`/${session}`, {janus: 'destroy'}); }};
      }
    }
    """
  }

  /// The page: everyone publishes VP8 and Opus for as long as told, and their reports come when the last has ended.
  static func page(_ publishers: [Publisher]) -> String {
    let list = publishers.map { publisher in
      """
      {name: '\(publisher.name)', after: \(publisher.beginsAfter), seconds: \(publisher.seconds), width: \(publisher.width),
        height: \(publisher.height), kilobits: \(publisher.kilobitsPerSecond ?? 0), corrected: \(publisher.isCorrected),
        exchange: \(publisher.exchange)}
      """
    }
    return """
      <!doctype html><body><script>
      \(pattern)
      \(publisher)
      const result = {error: null, publishers: []};
      async function main() {
        let first;
        const begun = new Promise(done => { first = done; });
        await Promise.all([\(list.joined(separator: ",\n"))].map(async (told, index) => {
          if (index > 0) { await begun; await sleep(told.after * 1000); }
          const publisher = new Publisher(told);
          await publisher.begin(told.exchange(told.name));
          if (index == 0) first();
          await sleep(told.seconds * 1000);
          result.publishers.push(await publisher.end());
        }));
      }
      main().catch(e => { result.error = `${e} ${e.stack}`; })
        .then(() => fetch('/result', {method: 'POST', body: JSON.stringify(result)}));
      </script></body>
      """
  }

  private static let pattern = """
    const sleep = milliseconds => new Promise(done => setTimeout(done, milliseconds));
    class Pattern {
      constructor(width, height, isNoisy) {
        this.isNoisy = isNoisy;
        this.canvas = Object.assign(document.createElement('canvas'), {width, height});
        document.body.append(this.canvas);
        this.sound = new AudioContext({sampleRate: 48000});
        this.count = 0;
        this.late = [];
      }
      async begin(rate) {
        await this.sound.resume();
        const speaker = this.sound.createMediaStreamDestination();
        const tone = this.sound.createOscillator(), gain = this.sound.createGain();
        this.zero = Math.ceil(this.sound.currentTime + 0.5);
        tone.frequency.value = 1000;
        gain.gain.value = 0;
        tone.connect(gain).connect(speaker);
        tone.start();
        for (let second = 0; second < 600; second++) {
          gain.gain.setValueAtTime(0.5, this.zero + second);
          gain.gain.setValueAtTime(0, this.zero + second + 0.08);
        }
        this.draw();
        this.stream = new MediaStream([...this.canvas.captureStream(rate).getTracks(), ...speaker.stream.getTracks()]);
        this.timer = setInterval(() => this.draw(), 1000 / rate);
      }
      draw() {
        const {width, height} = this.canvas, pen = this.canvas.getContext('2d');
        const time = this.sound.currentTime - this.zero;
        pen.fillStyle = '#303848';
        pen.fillRect(0, 0, width, height);
        for (let bit = 0; bit < 16; bit++) {
          pen.fillStyle = this.count >> bit & 1 ? '#fff' : '#000';
          pen.fillRect(bit * width / 16, 0, width / 16, height / 8);
        }
        pen.fillStyle = '#c08020';
        pen.fillRect(this.count * 3 % width, height / 4, width / 10, height / 8);
        if (this.isNoisy) {
          const noise = pen.createImageData(width / 2, height / 8 | 0);
          const words = new Uint32Array(noise.data.buffer);
          for (let i = 0; i < words.length; i++) words[i] = 0xff000000 | Math.random() * 0xffffff;
          pen.putImageData(noise, width / 2, height / 4 | 0);
        }
        if (time >= 0 && time % 1 < 0.1) {
          if (this.flashed != Math.floor(time)) this.late.push(time % 1);
          this.flashed = Math.floor(time);
          pen.fillStyle = '#fff';
          pen.fillRect(0, height / 2, width, height / 2);
        }
        this.count++;
      }
      end() { clearInterval(this.timer); }
    }
    """

  /// The list of sent pictures is kept where they leave the encoder: the size and the checksum (as zlib's) of each, its RTP time, and
  /// whether it is a key frame.
  private static let publisher = """
    const worker = `
      const table = Int32Array.from({length: 256}, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ n >>> 1 : n >>> 1; return n; });
      const checksum = bytes => { let c = -1; for (const b of bytes) c = table[(c ^ b) & 255] ^ c >>> 8; return ~c >>> 0; };
      const sent = [];
      onrtctransform = event => {
        const {readable, writable} = event.transformer;
        readable.pipeThrough(new TransformStream({transform(frame, out) {
          const time = frame.getMetadata().rtpTimestamp ?? frame.timestamp;
          sent.push([frame.data.byteLength, checksum(new Uint8Array(frame.data)), time, frame.type == 'key' ? 1 : 0]);
          out.enqueue(frame);
        }})).pipeTo(writable);
      };
      onmessage = () => postMessage(sent);
    `;
    class Publisher {
      constructor(told) {
        this.name = told.name;
        this.kilobits = told.kilobits;
        this.codecs = told.corrected ? /VP8|rtx|red|ulpfec/i : /VP8|rtx/i;
        this.pattern = new Pattern(told.width, told.height, told.kilobits > 0);
      }
      async begin(exchange) {
        await this.pattern.begin(30);
        const pc = this.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
        for (const track of this.pattern.stream.getTracks()) {
          const limited = track.kind == 'video' && this.kilobits > 0;
          const transceiver = pc.addTransceiver(track, {direction: 'sendonly', streams: [this.pattern.stream],
            sendEncodings: limited ? [{maxBitrate: this.kilobits * 1000}] : []});
          if (track.kind == 'audio') continue;
          track.contentHint = 'detail';
          const codecs = RTCRtpSender.getCapabilities('video').codecs;
          transceiver.setCodecPreferences(codecs.filter(c => this.codecs.test(c.mimeType)));
          this.worker = new Worker(URL.createObjectURL(new Blob([worker])));
          transceiver.sender.transform = new RTCRtpScriptTransform(this.worker);
        }
        await pc.setLocalDescription();
        while (pc.iceGatheringState != 'complete') await sleep(20);
        this.session = await exchange(pc.localDescription.sdp);
        await pc.setRemoteDescription({type: 'answer', sdp: this.session.answer});
        while (pc.connectionState != 'connected') {
          if (pc.connectionState == 'failed') throw new Error(`${this.name} could not connect`);
          await sleep(20);
        }
      }
      async end() {
        this.pattern.end();
        await sleep(1000);
        const told = {name: this.name, agent: navigator.userAgent, framesSent: 0, state: this.pc.connectionState};
        for (const s of (await this.pc.getStats()).values()) {
          if (s.type == 'outbound-rtp' && s.kind == 'video') {
            Object.assign(told, {framesSent: s.framesSent, nacks: s.nackCount, plis: s.pliCount, repeated: s.retransmittedPacketsSent,
              targetBitrate: s.targetBitrate, limitedBy: s.qualityLimitationReason, width: s.frameWidth, height: s.frameHeight});
          }
        }
        told.late = this.pattern.late;
        told.frames = await new Promise(done => { this.worker.onmessage = event => done(event.data); this.worker.postMessage(0); });
        await this.session.end();
        this.pc.close();
        return told;
      }
    }
    """
}

/// What the page tells of its publishers.
struct Published: Decodable {
  struct Frame: Decodable {
    var bytes: Int
    var checksum: UInt32
    var rtpTime: UInt32
    var isKey: Bool

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      bytes = try list.decode(Int.self)
      checksum = try list.decode(UInt32.self)
      rtpTime = try list.decode(UInt32.self)
      isKey = try list.decode(Int.self) != 0
    }
  }

  struct Publisher: Decodable {
    var name: String
    var agent: String
    var framesSent: Int
    /// The connection's state shortly before the end.
    var state: String
    var nacks: Int?
    var plis: Int?
    var repeated: Int?
    /// What the browser gives its encoder at the end, in bits per second, and what it says keeps it from more.
    var targetBitrate: Double?
    var limitedBy: String?
    var width: Int?
    var height: Int?
    /// By how many seconds each flash was drawn later than its beep: pictures have their own rate, and a busy browser is late besides.
    var late: [Double]
    /// Every coded picture, in the order in which the encoder made them.
    var frames: [Frame]
  }
  var error: String?
  var publishers: [Publisher]
}
