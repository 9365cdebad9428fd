import Codecs
package import Ground
package import Impairment
import Peer
import RTP
package import Recording
import SRTP

/// A capture's senders before a take: datagrams with the capture's times in, the take's orders out. Asks no clock and touches no file
/// but the capture.
package final class TakeReplay {
  /// The take that records.
  package let take: Take
  package let source: SourceSpecification
  private let description: CaptureDescription
  private let firstTime: WallTime
  /// By what the datagrams go to.
  private var doors: [SocketAddress: Int] = [:]
  private var impairment: Impairment?
  /// Opens our own feedback for the simulated sender, where it is encrypted.
  private var feedback: CaptureDecryption?
  /// The flows that impaired datagrams belong to, by their tags.
  private var flows: [Flow] = []
  private var tags: [Flow: Int] = [:]
  private var copy: [UInt8] = []
  package private(set) var now: Instant
  /// What the take told since the last tick.
  package private(set) var events: [TakeEvent] = []

  /// The take's clock at the capture's first datagram: high enough that nothing before it is negative.
  package static let origin = Instant(nanoseconds: 1_000_000_000_000)
  private static let tick = TimeSpan.milliseconds(20)
  /// How long nothing may come before nothing more is expected of a sender that answers.
  private static let quiet = TimeSpan.milliseconds(300)

  /// `recording`: what is recorded, as `CaptureDescription.recordingSource` tells it. Throws where nothing in the capture can be, or
  /// where the impairment would change what SRTP protects.
  package init(
    _ description: CaptureDescription, pool: BufferPool, limits: Limits = Limits(), impairment specification: ImpairmentSpecification? = nil
  ) throws(FileReplayError) {
    self.description = description
    var source = description.recordingSource
    if specification?.answersNACK == true {
      for index in source.tracks.indices { source.tracks[index].nack = true }
    }
    self.source = source
    guard let first = description.firstTime, !source.tracks.isEmpty else {
      throw FileReplayError(
        message: "there is no stream in it that can be recorded (\(Codec.received.map(\.rawValue).joined(separator: ", ")) can)")
    }
    firstTime = first
    now = TakeReplay.origin
    take = Take(limits: limits, ssrc: SSRC(1), cname: "tapedeck", pool: pool, at: TakeReplay.origin, wall: first)
    if let specification {
      impairment = try TakeReplay.impairment(specification, description)
      if let srtp = description.srtp, srtp.rtcp == .srtcp { feedback = CaptureDecryption(keys: [srtp]) }
    }
    try addTracks()
  }

  /// What an impairment makes of a capture's streams. Throws where it would change what SRTP protects.
  static func impairment(
    _ specification: ImpairmentSpecification, _ description: CaptureDescription
  ) throws(FileReplayError) -> Impairment {
    if description.srtp != nil, specification.rewrites {
      throw FileReplayError(
        message: "the capture is encrypted: drift, stall, freeze, jump, sr-offset and sr-absurd change what SRTP protects")
    }
    return Impairment(specification, streams: description.impairedStreams, origin: origin)
  }

  /// What was impaired; nil where nothing was to be.
  package var impaired: ImpairmentCounts? { impairment?.counts }

  private func addTracks() throws(FileReplayError) {
    _ = take.addSource(id: "s1", source)
    let tracks = description.tracks.filter { $0.codec != nil }
    for (index, (specification, track)) in zip(source.tracks, tracks).enumerated() {
      let destination = track.flow.destination
      let leg: Int
      if let known = doors[destination] {
        leg = known
      } else {
        var configuration = RTPPeer.Configuration()
        if let srtp = description.srtp {
          configuration.suite = CryptoSuite(rawValue: srtp.cryptoSuite)
          configuration.key = srtp.key
          configuration.isRTCPClear = srtp.rtcp == .clear
        }
        let rtcp = track.rtcpDestination.flatMap { $0 == destination ? nil : $0 }
        do {
          leg = take.addLeg(source: 0, peer: try RTPPeer(configuration), hasRTCPPort: rtcp != nil)
        } catch {
          throw FileReplayError(message: "SRTP: \(error)")
        }
        doors[destination] = leg
        if let rtcp { doors[rtcp] = leg }
      }
      _ = take.addTrack(specification, id: "t\(index + 1)", source: 0, leg: leg)
    }
  }

  /// Plays every datagram of the senders. `execute` is called after each of the recorder's ticks, to take the orders. Answers what is
  /// wrong with the file's end.
  package func play(_ path: String, execute: (TakeReplay) -> Void) throws(CaptureError) -> CaptureError? {
    var reader = try CaptureReader(path: path)
    var damage: CaptureError?
    do throws(CaptureError) {
      while let datagram = try reader.next() {
        let kind = DatagramKind(reader.payload)
        guard description.isFromSender(datagram.flow, kind), doors[datagram.flow.destination] != nil else { continue }
        let arrival = TakeReplay.origin + max(.zero, datagram.time - firstTime)
        guard impairment != nil else {
          advance(to: arrival, execute)
          deliver(reader.payload, datagram.flow, at: max(arrival, now))
          continue
        }
        advanceImpaired(to: arrival, execute)
        let tag = tag(of: datagram.flow)
        impairment?.receive(reader.payload, tag: tag, at: max(arrival, now))
      }
    } catch {
      damage = error
    }
    if impairment != nil { drainImpairment(execute) }
    return damage
  }

  /// Ends the recording.
  package func stop() {
    now = now + TakeReplay.tick
    take.stop(at: now)
    events = take.takeEvents()
  }

  private func tag(of flow: Flow) -> Int {
    if let known = tags[flow] { return known }
    flows.append(flow)
    tags[flow] = flows.count - 1
    return flows.count - 1
  }

  private func deliver(_ payload: Span<UInt8>, _ flow: Flow, at time: Instant) {
    guard let leg = doors[flow.destination] else { return }
    var storage: [UInt8] = []
    swap(&storage, &copy)
    defer { swap(&storage, &copy) }
    storage.removeAll(keepingCapacity: true)
    storage.append(copying: payload, 0..<payload.count)
    var bytes = storage.mutableSpan
    take.receive(&bytes, from: flow.source, source: 0, leg: leg, port: .rtp, at: time)
  }

  /// Lets the recorder's ticks pass, as its loop would.
  private func advance(to time: Instant, _ execute: (TakeReplay) -> Void) {
    while now + TakeReplay.tick <= time { tick(execute) }
  }

  private func tick(_ execute: (TakeReplay) -> Void) {
    now = now + TakeReplay.tick
    take.advance(to: now)
    for datagram in take.takeOutgoing() where impairment != nil { hear(datagram.bytes) }
    events = take.takeEvents()
    execute(self)
  }

  /// Lets time pass and delivers what is under way: what a tick asks for may arrive before the next datagram of the capture.
  private func advanceImpaired(to time: Instant, _ execute: (TakeReplay) -> Void) {
    while true {
      let nextTick = now + TakeReplay.tick
      if let arrival = impairment?.pop(until: min(time, nextTick)) {
        let bytes = arrival.bytes
        deliver(bytes.span, flows[arrival.tag], at: max(arrival.at, now))
      } else if nextTick <= time {
        tick(execute)
      } else {
        return
      }
    }
  }

  /// What is still under way at the capture's end arrives, and what is asked for meanwhile.
  private func drainImpairment(_ execute: (TakeReplay) -> Void) {
    var last = now
    while true {
      if let next = impairment?.nextDeadline {
        advanceImpaired(to: max(next, now + TakeReplay.tick), execute)
        last = now
      } else if impairment?.specification.answersNACK == true, now < last + TakeReplay.quiet {
        tick(execute)
      } else {
        return
      }
    }
  }

  private func hear(_ bytes: [UInt8]) {
    guard feedback != nil else {
      impairment?.receiveFeedback(bytes.span, at: now)
      return
    }
    if case .opened? = feedback?.open(bytes.span, isRTCP: true), let clear = feedback?.bytes {
      impairment?.receiveFeedback(clear.span, at: now)
    }
  }
}

extension CaptureDescription {
  /// The capture's streams as an impairment has to know them. Under SRTP nobody can make retransmissions that open.
  package var impairedStreams: [Impairment.Stream] {
    streams.compactMap { stream in
      switch stream.role {
      case .media(let index):
        let track = tracks[index]
        var known = Impairment.Stream(
          ssrc: stream.ssrc, isVideo: track.format.isVideo, rate: track.format.clockRate)
        if srtp == nil, let rtx = track.retransmission, let ssrc = rtx.ssrc {
          known.repair = Impairment.Repair(ssrc: ssrc, types: [(track.payloadType, rtx.payloadType)])
          if let red = track.redundancy, let type = red.rtx { known.repair?.types.append((red.payloadType, type)) }
        }
        return known
      case .retransmission(let index):
        let track = index.map { tracks[$0] }
        return Impairment.Stream(
          ssrc: stream.ssrc, isVideo: track?.format.isVideo ?? true, rate: stream.format.clockRate, repeats: track?.ssrcs.last)
      case .auxiliary where stream.format.encoding.lowercased() == RTPCorrection.Scheme.flexfec.rawValue:
        return Impairment.Stream(ssrc: stream.ssrc, isVideo: true, rate: stream.format.clockRate)
      case .padding, .auxiliary: return nil
      }
    }
  }
}
