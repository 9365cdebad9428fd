import Foundation

/// What a browser saw of one presentation, from its start to its end.
struct Watched: Decodable {
  /// What the page saw from one moment on: the size that the element tells, and the colours of the shown picture's quarters from the top
  /// left in lines, the first letters of white, red, green, blue and black; `?` for none of them.
  struct Sight: Decodable {
    var width: Int
    var height: Int
    var corners: String
  }
  var path: String
  /// The element's own player, or the page's over Media Source Extensions where the browser has none for playlists.
  var player: String
  var error: String?
  var ended: Bool
  var time: Double
  var duration: Double?
  var sights: [Sight]

  /// What was seen of the sender's pictures: black is shown where there are none.
  private var pictures: [Sight] { sights.filter { $0.corners != "kkkk" } }
  var corners: [String] { pictures.map(\.corners) }
  /// The sizes in the order in which they were seen.
  var sizes: [String] {
    pictures.reduce(into: []) { sizes, sight in
      let size = "\(sight.width)x\(sight.height)"
      if sizes.last != size { sizes.append(size) }
    }
  }

  /// A page that plays all of `paths` at once from start to end, and reports what it saw of each.
  static func page(_ paths: [String]) -> String {
    """
    <!doctype html><body><script>
    const paths = [\(paths.map { "'\($0)'" }.joined(separator: ", "))];
    const tint = d => d[0] > 170 && d[1] > 170 && d[2] > 170 ? 'w' : d[0] < 60 && d[1] < 60 && d[2] < 60 ? 'k'
      : d[0] > 150 && d[1] < 100 && d[2] < 100 ? 'r' : d[1] > 150 && d[0] < 100 && d[2] < 100 ? 'g'
      : d[2] > 150 && d[0] < 100 && d[1] < 100 ? 'b' : '?';
    // RFC 8216: what a player does that has only Media Source Extensions.
    async function feed(video, path) {
      const base = path.replace(/[^/]*$/, '');
      const master = await (await fetch(path)).text();
      const codecs = master.match(/CODECS="([^"]+)"/)[1];
      const media = master.split('\\n').filter(line => line && line[0] != '#')[0];
      const list = (await (await fetch(base + media)).text()).split('\\n');
      const source = new MediaSource();
      video.src = URL.createObjectURL(source);
      await new Promise(done => source.addEventListener('sourceopen', done, {once: true}));
      const buffer = source.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
      let first = true;
      for (const line of list) {
        const map = line.match(/^#EXT-X-MAP:URI="([^"]+)"/);
        const name = map ? map[1] : line && line[0] != '#' ? line : null;
        if (!name) continue;
        const bytes = await (await fetch(base + name)).arrayBuffer();
        await new Promise((done, fail) => {
          buffer.onupdateend = done;
          buffer.onerror = () => fail(new Error(`${name}: ${video.error && video.error.message}`));
          buffer.appendBuffer(bytes);
        });
        // A presentation whose first picture is not at zero.
        if (first && buffer.buffered.length) { first = false; video.currentTime = buffer.buffered.start(0); }
      }
      source.endOfStream();
    }
    async function watch(path) {
      const seen = {path, player: 'element', error: null, ended: false, time: 0, duration: null, sights: []};
      const video = document.createElement('video');
      video.muted = true; video.width = 320; document.body.append(video);
      const canvas = document.createElement('canvas');
      canvas.width = canvas.height = 64;
      const context = canvas.getContext('2d', {willReadFrequently: true});
      const look = () => {
        if (video.readyState < 2 || !video.videoWidth) return;
        context.drawImage(video, 0, 0, 64, 64);
        const at = (x, y) => tint(context.getImageData(x, y, 1, 1).data);
        const sight = {width: video.videoWidth, height: video.videoHeight, corners: at(16, 16) + at(48, 16) + at(16, 48) + at(48, 48)};
        const last = seen.sights[seen.sights.length - 1];
        if (!last || JSON.stringify(last) != JSON.stringify(sight)) seen.sights.push(sight);
      };
      try {
        const over = new Promise((done, fail) => {
          video.onended = done;
          video.onerror = () => fail(new Error(video.error.message || `error ${video.error.code}`));
          setTimeout(() => fail(new Error('not at its end in time')), 60000);
        });
        video.onresize = look;
        const timer = setInterval(look, 60);
        if (path.endsWith('.m3u8') && !video.canPlayType('application/vnd.apple.mpegurl')) {
          seen.player = 'page';
          await Promise.race([over, feed(video, path)]);
        } else {
          video.src = path;
        }
        video.play().catch(() => {});
        await over;
        look();
        clearInterval(timer);
      } catch (e) { seen.error = `${e}`; }
      seen.ended = video.ended; seen.time = video.currentTime; seen.duration = isFinite(video.duration) ? video.duration : null;
      return seen;
    }
    Promise.all(paths.map(watch)).then(all => fetch('/result', {method: 'POST', body: JSON.stringify(all)}));
    </script>
    """
  }
}
