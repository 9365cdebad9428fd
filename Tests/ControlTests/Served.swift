import Control
import Foundation
import Recording
import Synchronization

/// A control server on a socket of its own in a folder of its own, with a fake recorder behind it; all gone with it.
final class Served: Sendable {
  let folder: String
  private let kept: TemporaryFolder
  let socket: String
  let recorder: FakeRecorder
  let server: ControlServer
  private let records: Records

  final class Records: Sendable {
    let all = Mutex<[RequestRecord]>([])
  }

  init(_ configure: (inout ControlServerConfiguration) -> Void = { _ in }) throws {
    kept = try TemporaryFolder()
    folder = kept.path
    socket = folder + "/c.sock"
    recorder = FakeRecorder(folder: folder + "/files")
    var configuration = ControlServerConfiguration(path: socket)
    configure(&configuration)
    let records = Records()
    self.records = records
    server = try ControlServer(configuration, recorder: recorder) { record in records.all.withLock { $0.append(record) } }
  }
  deinit {
    recorder.openGate()
    server.stop()
  }

  /// What was logged so far.
  var log: [RequestRecord] { records.all.withLock { $0 } }
  func connect() throws -> UnixClient { try UnixClient(socket) }
  /// One request on a connection of its own.
  func ask(_ method: String, _ target: String, _ body: String? = nil, headers: [String] = []) throws -> Answer {
    let client = try connect()
    client.request(method, target, body, headers: headers)
    return try client.answer(toHead: method == "HEAD")
  }
  /// One request over TCP, with a bearer token where one is given.
  func askOverTCP(
    _ method: String, _ target: String, _ body: String? = nil, token: String? = nil, headers: [String] = []
  ) throws -> Answer {
    guard let address = server.networkAddress else { throw CocoaError(.fileNoSuchFile) }
    let client = try UnixClient(address)
    client.request(method, target, body, headers: headers + (token.map { ["Authorization: Bearer \($0)"] } ?? []))
    return try client.answer(toHead: method == "HEAD")
  }
  /// Puts a file where the recorder says that a recording's files are.
  func write(_ path: String, _ bytes: [UInt8]) throws {
    let url = URL(fileURLWithPath: recorder.folderPath + "/" + path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }
}

/// A folder of its own, with a path short enough for a socket in it; gone with everything in it when released.
final class TemporaryFolder: Sendable {
  let path: String
  init() throws {
    path = NSTemporaryDirectory() + "deck-" + UUID().uuidString.prefix(13)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A start that asks for the least.
let smallStart = #"{"room":"r","source":{"type":"rtp","tracks":[{"participant":"a","codec":"opus","payloadType":111}]}}"#
