import Foundation
import Glibc
import Synchronization

/// A Janus of the test's own on loopback: Debian's program with its VideoRoom and its HTTP API, and nothing else.
final class Janus {
  /// Debian's modules, below a folder that is named after the machine's kind.
  static let modules: String? = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib"))?.map { "/usr/lib/\($0)/janus" }.first {
    FileManager.default.fileExists(atPath: $0 + "/plugins/libjanus_videoroom.so")
  }
  static let isInstalled = modules != nil && FileManager.default.isExecutableFile(atPath: "/usr/bin/janus")
  static let room = 4711

  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tapedeck-janus-\(UUID().uuidString)")
  private let process = Process()
  /// Where its API is.
  let api: String

  /// `isLite`: it is an ICE-lite agent, which leaves the checks to its peers.
  init(isLite: Bool = false) throws {
    let port = try freePort()
    api = "http://127.0.0.1:\(port)/janus"
    try configure(port: port, isLite: isLite)
    let log = folder.appendingPathComponent("log")
    guard FileManager.default.createFile(atPath: log.path, contents: nil) else { throw Command.Failure(description: "no file for a log") }
    process.executableURL = URL(fileURLWithPath: "/usr/bin/janus")
    process.arguments = ["--configs-folder=\(folder.path)", "--config=\(folder.path)/janus.jcfg"]
    process.standardOutput = try FileHandle(forWritingTo: log)
    process.standardError = process.standardOutput
    try process.run()
    for _ in 0..<400 {
      if (try? Command.run(["curl", "-sf", api + "/info"])) != nil { return }
      usleep(50_000)
    }
    throw Command.Failure(description: "Janus did not start: \((try? String(contentsOf: log, encoding: .utf8).suffix(2000)) ?? "")")
  }

  deinit {
    if process.isRunning {
      // A child of this process has the softer signals blocked, as the thread that started it has, and Janus leaves them so.
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    try? FileManager.default.removeItem(at: folder)
  }

  /// Only what is wanted is linked into the folders that it loads its modules from.
  private func configure(port: UInt16, isLite: Bool) throws {
    let files = FileManager.default
    for (kind, module) in [("plugins", "libjanus_videoroom.so"), ("transports", "libjanus_http.so"), ("events", nil), ("loggers", nil)] {
      try files.createDirectory(at: folder.appendingPathComponent(kind), withIntermediateDirectories: true)
      guard let module, let modules = Janus.modules else { continue }
      try files.createSymbolicLink(atPath: "\(folder.path)/\(kind)/\(module)", withDestinationPath: "\(modules)/\(kind)/\(module)")
    }
    let first = 50_000 + Int(port) % 45 * 200
    try write(
      "janus.jcfg",
      """
      general: {
        configs_folder = "\(folder.path)", plugins_folder = "\(folder.path)/plugins", transports_folder = "\(folder.path)/transports"
        events_folder = "\(folder.path)/events", loggers_folder = "\(folder.path)/loggers", debug_level = 4
      }
      media: { rtp_port_range = "\(first)-\(first + 199)" }
      nat: { ice_enforce_list = "127.0.0.1,lo", ignore_mdns = true, ice_lite = \(isLite) }
      """)
    try write("janus.transport.http.jcfg", #"general: { json = "compact", http = true, port = \#(port), ip = "127.0.0.1", https = false }"#)
    try write(
      "janus.plugin.videoroom.jcfg",
      #"room-\#(Janus.room): { description = "tape", publishers = 8, bitrate = 0, audiocodec = "opus", videocodec = "vp8" }"#)
  }

  private func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
  }
}

/// One handle of Janus's VideoRoom, by its HTTP API.
final class VideoRoomHandle {
  private let session: String
  private let handle: String
  /// What its long polls brought, as it came.
  private let arrived = Arrivals()
  /// Events that nobody has asked for yet, oldest first.
  private var events: [[String: Any]] = []

  init(_ janus: Janus) throws {
    let session = try VideoRoomHandle.opened(janus.api, ["janus": "create"])
    self.session = session
    handle = try VideoRoomHandle.opened(session, ["janus": "attach", "plugin": "janus.plugin.videoroom"])
    Thread.detachNewThread { [arrived] in
      while !arrived.hasEnded, let answer = try? Command.run(["curl", "-sf", "--max-time", "60", session + "?maxev=10"]) {
        arrived.append(answer)
      }
    }
  }

  deinit {
    arrived.end()
    _ = try? VideoRoomHandle.post(session, ["janus": "destroy"])
  }

  /// Sends a request, and answers the event that answers it. Throws what the VideoRoom calls an error.
  @discardableResult func ask(_ body: [String: Any], answer: String? = nil) throws -> [String: Any] {
    var message: [String: Any] = ["janus": "message", "body": body]
    if let answer { message["jsep"] = ["type": "answer", "sdp": answer] }
    let (reply, transaction) = try VideoRoomHandle.post(handle, message)
    let event = reply["janus"] as? String == "success" ? reply : try wait { $0["transaction"] as? String == transaction }
    let data = (event["plugindata"] as? [String: Any])?["data"] as? [String: Any] ?? [:]
    if let error = data["error"] { throw Command.Failure(description: "\(body["request"] ?? ""): \(error)") }
    return event
  }

  /// The description in an event.
  static func offer(_ event: [String: Any]) -> String? { (event["jsep"] as? [String: Any])?["sdp"] as? String }

  /// The oldest event that `isWanted`, taken out; nil where none has come.
  func take(_ isWanted: ([String: Any]) -> Bool) -> [String: Any]? {
    for data in arrived.take() {
      let json = try? JSONSerialization.jsonObject(with: data)
      events += json as? [[String: Any]] ?? (json as? [String: Any]).map { [$0] } ?? []
    }
    return events.firstIndex(where: isWanted).map { events.remove(at: $0) }
  }

  private func wait(_ isWanted: ([String: Any]) -> Bool) throws -> [String: Any] {
    for _ in 0..<600 {
      if let event = take(isWanted) { return event }
      usleep(50_000)
    }
    throw Command.Failure(description: "Janus has not answered")
  }

  /// The address of what a request made.
  private static func opened(_ address: String, _ request: [String: Any]) throws -> String {
    guard let id = (try post(address, request).reply["data"] as? [String: Any])?["id"] as? Int else {
      throw Command.Failure(description: "Janus made nothing of \(request)")
    }
    return "\(address)/\(id)"
  }

  private static func post(_ address: String, _ request: [String: Any]) throws -> (reply: [String: Any], transaction: String) {
    let transaction = UUID().uuidString
    let text = try JSONSerialization.data(withJSONObject: request.merging(["transaction": transaction]) { $1 })
    let answer = try Command.run(["curl", "-sf", address, "--data-binary", String(decoding: text, as: UTF8.self)])
    return (try JSONSerialization.jsonObject(with: answer) as? [String: Any] ?? [:], transaction)
  }

  /// What passes from the thread that polls to the test's.
  private final class Arrivals: Sendable {
    private let state = Mutex<(hasEnded: Bool, answers: [Data])>((false, []))
    var hasEnded: Bool { state.withLock { $0.hasEnded } }
    func end() { state.withLock { $0.hasEnded = true } }
    func append(_ answer: Data) { state.withLock { $0.answers.append(answer) } }
    func take() -> [Data] {
      state.withLock { state in
        defer { state.answers = [] }
        return state.answers
      }
    }
  }
}
