import DeckRig
import Client
import JSON
import Testing

/// Events as clients follow them.
@Suite struct EventTests {
  /// Everything that a stream brings until it ends, or until `isEnough`.
  private func follow(_ stream: EventStream, until isEnough: ([JSONValue]) -> Bool = { _ in false }) throws -> [JSONValue] {
    var events: [JSONValue] = []
    let end = Moment.now + 60
    while Moment.now < end {
      switch try stream.wait(milliseconds: 100) {
      case .events(let came): events += try came.map { try JSONValue(parsing: Array($0.data.utf8)) }
      case .nothing: break
      case .closed: return events
      }
      if isEnough(events) { return events }
    }
    Issue.record("the stream does not end: \(events.map(\.type))")
    return events
  }

  private func fill(_ recording: Recording, seconds: Double = 2) throws {
    let capture = try Capture("jan-vp8-opus")
    let port = try recording.port()
    Feed(capture.items([111: port, 96: port], to: seconds), from: [try Endpoint()], speed: 4).finish()
  }

  @Test func aRecordingsStreamIsItsWholeStoryAndEndsWithIt() throws {
    let daemon = try Daemon()
    let recording = try daemon.start(Specs.start(hls: ["segmentSeconds": 1]))
    let stream = try daemon.client.events(of: recording.id)
    try fill(recording)
    try recording.stop()
    let events = try follow(stream)
    #expect(events == recording.log)
    #expect(events.first?.type == "recording.starting")
    #expect(events.last?.type == "recording.completed")
    let types = Set(events.map(\.type))
    #expect(types.isSuperset(of: ["recording.started", "participant.joined", "track.started", "participant.left", "track.ended"]))
    let ids = events.map { $0.count("id") }
    #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
    for event in events { #expect(event["recording"]?.stringValue == recording.id && event["room"] == "algebra-101") }
    // Resumed in the middle, and after the end.
    let middle = ids[ids.count / 2]
    #expect(try follow(try daemon.client.events(of: recording.id, after: "\(middle)")).map { $0.count("id") } == ids.filter { $0 > middle })
    #expect(try follow(try daemon.client.events(of: recording.id, after: "\(ids.last ?? 0)")).isEmpty)
    #expect(try follow(try daemon.client.events(of: recording.id, after: "\(Int64.max)")).isEmpty)
    #expect(throws: ControlClientError.self) { try follow(try daemon.client.events(of: recording.id, after: "\(UInt64.max)")) }
  }

  @Test func aClientThatLostMoreThanTheRingHoldsMissesNothing() throws {
    let daemon = try Daemon()
    let quiet = try daemon.start(Specs.start(room: "quiet"))
    let first = try #require(try follow(try daemon.client.events(of: quiet.id)) { !$0.isEmpty }.first)
    // 4,608 events are kept in memory. A start and a stop are four.
    var ended: [Recording] = []
    for index in 0..<1_300 {
      let recording = try daemon.start(Specs.start([Specs.opus()], room: "busy-\(index % 5)"))
      try recording.stop()
      ended.append(recording)
    }
    #expect(
      try follow(try daemon.client.events(of: ended[0].id)).map(\.type) == [
        "recording.starting", "recording.stopped", "recording.processing", "recording.completed",
      ])
    // The node's stream goes back to the logs of all recordings, and joins what is in memory without a gap.
    let wanted = 1 + 4 * ended.count
    let all = try follow(try daemon.client.events(of: nil, after: "\(first.count("id"))")) { $0.count >= wanted - 1 }
    #expect(all.map { $0.count("id") } == Array(first.count("id") + 1..<first.count("id") + wanted))
    // The quiet one's client hears of its end, however long ago its last event was.
    let stream = try daemon.client.events(of: quiet.id, after: "\(first.count("id"))")
    #expect(try stream.wait(milliseconds: 300) == .nothing)
    try quiet.stop()
    #expect(try follow(stream).map(\.type) == ["recording.stopped", "recording.processing", "recording.completed"])
  }

  @Test func numbersRiseAcrossRestartsAndErasures() throws {
    let scratch = try Scratch()
    var daemon = try Daemon(in: scratch)
    var last = 0
    for round in 0..<3 {
      let recording = try daemon.start(Specs.start())
      let stream = try daemon.client.events(of: nil, after: "\(last)")
      try recording.stop()
      try daemon.call("DELETE", ["recordings", recording.id])
      let events = try follow(stream) { $0.last?.type == "recording.deleted" }
      let ids = events.map { $0.count("id") }
      #expect(ids.first.map { $0 > last } == true)
      #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
      last = try #require(ids.last)
      if round == 0 {
        daemon.crash()
      } else {
        daemon.signal(15)
        #expect(daemon.exitCode() == 0)
      }
      daemon = try daemon.restarted()
    }
  }

  @Test func aStreamHearsOfTheEndThatASignalBrings() throws {
    let daemon = try Daemon()
    let recording = try daemon.start(Specs.start(hls: ["segmentSeconds": 1]))
    try fill(recording)
    let own = try daemon.client.events(of: recording.id)
    let all = try daemon.client.events(of: nil, after: "0")
    _ = try own.wait(milliseconds: 1000)
    _ = try all.wait(milliseconds: 1000)
    daemon.signal(15)
    #expect(try follow(own).last?.type == "recording.completed")
    #expect(try follow(all).last?.type == "recording.completed")
    #expect(daemon.exitCode() == 0)
  }
}
