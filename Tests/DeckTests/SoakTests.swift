import DeckRig
import JSON
import Testing

/// A daemon that has worked for long is as it was.
@Suite struct SoakTests {
  private struct Measure {
    var files: Int
    var threads: Int
    var resident: Int
    var load: Int
  }

  private func measure(_ daemon: Daemon) throws -> Measure {
    let process = Proc(daemon.pid)
    // Connections are closed by their own threads, a moment after the client has gone.
    var last = Measure(files: process.files, threads: process.threads, resident: process.resident, load: 0)
    _ = eventually(within: 2) {
      let now = Measure(files: process.files, threads: process.threads, resident: process.resident, load: 0)
      defer { last = now }
      return now.files == last.files && now.threads == last.threads && now.files < 60
    }
    last.load = try daemon.call("GET", ["node"])["load"]?.count("recordings") ?? -1
    return last
  }

  /// Starts and stops with media, HLS, a late source and a pause in some of them.
  @Test func cyclesLeaveDescriptorsThreadsAndMemoryWhereTheyWere() throws {
    let daemon = try Daemon()
    let capture = try Capture("jan-vp8-opus")
    let endpoint = try Endpoint()
    func cycle(_ index: Int) throws {
      let recording = try daemon.start(Specs.start(hls: index % 10 == 0 ? ["segmentSeconds": 1] : nil))
      let port = try recording.port()
      for item in capture.items([111: port, 96: port], to: 0.5) { endpoint.send(item.bytes, to: item.port) }
      if index % 7 == 0 {
        try daemon.call("POST", ["recordings", recording.id, "sources"], Specs.source([Specs.opus("late")]))
      }
      let done = try recording.stop()
      #expect(done.status == "completed")
      #expect(done.files.count == 1)
      try daemon.call("DELETE", ["recordings", recording.id])
    }
    for index in 0..<40 { try cycle(index) }
    let warm = try measure(daemon)
    for index in 0..<200 { try cycle(index) }
    let after = try measure(daemon)
    #expect(after.load == 0)
    #expect(after.files <= warm.files)
    #expect(after.threads <= warm.threads)
    // What may grow is the memory of events: 4,608 of them, half a kilobyte each. A recording that is not let go takes more than that.
    #expect(after.resident <= warm.resident + 4_000, "resident memory went from \(warm.resident) to \(after.resident) kB")
    print("after 40 cycles: \(warm); after 240: \(after)")
  }

  @Test func anIdleDaemonIsSmall() throws {
    let daemon = try Daemon()
    _ = try daemon.call("GET", ["node"])
    let resident = Proc(daemon.pid).resident
    #expect(resident < 46_000, "\(resident) kB")
  }
}
