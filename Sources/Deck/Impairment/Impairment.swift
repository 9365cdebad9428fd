package import Ground
import RTCP
import RTP

/// A bad path, and a bad sender, between a sender's datagrams and their receiver.
///
/// It keeps at most `maximumBytes` of datagrams that are under way, and the state of `maximumStreams` streams.
package struct Impairment: Sendable {
  /// A stream's own retransmissions.
  package struct Repair: Sendable, Equatable {
    package var ssrc: SSRC
    /// The payload types of retransmissions by those that they repeat.
    package var types: [(original: PayloadType, retransmission: PayloadType)]
    package init(ssrc: SSRC, types: [(original: PayloadType, retransmission: PayloadType)]) {
      self.ssrc = ssrc
      self.types = types
    }
    package static func == (a: Repair, b: Repair) -> Bool {
      a.ssrc == b.ssrc && a.types.elementsEqual(b.types) { $0 == $1 }
    }
    func type(for original: PayloadType) -> PayloadType? { types.first { $0.original == original }?.retransmission }
  }

  /// What is known beforehand of a stream. Of others only effects for all come to bear, and nothing of them is rewritten.
  package struct Stream: Sendable, Equatable {
    package var ssrc: SSRC
    package var isVideo: Bool
    package var rate: ClockRate
    /// The stream whose packets this one repeats.
    package var repeats: SSRC?
    package var repair: Repair?
    package init(ssrc: SSRC, isVideo: Bool, rate: ClockRate, repeats: SSRC? = nil, repair: Repair? = nil) {
      self.ssrc = ssrc
      self.isVideo = isVideo
      self.rate = rate
      self.repeats = repeats
      self.repair = repair
    }
  }

  /// A datagram that arrives.
  package struct Arrival: Sendable, Equatable {
    package var at: Instant
    /// As it was given with the datagram.
    package var tag: Int
    package var bytes: [UInt8]
  }

  package static let maximumBytes = 128 << 20
  package static let maximumStreams = 256

  package let specification: ImpairmentSpecification
  let origin: Instant
  let streams: [SSRC: Stream]
  private var paths: [UInt64: ImpairedPath] = [:]
  var clocks: [SSRC: ImpairedClock] = [:]
  var reportNumbers: SeededNumbers
  private var sender = RepeatingSender()
  /// What is under way, by arrival; of equal ones, the first that was sent.
  private var waiting: [Arrival] = []
  private var head = 0
  private var waitingBytes = 0
  private var stallsSeen: Set<Int> = []
  /// What was done so far.
  package internal(set) var counts = ImpairmentCounts()

  /// `origin`: the time that the specification's times are after, the first datagram's.
  package init(_ specification: ImpairmentSpecification, streams: [Stream], origin: Instant) {
    self.specification = specification
    self.origin = origin
    self.streams = Dictionary(streams.map { ($0.ssrc, $0) }) { first, _ in first }
    reportNumbers = SeededNumbers(seed: specification.seed, stream: 5 << 40)
  }

  // MARK: Facts

  /// When the next datagram arrives of those under way, or nil.
  package var nextDeadline: Instant? { head < waiting.count ? waiting[head].at : nil }

  // MARK: World

  /// Takes in what the sender sends at `now`, which never goes back. `tag` comes back with the datagram.
  package mutating func receive(_ datagram: Span<UInt8>, tag: Int, at now: Instant) {
    var bytes: [UInt8] = []
    bytes.append(copying: datagram, 0..<datagram.count)
    if RTCPReader.looksLikeRTCP(datagram) {
      let shift = specification.rewrites ? rewriteReports(&bytes, at: now) : .zero
      admit(bytes, tag: tag, .rtcp, key: 0, at: now + shift)
      return
    }
    guard let packet = try? RTPPacket(parsing: datagram) else {
      // What is neither is no medium: it passes as RTCP does.
      admit(bytes, tag: tag, .rtcp, key: 1, at: now)
      return
    }
    let stream = streams[packet.ssrc]
    let scope: ImpairmentSpecification.Scope? = stream.map { $0.isVideo ? .video : .audio }
    let shift = stallShift(scope, at: now)
    if let stream, specification.rewrites { rewrite(&bytes, packet, stream, at: now) }
    if specification.answersNACK, let stream, stream.repeats == nil {
      sender.keep(bytes, packet.sequenceNumber, of: packet.ssrc, tag: tag, at: now + shift)
    }
    admit(bytes, tag: tag, scope, key: 2 << 32 | UInt64(packet.ssrc.value), at: now + shift)
  }

  /// Takes in what the receiver sends back at `now`, in clear: packets that it asks for again are repeated after a round trip.
  package mutating func receiveFeedback(_ datagram: Span<UInt8>, at now: Instant) {
    guard specification.answersNACK, RTCPReader.looksLikeRTCP(datagram) else { return }
    var blocks = RTCPBlocks()
    while let block = blocks.next(in: datagram) {
      guard block.type == 205, block.format == 1, block.end - block.start >= 16 else { continue }
      let media = SSRC(datagram.u32(at: block.start + 8))
      for at in stride(from: block.start + 12, to: block.end, by: 4) {
        let first = datagram.u16(at: at)
        repeatPacket(SequenceNumber(first), of: media, at: now)
        let mask = datagram.u16(at: at + 2)
        for bit in 0..<16 where mask & 1 << UInt16(bit) != 0 {
          repeatPacket(SequenceNumber(first &+ UInt16(bit) &+ 1), of: media, at: now)
        }
      }
    }
  }

  private mutating func repeatPacket(_ number: SequenceNumber, of ssrc: SSRC, at now: Instant) {
    guard let stream = streams[ssrc] else { return }
    counts.asked += 1
    switch sender.answer(number, of: ssrc, stream.repair, roundTrip: specification.roundTrip, at: now) {
    case .packet(let bytes, let tag):
      counts.repeated += 1
      admit(
        bytes, tag: tag, stream.isVideo ? .video : .audio, key: 3 << 32 | UInt64(ssrc.value), at: now + specification.roundTrip,
        isDelayed: false)
    case .notKept: counts.notKept += 1
    case .underWay: break
    }
  }

  // MARK: To do

  /// The next datagram that has arrived by `now`, or nil.
  package mutating func pop(until now: Instant) -> Arrival? {
    guard head < waiting.count, waiting[head].at <= now else { return nil }
    var out = Arrival(at: now, tag: 0, bytes: [])
    swap(&out, &waiting[head])
    waitingBytes -= out.bytes.count
    head += 1
    if head == waiting.count || head >= 1024 {
      waiting.removeFirst(head)
      head = 0
    }
    return out
  }

  // MARK: Inside

  /// Puts a datagram on its way, through what happens to its kind. A repeated one has had its delay in the round trip.
  private mutating func admit(
    _ bytes: [UInt8], tag: Int, _ scope: ImpairmentSpecification.Scope?, key: UInt64, at time: Instant, isDelayed: Bool = true
  ) {
    let counted = scope ?? .rtcp
    counts[counted].sent += 1
    var known = key
    if paths[key] == nil, paths.count >= Impairment.maximumStreams { known = 0 }
    var path = paths.removeValue(forKey: known) ?? ImpairedPath(seed: specification.seed, key: known)
    let isHit = time >= origin + specification.start
    let effects = isHit ? scope.map { specification.effects($0) } ?? specification.all : ImpairmentSpecification.Effects()
    let fate = path.pass(effects, at: time, isDelayed: isDelayed)
    paths[known] = path
    guard let fate else {
      counts[counted].lost += 1
      return
    }
    if fate.isReordered { counts[counted].reordered += 1 }
    if fate.isDuplicated {
      counts[counted].duplicated += 1
      put(Arrival(at: fate.at, tag: tag, bytes: bytes))
    }
    put(Arrival(at: fate.at, tag: tag, bytes: bytes))
  }

  private mutating func put(_ arrival: Arrival) {
    guard waitingBytes + arrival.bytes.count <= Impairment.maximumBytes else {
      counts.overflowed += 1
      return
    }
    waitingBytes += arrival.bytes.count
    var place = waiting.count
    while place > head, waiting[place - 1].at > arrival.at { place -= 1 }
    waiting.insert(arrival, at: place)
  }

  /// By how much what is sent at `now` comes later because the sender was away before.
  mutating func stallShift(_ scope: ImpairmentSpecification.Scope?, at now: Instant) -> TimeSpan {
    var shift = TimeSpan.zero
    for (index, stall) in specification.stalls.enumerated()
    where now >= origin + stall.start && (stall.scope == nil || stall.scope == scope) {
      shift += stall.duration
      if stallsSeen.insert(index).inserted { counts.stalls += 1 }
    }
    return shift
  }
}
