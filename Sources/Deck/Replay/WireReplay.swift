package import Ground
package import Impairment
import JSON
import RTCP
import Recording

/// `tapedeck replay --to`: a capture's datagrams onto the wire at the capture's own pace, as an SFU would send them.
package enum WireReplay {
  package struct Options: Sendable, Equatable {
    package var capture: String
    /// As for `Inspect.Options`.
    package var sessionDescription: String?
    package var srtpKey: String?
    /// Where RTP goes, and RTCP with it. With `map` only its address counts.
    package var target: SocketAddress
    /// Ports to send to by the capture's ports, for captures with a port per track.
    package var map: [UInt16: UInt16] = [:]
    /// So many times as fast as it was; above zero.
    package var speed = 1.0
    /// What happens to the datagrams before they leave; nil: nothing. Its times are the capture's.
    package var impairment: ImpairmentSpecification?
    package var json = false

    package init(capture: String, target: SocketAddress) {
      self.capture = capture
      self.target = target
    }
  }

  /// What was sent so far, and what came back.
  package struct Report: Sendable, Equatable {
    package fileprivate(set) var rtp = 0
    package fileprivate(set) var rtcp = 0
    /// Of UDP payloads.
    package fileprivate(set) var bytes = 0
    /// Datagrams of the capture that were not sent, by cause.
    package fileprivate(set) var leftOut: [WireRoute.LeftOut: Int] = [:]
    /// Datagrams that the system refused.
    package fileprivate(set) var refused = 0
    package fileprivate(set) var duration = TimeSpan.zero
    /// What was impaired; nil where nothing was to be.
    package fileprivate(set) var impaired: ImpairmentCounts?
    /// The longest that a datagram was sent after its time.
    package fileprivate(set) var greatestDelay = TimeSpan.zero
    package fileprivate(set) var feedback = RTCPCounts()
    /// Received datagrams that are no RTCP.
    package fileprivate(set) var strange = 0
    /// Ended before the capture's end.
    package fileprivate(set) var wasStopped = false

    package init() {}
    package var packets: Int { rtp + rtcp }
  }

  /// Sends the capture; prints what was done to `output` and a reason to `errors`, lines without their ends. `progress` is called about once
  /// a second; `isStopped` is asked at least ten times a second and ends the replay when it says so (`StopOnSignal`). Answers the exit code: 0 also
  /// where it was stopped, 1 where the capture cannot be read or nothing of it can be sent.
  package static func run(
    _ options: Options, output: (String) -> Void, errors: (String) -> Void, progress: (Report) -> Void = { _ in },
    isStopped: () -> Bool = { false }
  ) -> Int32 {
    do throws(CaptureError) {
      var sender = try Sender(options)
      let damage = try sender.send(progress: progress, isStopped: isStopped)
      if options.json {
        output(sender.report.json(options).text(pretty: true))
      } else {
        for line in sender.report.lines(options) { output(line) }
      }
      if let damage { throw damage }
      return 0
    } catch {
      errors(error.description)
      return 1
    }
  }

  /// One replay under way.
  private struct Sender {
    private let options: Options
    private let description: CaptureDescription
    private let route: WireRoute
    /// One for all, or with a map one for each port that is sent to: a recorder pins a port to the first address that it hears there.
    private var sockets: [UInt16: UDPSocket] = [:]
    private(set) var report = Report()
    private var begin = Instant(nanoseconds: 0)
    private var nextProgress = Instant(nanoseconds: 0)
    private var impairment: Impairment?
    /// Opens feedback for the simulated sender, where it is encrypted.
    private var decryption: CaptureDecryption?
    /// Where impaired datagrams go, by their tags.
    private var ways: [Way] = []

    private struct Way: Equatable {
      var destination: SocketAddress
      var kind: DatagramKind
    }

    /// The longest sleep, so that stopping is quick and feedback does not wait in the sockets.
    private static let longestSleep = TimeSpan.milliseconds(50)
    private static let impairedStep = TimeSpan.milliseconds(5)

    init(_ options: Options) throws(CaptureError) {
      self.options = options
      let hints = try CaptureHints(
        capture: options.capture, sessionDescription: options.sessionDescription, key: options.srtpKey)
      description = try CaptureDescription(of: options.capture, hints: hints)
      route = WireRoute(target: options.target, map: options.map)
      guard options.speed > 0, options.speed.isFinite else {
        throw .nothingToUse(path: options.capture, reason: "speed \(options.speed) is not above zero")
      }
      guard !description.streams.isEmpty else {
        throw description.damage ?? .nothingToUse(path: options.capture, reason: "no RTP stream in it")
      }
      // An RTCP port of its own may be mapped too, whether the capture has RTCP to it or not.
      let ports = Set(description.tracks.flatMap { [$0.flow.destination.port, $0.rtcpDestination?.port ?? $0.flow.destination.port &+ 1] })
      if let unknown = options.map.keys.filter({ !ports.contains($0) }).min() {
        let have = Set(description.tracks.map(\.flow.destination.port)).sorted().map(String.init).joined(separator: ", ")
        throw .nothingToUse(path: options.capture, reason: "nothing in it goes to port \(unknown) (its tracks go to \(have))")
      }
      guard let specification = options.impairment else { return }
      do throws(FileReplayError) {
        impairment = try TakeReplay.impairment(specification, description)
      } catch {
        throw .nothingToUse(path: options.capture, reason: error.message)
      }
      if let srtp = description.srtp, srtp.rtcp == .srtcp { decryption = CaptureDecryption(keys: [srtp]) }
    }

    /// Sends everything in its time; answers how the file ends too early, if it does.
    mutating func send(progress: (Report) -> Void, isStopped: () -> Bool) throws(CaptureError) -> CaptureError? {
      var reader = try CaptureReader(path: options.capture)
      var damage: CaptureError?
      begin = MonotonicClock.now()
      nextProgress = begin + .seconds(1)
      let origin = description.firstTime ?? WallTime(nanosecondsSinceEpoch: 0)
      do throws(CaptureError) {
        while let datagram = try reader.next() {
          let kind = DatagramKind(reader.payload)
          let destination: SocketAddress
          do throws(WireRoute.LeftOut) {
            destination = try route.destination(of: datagram.flow, kind, in: description)
          } catch {
            report.leftOut[error, default: 0] += 1
            continue
          }
          let time = TakeReplay.origin + (datagram.time - origin)
          guard try pass(until: time, progress: progress, isStopped: isStopped) else {
            report.wasStopped = true
            break
          }
          if impairment == nil {
            try send(reader.payload, kind, to: destination)
          } else {
            let tag = tag(of: Way(destination: destination, kind: kind))
            impairment?.receive(reader.payload, tag: tag, at: time)
          }
        }
        while !report.wasStopped, let next = impairment?.nextDeadline {
          if try !pass(until: next, progress: progress, isStopped: isStopped) { report.wasStopped = true }
        }
      } catch {
        guard case .damaged = error else { throw error }
        damage = error
      }
      report.duration = MonotonicClock.now() - begin
      receiveFeedback()
      report.impaired = impairment?.counts
      return damage
    }

    /// A time of the capture on our clock.
    private func due(_ time: Instant) -> Instant { begin + .seconds((time - TakeReplay.origin).seconds / options.speed) }

    /// Lets time pass up to a time of the capture; impaired datagrams that are due until then are sent. False where the replay was stopped.
    private mutating func pass(
      until time: Instant, progress: (Report) -> Void, isStopped: () -> Bool
    ) throws(CaptureError) -> Bool {
      guard impairment != nil else { return wait(until: due(time), progress: progress, isStopped: isStopped) }
      while true {
        let next = min(impairment?.nextDeadline ?? time, time)
        // What is asked for meanwhile may be due before.
        let step = min(due(next), MonotonicClock.now() + Sender.impairedStep)
        guard wait(until: step, progress: progress, isStopped: isStopped) else { return false }
        guard step == due(next) else { continue }
        if let arrival = impairment?.pop(until: next) {
          try send(arrival.bytes.span, ways[arrival.tag].kind, to: ways[arrival.tag].destination)
        } else if next >= time {
          return true
        }
      }
    }

    private mutating func tag(of way: Way) -> Int {
      if let known = ways.firstIndex(of: way) { return known }
      ways.append(way)
      return ways.count - 1
    }

    private mutating func send(_ payload: Span<UInt8>, _ kind: DatagramKind, to destination: SocketAddress) throws(CaptureError) {
      let socket = try socket(for: destination)
      do throws(UDPSocket.Failure) {
        try socket.send(payload, to: destination)
        if kind == .rtp { report.rtp += 1 } else { report.rtcp += 1 }
        report.bytes += payload.count
      } catch {
        // A route that never was is the operator's to mend; one that fails now and then is the network's way.
        guard report.packets > 0 || report.refused < 10 else {
          throw .nothingToUse(path: options.capture, reason: "cannot send to \(destination): \(error)")
        }
        report.refused += 1
      }
    }

    private mutating func socket(for destination: SocketAddress) throws(CaptureError) -> UDPSocket {
      let key = options.map.isEmpty ? 0 : destination.port
      if let known = sockets[key] { return known }
      do throws(UDPSocket.Failure) {
        let any = destination.isIPv4 ? SocketAddress(ipv4: 0, port: 0) : SocketAddress(high: 0, low: 0, port: 0)
        let made = try UDPSocket(binding: any)
        sockets[key] = made
        return made
      } catch {
        throw .nothingToUse(path: options.capture, reason: "no socket to send from: \(error)")
      }
    }

    /// Sleeps until a datagram is due, in steps; false where the replay was stopped.
    private mutating func wait(until due: Instant, progress: (Report) -> Void, isStopped: () -> Bool) -> Bool {
      while true {
        let now = MonotonicClock.now()
        if now >= due {
          report.greatestDelay = max(report.greatestDelay, now - due)
          // Asking per datagram would cost more than sending it; each sleep below asks.
          return report.packets % 64 != 0 || !isStopped()
        }
        receiveFeedback()
        if now >= nextProgress {
          report.duration = now - begin
          progress(report)
          nextProgress = now + .seconds(1)
        }
        if isStopped() { return false }
        MonotonicClock.sleep(until: min(due, now + Sender.longestSleep))
      }
    }

    private mutating func receiveFeedback() {
      let isEncrypted = description.srtp.map { $0.rtcp == .srtcp } ?? false
      let now = TakeReplay.origin + .seconds((MonotonicClock.now() - begin).seconds * options.speed)
      for socket in sockets.values {
        var counts = report.feedback
        var strange = report.strange
        socket.receive { datagram, _ in
          if !RTCPReader.looksLikeRTCP(datagram) {
            strange += 1
          } else if isEncrypted {
            counts.addUnreadable()
            if case .opened? = decryption?.open(datagram, isRTCP: true), let clear = decryption?.bytes {
              impairment?.receiveFeedback(clear.span, at: now)
            }
          } else {
            counts.add(datagram)
            impairment?.receiveFeedback(datagram, at: now)
          }
        }
        report.feedback = counts
        report.strange = strange
      }
    }
  }
}
