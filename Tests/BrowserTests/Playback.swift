import Foundation
import Glibc

/// What a browser made of a presentation.
struct Playback: Decodable {
  var error: String?
  /// How far it played, in seconds, in `played` seconds of watching.
  var advanced: Double
  var frames: Int
  var dropped: Int
  var width: Int
  var height: Int
  /// Null while live.
  var duration: Double?
  /// Where a seek came to; nil where none was asked for.
  var seekedTo: Double?

  /// A page that plays `path`, watches until the time has advanced by four seconds (or twenty have passed), seeks where asked, and reports.
  static func page(_ path: String, seekTo: Double? = nil) -> String {
    """
    <!doctype html><video id=v muted autoplay playsinline width=320 src="\(path)"></video><script>
    const v = document.getElementById('v'); const began = performance.now(); let first = null, sent = false;
    function report(more) {
      if (sent) return; sent = true;
      const q = v.getVideoPlaybackQuality();
      fetch('/result', {method: 'POST', body: JSON.stringify(Object.assign({error: v.error ? v.error.message : null,
        advanced: v.currentTime - (first ?? v.currentTime), frames: q.totalVideoFrames, dropped: q.droppedVideoFrames,
        width: v.videoWidth, height: v.videoHeight, duration: isFinite(v.duration) ? v.duration : null, seekedTo: null}, more))});
    }
    v.onerror = () => report({});
    const watch = setInterval(() => {
      if (first === null && v.currentTime > 0) first = v.currentTime;
      const enough = first !== null && v.currentTime - first >= 4;
      if (!enough && performance.now() - began < 20000) return;
      clearInterval(watch);
      const seek = \(seekTo.map { "\($0)" } ?? "null");
      if (seek === null || !enough) return report({});
      const advanced = v.currentTime - first;
      v.onseeked = () => setTimeout(() => report({advanced, seekedTo: v.currentTime}), 300);
      v.currentTime = seek;
      setTimeout(() => report({advanced}), 5000);
    }, 50);
    </script>
    """
  }
}

/// A headless Chromium with a throw-away profile.
struct Browser {
  static let path = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].first { FileManager.default.isExecutableFile(atPath: $0) }

  /// Opens a page that plays, and waits for its report.
  static func play(_ server: PageServer) throws -> Playback? {
    try result(of: server, seconds: 60).map { try JSONDecoder().decode(Playback.self, from: Data($0.utf8)) }
  }

  /// Opens the server's page, waits for its report, and closes.
  static func result(of server: PageServer, flags: [String] = [], seconds: Int) throws -> String? {
    let window = try open(server, flags: flags)
    return withExtendedLifetime(window) { server.waitForResult(seconds: seconds) }
  }

  /// Opens the server's page; it closes with the last reference to the window.
  static func open(_ server: PageServer, flags: [String] = []) throws -> BrowserWindow {
    try BrowserWindow { profile in
      [
        path ?? "/usr/bin/chromium", "--headless=new", "--no-sandbox", "--user-data-dir=\(profile)", "--no-first-run", "--disable-gpu",
        "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-extensions", "--mute-audio",
      ] + flags + ["http://127.0.0.1:\(server.port)/"]
    }
  }
}

/// A browser that runs, with a throw-away profile.
final class BrowserWindow {
  private let profile = FileManager.default.temporaryDirectory.appendingPathComponent("tapedeck-browser-\(UUID().uuidString)")
  private let process = Process()

  /// `command`: of the profile's folder, which exists. `environment`: beside the test's own.
  init(environment: [String: String] = [:], _ command: (String) throws -> [String]) throws {
    try FileManager.default.createDirectory(at: profile, withIntermediateDirectories: true)
    let words = try command(profile.path)
    process.executableURL = URL(fileURLWithPath: words[0])
    process.arguments = Array(words.dropFirst())
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    if process.isRunning {
      process.terminate()
      // Not every browser hears the softer signal, which a child of this process has blocked.
      for _ in 0..<60 where process.isRunning { usleep(50_000) }
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      process.waitUntilExit()
    }
    try? FileManager.default.removeItem(at: profile)
  }
}
