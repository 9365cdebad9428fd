package import Client
import Foundation
package import JSON
import Testing

/// A refusal of the control API, as a client sees it.
package struct Refusal: Equatable, CustomStringConvertible {
  package var status: Int
  package var code: String
  package var message: String
  package var field: String?
  package var description: String { "\(status) \(code): \(message)" }
}

/// One real `tapedeck serve`, on a folder and a control socket of its own.
package final class Daemon {
  /// The binary that was built beside these tests.
  package static let binary: String = {
    let tests = URL(filePath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0])
    return tests.deletingLastPathComponent().appending(path: "tapedeck").path
  }()

  package let scratch: Scratch
  package let root: String
  package let socket: String
  package let logPath: String
  package let client: ControlClient
  private let process: Process

  package var pid: Int32 { process.processIdentifier }
  package var isRunning: Bool { process.isRunning }
  package var log: String { Disk.text(logPath) }

  /// Starts it and waits until it is ready for calls. `root` and `socket` are below the scratch folder unless told otherwise.
  package convenience init(
    _ flags: [String] = [], in scratch: Scratch? = nil, root: String? = nil, environment: [String: String] = [:], portRange: Bool = true
  ) throws {
    try self.init(launching: flags, in: scratch, root: root, environment: environment, portRange: portRange)
    try #require(isReady(), "tapedeck serve is not ready: \(log)")
  }

  /// Starts it with these flags alone, and waits until it is ready. `socket` is where it is expected to listen.
  package convenience init(bare flags: [String], in scratch: Scratch, socket: String? = nil, environment: [String: String] = [:]) throws {
    let path = socket ?? scratch.path + "/tapedeck/control.sock"
    try self.init(launching: flags, in: scratch, socket: path, environment: environment, isBare: true)
    try #require(isReady(), "tapedeck serve is not ready: \(log)")
  }

  /// Starts it and waits for nothing.
  package init(
    launching flags: [String], in scratch: Scratch? = nil, root: String? = nil, socket: String? = nil, environment: [String: String] = [:],
    portRange: Bool = true, isBare: Bool = false
  ) throws {
    self.scratch = try scratch ?? Scratch()
    self.root = root ?? self.scratch.path + "/rec"
    self.socket = socket ?? self.scratch.path + "/c.sock"
    logPath = self.scratch.path + "/log-\(UInt32.random(in: 0...UInt32.max))"
    client = ControlClient(socketPath: self.socket)
    process = Process()
    process.executableURL = URL(filePath: Daemon.binary)
    // Other daemons run at the same time: each has ports of its own.
    let ports = portRange ? ["--port-range", Ports.next()] : []
    process.arguments = ["serve"] + (isBare ? [] : ["--control", self.socket, "--root", self.root] + ports) + flags
    var all = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("TAPEDECK_") }
    all["XDG_RUNTIME_DIR"] = self.scratch.path
    process.environment = all.merging(environment) { $1 }
    process.currentDirectoryURL = URL(filePath: self.scratch.path)
    #expect(FileManager.default.createFile(atPath: logPath, contents: nil))
    process.standardError = try FileHandle(forWritingTo: URL(filePath: logPath))
    process.standardOutput = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    if process.isRunning { kill(pid, SIGKILL) }
    process.waitUntilExit()
  }

  package func isReady() -> Bool {
    eventually { !isRunning || (try? client.call("GET", ["readyz"])) != nil } && isRunning
  }

  package func signal(_ number: Int32) { kill(pid, number) }

  /// Waits for its end; answers its exit code, or minus the signal that killed it.
  package func exitCode() -> Int32 {
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
  }

  /// As a crash ends it.
  package func crash() {
    signal(SIGKILL)
    _ = exitCode()
  }

  /// A daemon on the same root and socket, after this one has ended.
  package func restarted(_ flags: [String] = []) throws -> Daemon { try Daemon(flags, in: scratch, root: root) }

  /// Ends this one properly and starts another in its place.
  package func restartedInPlace() throws -> Daemon {
    signal(SIGTERM)
    #expect(exitCode() == 0)
    return try restarted()
  }

  // MARK: Calls

  @discardableResult
  package func call(_ method: String, _ path: [String], _ body: JSONValue? = nil, query: [(String, String)] = []) throws -> JSONValue {
    do {
      return try client.call(method, ["v1"] + path, query: query, body: body?.bytes(), timeoutSeconds: 60).json()
    } catch {
      throw CallFailure(call: "\(method) \(path.joined(separator: "/"))", error: error)
    }
  }

  /// The text of something that is no JSON: a playlist, the metrics.
  package func text(_ path: [String]) throws -> String { String(decoding: try bytes(path), as: UTF8.self) }

  package func bytes(_ path: [String]) throws -> [UInt8] {
    do {
      return try client.call("GET", path).body
    } catch {
      throw CallFailure(call: "GET \(path.joined(separator: "/"))", error: error)
    }
  }

  /// What the daemon says to a call that it should refuse; nil where it does not.
  package func refusal(_ method: String, _ path: [String], _ body: JSONValue? = nil, query: [(String, String)] = []) -> Refusal? {
    do {
      try call(method, path, body, query: query)
    } catch let failure as CallFailure {
      if case .refused(let status, let code, let message, let field) = failure.error {
        return Refusal(status: status, code: code ?? "", message: message, field: field)
      }
      Issue.record("\(failure)")
    } catch {
      Issue.record("\(error)")
    }
    return nil
  }

  package func start(_ specification: JSONValue) throws -> Recording { Recording(self, try call("POST", ["recordings"], specification)) }

  package func recordings() throws -> [JSONValue] {
    try call("GET", ["recordings"], query: [("limit", "100")])["recordings"]?.arrayValue ?? []
  }

  package struct CallFailure: Error, CustomStringConvertible {
    package var call: String
    package var error: ControlClientError
    package var description: String { "\(call): \(error.message)" }
  }
}

/// Ranges of ports for daemons that run beside each other, below those that the system gives to anybody.
package enum Ports {
  private static let lock = NSLock()
  private nonisolated(unsafe) static var cursor = 10_000 + Int(getpid()) % 100 * 200

  /// The next range of `count` ports that nobody uses.
  package static func next(_ count: Int = 100) -> String {
    lock.withLock {
      while true {
        if unsafe cursor + count > 32_000 { unsafe cursor = 10_000 }
        let first = unsafe cursor
        unsafe cursor += count
        let probes = (first..<first + count).map { try? Endpoint(port: UInt16($0)) }
        if probes.allSatisfy({ $0 != nil }) { return "\(first)-\(first + count - 1)" }
      }
    }
  }
}
