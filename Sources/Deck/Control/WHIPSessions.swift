import Synchronization

/// One publisher's session: which source of which recording it is, and the tag of its ICE session.
final class WHIPSession: Sendable {
  let id: String
  let room: String
  let recording: String
  let source: String
  let participant: String
  /// The entity tag, in its quotes. Held while ICE candidates are taken, so that a restart and candidates of the time before it never
  /// cross.
  let tag: Mutex<String>

  init(room: String, recording: String, source: String, participant: String) {
    id = WHIPSession.random(words: 2)
    self.room = room
    self.recording = recording
    self.source = source
    self.participant = participant
    tag = Mutex(WHIPSession.newTag())
  }

  /// A tag that no ICE session had before.
  static func newTag() -> String { "\"\(random(words: 1))\"" }

  /// Hexadecimal digits that cannot be guessed: the system's generator makes them.
  private static func random(words: Int) -> String {
    (0..<words).map { _ in
      let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}

/// The sessions of a node. What ends without its publisher's word is found by looking at a few sessions whenever one is added, so that
/// there are never many more than are alive.
final class WHIPSessions: Sendable {
  private struct Table {
    var sessions: [String: WHIPSession] = [:]
    /// Their ids, in the order in which they are to be looked at next.
    var queue: [String] = []
  }
  private let table = Mutex(Table())
  /// One room's changes come one after another, however they arrive: two publishers of an empty room must meet in one recording.
  private let rooms: [RoomLock] = (0..<64).map { _ in RoomLock() }

  final class RoomLock: Sendable {
    let mutex = Mutex(())
  }

  /// How many sessions are looked at for each one that is added.
  private static let sweep = 4

  /// What must not run twice at once for a room.
  func lock(room: String) -> RoomLock { rooms[Int(room.hashValue.magnitude % UInt(rooms.count))] }

  var count: Int { table.withLock { $0.sessions.count } }

  func find(_ id: String) -> WHIPSession? { table.withLock { $0.sessions[id] } }

  /// The participants of a recording's sessions that are these sources.
  func participants(of recording: String, sources: [String]) -> [String] {
    table.withLock { table in
      table.sessions.values.filter { $0.recording == recording && sources.contains($0.source) }.map(\.participant)
    }
  }

  func add(_ session: WHIPSession) {
    table.withLock { table in
      table.sessions[session.id] = session
      table.queue.append(session.id)
    }
  }

  func remove(_ session: WHIPSession) {
    table.withLock { table in
      if table.sessions.removeValue(forKey: session.id) != nil { table.queue.removeAll { $0 == session.id } }
    }
  }

  /// The sessions to look at now.
  func due() -> [WHIPSession] {
    table.withLock { table in
      let ids = Array(table.queue.prefix(WHIPSessions.sweep))
      table.queue.removeFirst(ids.count)
      table.queue += ids
      return ids.compactMap { table.sessions[$0] }
    }
  }
}
