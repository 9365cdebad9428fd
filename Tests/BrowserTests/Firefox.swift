import Foundation
import Glibc

/// Debian's headless Firefox in a network of its own, for it offers no loopback addresses; its sound goes to a PulseAudio of the test's own
/// that plays to nobody, for without a device no sound is made.
final class Firefox {
  static let path = ["/usr/bin/firefox-esr", "/usr/bin/firefox"].first { FileManager.default.isExecutableFile(atPath: $0) }
  /// Why no test can run it here; nil where one can.
  static let problem: String? =
    if path == nil {
      "Firefox is not installed"
    } else if !FileManager.default.isExecutableFile(atPath: "/usr/bin/pulseaudio") {
      "PulseAudio is not installed, and Firefox makes no sound without"
    } else {
      NetworkNamespace.problem
    }

  /// What its profile says beside the defaults: pages may play without being asked, and nothing is fetched from anywhere.
  private static let preferences: [(String, String)] = [
    ("media.autoplay.default", "0"), ("media.autoplay.blocking_policy", "0"), ("media.autoplay.block-webaudio", "false"),
    ("dom.security.https_first", "false"), ("dom.timeout.enable_budget_timer_throttling", "false"),
    ("app.update.enabled", "false"), ("browser.shell.checkDefaultBrowser", "false"),
    ("browser.startup.homepage_override.mstone", "\"ignore\""), ("browser.safebrowsing.malware.enabled", "false"),
    ("browser.safebrowsing.phishing.enabled", "false"), ("datareporting.policy.dataSubmissionEnabled", "false"),
    ("media.gmp-manager.updateEnabled", "false"), ("network.captive-portal-service.enabled", "false"),
    ("network.connectivity-service.enabled", "false"), ("toolkit.telemetry.enabled", "false"),
  ]

  private let sound: PulseAudio
  private let window: BrowserWindow

  init(_ address: String, in network: NetworkNamespace) throws {
    let sound = try PulseAudio()
    self.sound = sound
    window = try BrowserWindow(environment: ["PULSE_SERVER": "unix:" + sound.socket]) { profile in
      let text = Firefox.preferences.map { "user_pref(\"\($0.0)\", \($0.1));\n" }.joined()
      try Data(text.utf8).write(to: URL(fileURLWithPath: profile + "/user.js"))
      return network.command([Firefox.path ?? "firefox-esr", "--headless", "--no-remote", "--profile", profile, address])
    }
  }
}

/// A sound server whose only device is none.
private final class PulseAudio {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tapedeck-sound-\(UUID().uuidString)")
  private let process = Process()
  let socket: String

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    socket = folder.path + "/native"
    let script = folder.appendingPathComponent("script")
    try Data(
      """
      load-module module-null-sink sink_name=none rate=48000
      load-module module-native-protocol-unix auth-anonymous=1 socket=\(socket)

      """.utf8
    ).write(to: script)
    // It closes every descriptor that it was born with, which Foundation takes for its end: so it is a shell's child.
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [
      "-c", "pulseaudio \"$@\" & echo $! > \"$HOME/pid\"; wait", "sh", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
      "--disable-shm=yes", "-F", script.path,
    ]
    process.environment = ProcessInfo.processInfo.environment.merging(["HOME": folder.path, "XDG_RUNTIME_DIR": folder.path]) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    for _ in 0..<200 where !FileManager.default.fileExists(atPath: socket) { usleep(50_000) }
  }

  deinit {
    if let pid = (try? String(contentsOf: folder.appendingPathComponent("pid"), encoding: .utf8)).flatMap({ Int32($0.dropLast()) }) {
      kill(pid, SIGKILL)
    }
    // The shell does not hear of its child's end: signals are blocked here, and so in what is started from here.
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: folder)
  }
}
