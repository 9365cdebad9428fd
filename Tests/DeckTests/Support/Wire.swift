import DeckRig
import Foundation
import Synchronization

/// RTCP as it comes back: what kinds of packets a compound holds.
enum Feedback {
  /// Payload types, with the format of feedback packets: 201 RR, 202 SDES, 206.1 PLI.
  static func kinds(_ datagram: [UInt8]) -> [String] {
    var kinds: [String] = []
    var at = 0
    while at + 4 <= datagram.count {
      let type = datagram[at + 1]
      kinds.append(type == 205 || type == 206 ? "\(type).\(datagram[at] & 31)" : "\(type)")
      at += 4 * (Int(datagram[at + 2]) << 8 + Int(datagram[at + 3]) + 1)
    }
    return kinds
  }

  static func hasPLI(_ datagrams: [[UInt8]]) -> Bool { datagrams.contains { kinds($0).contains("206.1") } }
}

/// Sends datagrams in their time on a thread of its own, and keeps what comes back.
final class Feed: Sendable {
  struct Item {
    /// Seconds after the feed's start.
    var time: Double
    var bytes: [UInt8]
    var port: UInt16
    /// Which of the feed's sockets sends it.
    var endpoint = 0
  }

  private struct State {
    var sent = 0
    var lastSentTime = 0.0
    var feedback: [[UInt8]] = []
    var isOver = false
  }
  private let state = Mutex(State())
  private let isStopped = Atomic<Bool>(false)
  private let endpoints: [Endpoint]
  /// The first of the sockets that it sends from.
  var endpoint: Endpoint { endpoints[0] }

  init(_ items: [Item], from endpoints: [Endpoint], speed: Double = 1) {
    self.endpoints = endpoints
    let ordered = items.sorted { $0.time < $1.time }
    let thread = Thread { [self] in run(ordered, speed) }
    thread.start()
  }

  private func run(_ items: [Item], _ speed: Double) {
    let begin = Moment.now
    for item in items {
      while !isStopped.load(ordering: .relaxed) {
        let wait = begin + item.time / speed - Moment.now
        if wait <= 0 { break }
        let came = endpoints[0].receive(within: min(wait, 0.02))
        if !came.isEmpty { state.withLock { $0.feedback += came } }
      }
      if isStopped.load(ordering: .relaxed) { break }
      endpoints[item.endpoint].send(item.bytes, to: item.port)
      state.withLock { state in
        state.sent += 1
        state.lastSentTime = item.time
      }
    }
    let came = endpoints.flatMap { $0.receive() }
    state.withLock { state in
      state.feedback += came
      state.isOver = true
    }
  }

  var sent: Int { state.withLock { $0.sent } }
  /// The capture's time of what was sent last.
  var lastSentTime: Double { state.withLock { $0.lastSentTime } }
  var isOver: Bool { state.withLock { $0.isOver } }
  /// The RTCP that came back so far.
  var feedback: [[UInt8]] {
    let came = isOver ? endpoints.flatMap { $0.receive() } : []
    return state.withLock { state in
      state.feedback += came
      return state.feedback
    }
  }

  func stop() {
    isStopped.store(true, ordering: .relaxed)
    finish()
  }

  /// Waits for the last datagram.
  func finish() { _ = eventually(within: 120) { isOver } }
}

extension Capture {
  /// Its RTP of the payload types that are mapped, each to its port, with the capture's times from `from` to `to` seconds.
  func items(_ ports: [Int: UInt16], from: Double = 0, to: Double = .infinity) -> [Feed.Item] {
    datagrams.filter { $0.isRTP && $0.time >= from && $0.time <= to }.compactMap { packet in
      ports[packet.payloadType].map { Feed.Item(time: packet.time - from, bytes: packet.bytes, port: $0) }
    }
  }
}
