import Foundation
import Ground
import JSON
import Replay
import Synchronization
import Testing

/// A capture sent over the loopback interface is received as it was captured.
@Suite(.serialized) struct WireReplayTests {
  private static let loopback = SocketAddress(ip: "127.0.0.1", port: 0)!

  /// Datagrams received on a socket, in order, until the replay has ended and nothing waits.
  private func receive(_ sockets: [UDPSocket], while isRunning: () -> Bool, each: (Int, [UInt8], SocketAddress) -> Void) {
    while true {
      let wasRunning = isRunning()
      var isIdle = true
      for (i, socket) in sockets.enumerated() where socket.waitForData(milliseconds: 5) {
        socket.receive { datagram, source in
          isIdle = false
          var bytes: [UInt8] = []
          for at in datagram.indices { bytes.append(datagram[at]) }
          each(i, bytes, source)
        }
      }
      if isIdle, !wasRunning { return }
    }
  }

  private final class Ending: Sendable {
    let value = Mutex<(code: Int32, text: String)?>(nil)
  }

  /// Replays on a thread of its own; answers the exit code and what was printed.
  private func replay(
    _ options: WireReplay.Options, to sockets: [UDPSocket], each: (Int, [UInt8], SocketAddress) -> Void
  ) throws -> (code: Int32, json: JSONValue) {
    let ending = Ending()
    let thread = Thread {
      var text = ""
      let code = WireReplay.run(options, output: { text += $0 }, errors: { text += $0 })
      ending.value.withLock { $0 = (code, text) }
    }
    thread.start()
    receive(sockets, while: { ending.value.withLock { $0 == nil } }, each: each)
    let ended = try #require(ending.value.withLock { $0 })
    return (ended.code, try JSONValue(parsing: Array(ended.text.utf8)))
  }

  /// The sender's datagrams of a capture by the port they go to, with RTCP where it is wanted.
  private func expected(_ name: String, where isWanted: (Flow, DatagramKind, CaptureDescription) -> Bool) throws -> [[UInt8]] {
    let path = Captures.committedPath(name)
    let description = try CaptureDescription(of: path, hints: try CaptureHints(capture: path))
    var reader = try CaptureReader(path: path)
    var found: [[UInt8]] = []
    while let datagram = try reader.next() {
      guard isWanted(datagram.flow, DatagramKind(reader.payload), description) else { continue }
      var bytes: [UInt8] = []
      for i in reader.payload.indices { bytes.append(reader.payload[i]) }
      found.append(bytes)
    }
    return found
  }

  @Test func everythingFromTheSenderGoesToOnePort() throws {
    let socket = try UDPSocket(binding: Self.loopback)
    var options = WireReplay.Options(capture: Captures.committedPath("chr-vp8-l1t3"), target: socket.address)
    options.speed = 20
    options.json = true
    var received: [[UInt8]] = []
    let result = try replay(options, to: [socket]) { _, bytes, _ in received.append(bytes) }
    let want = try expected("chr-vp8-l1t3") { $2.isFromSender($0, $1) && ($1 == .rtp || $1 == .rtcp) }
    #expect(result.code == 0)
    #expect(received == want)
    #expect(result.json["packets"] == JSONValue(want.count))
    #expect(result.json["bytes"] == JSONValue(want.reduce(0) { $0 + $1.count }))
    #expect(result.json["leftOut"]?["feedback"]?.integerValue ?? 0 > 0)
    #expect(result.json["stopped"] == false)
  }

  @Test func aPortPerTrackKeepsItsRTCPBesideIt() throws {
    let sockets = try (0..<4).map { _ in try UDPSocket(binding: Self.loopback) }
    var options = WireReplay.Options(capture: Captures.committedPath("gst-vp8-loss2-reorder"), target: sockets[0].address)
    options.map = [
      5002: sockets[0].address.port, 5003: sockets[1].address.port, 5004: sockets[2].address.port, 5005: sockets[3].address.port,
    ]
    options.speed = 20
    options.json = true
    var received: [[[UInt8]]] = [[], [], [], []]
    let result = try replay(options, to: sockets) { port, bytes, _ in received[port].append(bytes) }
    #expect(result.code == 0)
    for port in 0..<4 {
      #expect(try received[port] == expected("gst-vp8-loss2-reorder") { flow, _, _ in flow.destination.port == 5002 + UInt16(port) })
    }
    #expect(result.json["rtcp"] == 5)
  }

  @Test func stoppingEndsItAtOnce() throws {
    let socket = try UDPSocket(binding: Self.loopback)
    var options = WireReplay.Options(capture: Captures.committedPath("jan-audio-dtx"), target: socket.address)
    options.speed = 0.01
    options.json = true
    var text = ""
    // At this speed the whole would take twenty minutes.
    #expect(WireReplay.run(options, output: { text += $0 }, errors: { _ in }, isStopped: { true }) == 0)
    let json = try JSONValue(parsing: Array(text.utf8))
    #expect(json["stopped"] == true)
    #expect(json["packets"]?.integerValue ?? 99 <= 1)
  }

  @Test func whatCannotBeSentIsRefusedInOneLine() throws {
    func errors(_ options: WireReplay.Options) -> [String] {
      var lines: [String] = []
      let code = WireReplay.run(options, output: { _ in }, errors: { lines.append($0) }, isStopped: { true })
      #expect(code == 1)
      return lines
    }
    let path = Captures.committedPath("jan-vp8-opus")
    var options = WireReplay.Options(capture: path, target: Self.loopback)
    options.map = [7000: 7000]
    #expect(errors(options) == ["\(path): nothing in it goes to port 7000 (its tracks go to 5002, 5004)"])
    #expect(errors(WireReplay.Options(capture: "/nowhere", target: Self.loopback)) == ["/nowhere: No such file or directory"])
    options = WireReplay.Options(capture: path, target: Self.loopback)
    options.speed = 0
    #expect(errors(options) == ["\(path): speed 0.0 is not above zero"])
    let folder = try ScratchFolder()
    let empty = try folder.write(Frames.pcap([]), as: "empty.pcap")
    #expect(errors(WireReplay.Options(capture: empty, target: Self.loopback)) == ["\(empty): no RTP stream in it"])
  }

  @Test func aRouteKnowsWhereThingsGo() throws {
    let path = Captures.committedPath("jan-vp8-opus")
    let description = try CaptureDescription(of: path, hints: try CaptureHints(capture: path))
    let target = SocketAddress(ip: "::1", port: 40_000)!
    let media = description.tracks[0].flow
    var opener = media
    opener.destination.port += 1
    let bundled = WireRoute(target: target, map: [:])
    #expect(try bundled.destination(of: media, .rtp, in: description) == target)
    #expect(throws: WireRoute.LeftOut.notMedia) { try bundled.destination(of: opener, .emptyHeader, in: description) }
    #expect(throws: WireRoute.LeftOut.feedback) { try bundled.destination(of: media.reversed, .rtcp, in: description) }

    let mapped = WireRoute(target: target, map: [5002: 41_000])
    #expect(try mapped.destination(of: media, .rtp, in: description) == SocketAddress(ip: "::1", port: 41_000)!)
    #expect(try mapped.destination(of: opener, .emptyHeader, in: description) == SocketAddress(ip: "::1", port: 41_001)!)
    #expect(throws: WireRoute.LeftOut.unmapped) { try mapped.destination(of: description.tracks[1].flow, .rtp, in: description) }
  }

  @Test func feedbackIsCounted() throws {
    let socket = try UDPSocket(binding: SocketAddress(ip: "::1", port: 0)!)
    var options = WireReplay.Options(capture: Captures.committedPath("jan-audio-dtx"), target: socket.address)
    options.speed = 50
    options.json = true
    // A receiver report without blocks with a picture loss indication, and something that is no RTCP.
    let report: [UInt8] = [0x80, 201, 0, 1, 0, 0, 0, 9, 0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1]
    var received = 0
    let result = try replay(options, to: [socket]) { _, _, source in
      received += 1
      guard received == 1 else { return }
      try? socket.send(report.span, to: source)
      try? socket.send([1, 2, 3].span, to: source)
    }
    #expect(received == 350)
    #expect(result.json["feedback"]?["datagrams"] == 1)
    #expect(result.json["feedback"]?["packets"] == ["PLI": 1, "RR": 1])
    #expect(result.json["strange"] == 1)
    #expect(result.json["leftOut"] == ["notMedia": 2])
  }
}
