import Control
import Foundation
import Ground
import Recording
import Synchronization
import Testing

@Suite struct SocketTests {
  private func mode(_ path: String) throws -> Int {
    try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }
  private func serve(_ path: String, group: String? = nil) throws(ControlServerError) -> ControlServer {
    try ControlServer(ControlServerConfiguration(path: path, group: group), recorder: FakeRecorder(folder: "/nowhere"))
  }
  private func refusal(_ path: String, group: String? = nil) -> ControlServerError? {
    do throws(ControlServerError) {
      try serve(path, group: group).stop()
      return nil
    } catch {
      return error
    }
  }

  @Test func theSocketIsOursAloneAndItsFolderToo() throws {
    let kept = try TemporaryFolder()
    let folder = kept.path
    let path = folder + "/new/c.sock"
    let server = try serve(path)
    #expect(try mode(path) == 0o600)
    #expect(try mode(folder + "/new") == 0o700)
    server.stop()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/new").isEmpty)
    server.stop()
  }

  @Test func aGroupMayBeLetIn() throws {
    let kept = try TemporaryFolder()
    let folder = kept.path
    let path = folder + "/new/c.sock"
    for group in ["\(getgid())", try #require(groupName())] {
      let server = try serve(path, group: group)
      #expect(try mode(path) == 0o660)
      #expect(try mode(folder + "/new") == 0o750)
      #expect(try FileManager.default.attributesOfItem(atPath: path)[.groupOwnerAccountID] as? Int == Int(getgid()))
      #expect(try UnixClient(path).isOpen)
      server.stop()
    }
    #expect(refusal(path, group: "no such group") == .unknownGroup("no such group"))
  }
  private func groupName() -> String? { unsafe getgrgid(getgid()).map { unsafe String(cString: $0.pointee.gr_name) } }

  @Test func aLiveSocketRefusesASecondDaemonByName() throws {
    let deck = try Served()
    let error = try #require(refusal(deck.socket))
    #expect(error == .alreadyListening(path: deck.socket))
    #expect("\(error)" == "another tapedeck is listening on \(deck.socket)")
    // The first one noticed nothing.
    #expect(try deck.ask("GET", "/healthz").status == 200)
  }

  @Test func aLiveSocketOfAnotherProgramIsLeftAlone() throws {
    let kept = try TemporaryFolder()
    let path = kept.path + "/c.sock"
    let other = try BoundSocket(path)
    other.listen()
    #expect(refusal(path) == .alreadyListening(path: path))
    #expect(try UnixClient(path).isOpen)
    withExtendedLifetime(other) {}
    #expect(!FileManager.default.fileExists(atPath: path + ".lock"))
  }

  @Test func aStaleSocketIsReplaced() throws {
    let kept = try TemporaryFolder()
    let path = kept.path + "/c.sock"
    // Bound and never listening is what a dead daemon's file looks like.
    let stale = try BoundSocket(path)
    let server = try serve(path)
    #expect(try UnixClient(path).isOpen)
    server.stop()
    withExtendedLifetime(stale) {}
  }

  @Test func whatIsNoSocketIsNeverRemoved() throws {
    let kept = try TemporaryFolder()
    let folder = kept.path
    try Data("mine".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
    try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: folder + "/gone")
    for name in ["file", "link"] { #expect(refusal(folder + "/" + name) == .notASocket(path: folder + "/" + name)) }
    try FileManager.default.createDirectory(atPath: folder + "/dir", withIntermediateDirectories: true)
    #expect(refusal(folder + "/dir") == .notASocket(path: folder + "/dir"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["dir", "file", "link"])
    #expect(try String(contentsOfFile: folder + "/file", encoding: .utf8) == "mine")
  }

  @Test func aSocketThatIsNoLongerOursIsNotRemoved() throws {
    let kept = try TemporaryFolder()
    let path = kept.path + "/c.sock"
    let server = try serve(path)
    try FileManager.default.removeItem(atPath: path)
    let other = try BoundSocket(path)
    server.stop()
    #expect(FileManager.default.fileExists(atPath: path))
    withExtendedLifetime(other) {}
  }

  @Test func whatTheSystemRefusesIsSaid() throws {
    let kept = try TemporaryFolder()
    let folder = kept.path
    let long = folder + "/" + String(repeating: "x", count: 108 - folder.utf8.count - 1)
    #expect(refusal(long) == .pathTooLong(path: long, limit: 107))
    #expect(refusal(String(long.dropLast(6))) == nil)
    #expect(
      refusal(folder + "/a/b/c.sock")
        == .refused(step: "make the folder", path: folder + "/a/b", reason: "No such file or directory"))
    try Data().write(to: URL(fileURLWithPath: folder + "/file"))
    #expect(
      refusal(folder + "/file/c.sock") == .refused(step: "open the lock", path: folder + "/file/c.sock.lock", reason: "Not a directory"))
  }

  @Test func ofManyThatStartAtOnceOneServes() throws {
    let kept = try TemporaryFolder()
    let path = kept.path + "/c.sock"
    for round in 0..<20 {
      // Every second round begins with a stale file that each of them would replace.
      let stale = round % 2 == 0 ? nil : try BoundSocket(path)
      let servers = Mutex<[ControlServer]>([])
      let refusals = Mutex<[ControlServerError]>([])
      let threads = (0..<8).map { _ in
        Thread {
          do throws(ControlServerError) {
            let server = try serve(path)
            servers.withLock { $0.append(server) }
          } catch {
            refusals.withLock { $0.append(error) }
          }
        }
      }
      for thread in threads { thread.start() }
      while threads.contains(where: { !$0.isFinished }) { sched_yield() }
      #expect(servers.withLock { $0.count } == 1)
      #expect(refusals.withLock { $0 } == Array(repeating: .alreadyListening(path: path), count: 7))
      #expect(try UnixClient(path).isOpen)
      for server in servers.withLock({ $0 }) { server.stop() }
      withExtendedLifetime(stale) {}
    }
  }

  @Test func stoppingLetsAnswersUnderWayFinish() throws {
    let deck = try Served { $0.drain = .seconds(20) }
    deck.recorder.closeGate()
    let waiting = try deck.connect()
    waiting.request("POST", "/v1/recordings", smallStart)
    #expect(deck.recorder.waitUntilEntered(1))
    let idle = try deck.connect()
    idle.request("GET", "/healthz")
    #expect(try idle.answer().status == 200)
    let stopper = Thread { deck.server.stop() }
    stopper.start()
    // The socket is gone, and what still comes is refused while the answer is awaited.
    while FileManager.default.fileExists(atPath: deck.socket) { sched_yield() }
    idle.request("GET", "/healthz")
    let refused = try idle.answer()
    #expect(refused.status == 503 && refused.errorCode == "shuttingDown")
    deck.recorder.openGate()
    #expect(try waiting.answer().status == 201)
    while !stopper.isFinished { sched_yield() }
    #expect(try waiting.isAtEnd())
  }

  @Test func nothingIsLeftOfAServer() async {
    await #expect(processExitsWith: .success) {
      func count(_ folder: String) throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/" + folder).count }
      func cycle() throws {
        let deck = try Served()
        try deck.write("f", [1, 2, 3])
        deck.recorder.add("r")
        let clients = try (0..<20).map { _ in try deck.connect() }
        for (i, client) in clients.enumerated() {
          client.request("GET", ["/healthz", "/v1/events", "/v1/recordings/r/files/f", "/none"][i % 4])
          _ = try client.head()
        }
        deck.server.stop()
      }
      try cycle()
      let before = (try count("fd"), try count("task"))
      for _ in 0..<5 { try cycle() }
      // A thread that was joined may be listed for a moment more.
      let same = try eventually { try count("task") <= before.1 }
      guard same, try count("fd") == before.0 else { exit(1) }
    }
  }
}

/// A Unix stream socket that is bound, and listens only when told.
@safe final class BoundSocket {
  private let descriptor: Int32
  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let result = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    if result != 0 { throw UnixClient.Failure(what: "bind: errno \(errno)") }
  }
  func listen() { _ = Foundation.listen(descriptor, 5) }
  deinit { close(descriptor) }
}

extension UnixClient {
  /// It was made, so that somebody listens.
  var isOpen: Bool { descriptor >= 0 }
}
