import Codecs
import Ground
import Jitter
import RTCP
import RTP
import Timeline
import Track

/// Drives one `TrackReceiver` as a take does, and holds its books at every step: each packet received is in a frame that was given out,
/// discarded for one cause, or waits.
struct TrackRig {
  struct Gap: Equatable {
    /// Milliseconds on the rig's clock.
    var from: Double
    var to: Double
    var packetsLost: Int64
  }

  private(set) var receiver: TrackReceiver
  private(set) var clock = ParticipantClock()
  let pool = BufferPool()
  /// The sender's frames.
  private(set) var frames: [PlacedFrame] = []
  /// The sender's, and what fills holes between them.
  private(set) var everything: [PlacedFrame] = []
  private(set) var gaps: [Gap] = []
  private(set) var sizes: [PictureSize] = []
  /// Steps of the clock that were told.
  private(set) var corrections: [ParticipantClock.Correction] = []
  /// When a key frame was asked for, in milliseconds.
  private(set) var requests: [Double] = []
  /// Broken promises, in words; a test expects none.
  private(set) var faults: [String] = []
  private var sent: UInt64 = 0

  static let ssrc = SSRC(0x5eed)
  static let origin = Instant(nanoseconds: 1_000_000_000_000)
  static func time(_ milliseconds: Double) -> Instant { origin + .seconds(milliseconds / 1000) }
  private static func milliseconds(_ place: Int64) -> Double { Double(place - Int64(origin.nanoseconds)) / 1e6 }

  /// `payloadType`: of sound, where others share its numbers.
  init(
    _ codec: Codec, ssrc: SSRC? = TrackRig.ssrc, deadline: Int64 = 500, sound: SoundFormat? = nil, payloadType: UInt8? = nil,
    parameterSets: [[UInt8]] = [], hasOrderNumbers: Bool = false
  ) {
    let index = clock.addTrack(isAudio: codec.kind == .audio, rate: sound?.clockRate ?? codec.clockRate)
    receiver = TrackReceiver(
      codec: codec, clockIndex: index, ssrc: ssrc, repair: RepairDeadline(fixed: .milliseconds(deadline)), sound: sound,
      parameterSets: parameterSets, hasOrderNumbers: hasOrderNumbers)
    receiver.soundType = payloadType.map { PayloadType($0) }
  }

  var counters: TrackCounters { receiver.counters }
  /// Discards by cause, those that happened.
  var discards: [PacketDiscard: UInt64] {
    Dictionary(uniqueKeysWithValues: PacketDiscard.allCases.map { ($0, counters.discarded($0)) }).filter { $0.value > 0 }
  }
  /// Milliseconds on the rig's clock.
  var places: [Double] { frames.map { TrackRig.milliseconds($0.place) } }

  mutating func send(_ datagram: [UInt8], at time: Double) {
    guard let packet = try? RTPPacket(parsing: datagram.span) else { return }
    sent += 1
    receiver.receive(packet, datagram: datagram.span, at: TrackRig.time(time), clock: &clock, pool: pool)
    collect()
  }

  mutating func send(_ fields: RTPHeaderFields, _ payload: [UInt8], padding: Int = 0, at time: Double) {
    send(fields.packet(payload: payload, padding: padding), at: time)
  }

  mutating func report(_ report: SenderReport, at time: Double) {
    receiver.receive(report, at: TrackRig.time(time), clock: &clock)
    collect()
  }

  mutating func advance(to time: Double) {
    clock.advance(to: TrackRig.time(time))
    receiver.advance(to: TrackRig.time(time), clock: &clock, pool: pool)
    collect()
    if receiver.shouldRequestKeyFrame(at: TrackRig.time(time)) {
      receiver.countPLI()
      requests.append(time)
    }
  }

  mutating func needKeyFrame(at time: Double) { receiver.needKeyFrame(at: TrackRig.time(time)) }

  mutating func readDependencies(id: UInt8?) { receiver.extensions[.dependencyDescriptor] = id }

  mutating func changeSSRC(to ssrc: SSRC, at time: Double) {
    receiver.changeSSRC(to: ssrc, at: TrackRig.time(time), clock: &clock, pool: pool)
    collect()
  }

  mutating func finish() {
    receiver.finish(clock: &clock, pool: pool)
    collect()
    if receiver.packetsPending != 0 || receiver.keptBytes != 0 {
      faults.append("\(receiver.packetsPending) packets and \(receiver.keptBytes) bytes are left at the end")
    }
  }

  mutating func block(at time: Double) -> ReportBlock? { receiver.reportBlock(at: TrackRig.time(time)) }

  private mutating func collect() {
    balance()
    while let correction = clock.popCorrection() { corrections.append(correction) }
    while let output = receiver.popOutput() {
      switch output {
      case .frame(let frame):
        if let last = everything.last, frame.place < last.place + 1_000_000 { faults.append("\(frame.place) after \(last.place)") }
        everything.append(frame)
        if frame.packets > 0 { frames.append(frame) }
      case .gap(let gap):
        if gap.from >= gap.to { faults.append("a gap from \(gap.from) to \(gap.to)") }
        receiver.countGap(TimeSpan(nanoseconds: gap.to - gap.from))
        gaps.append(Gap(from: TrackRig.milliseconds(gap.from), to: TrackRig.milliseconds(gap.to), packetsLost: gap.packetsLost))
      case .resized(let size): sizes.append(size)
      case .rotated: break
      }
      balance()
    }
  }

  private mutating func balance() {
    let books = receiver.counters
    if books.packetsReceived != sent { faults.append("\(books.packetsReceived) of \(sent) received") }
    let told = books.packetsInFrames + books.packetsDiscarded + UInt64(receiver.packetsPending)
    if told != sent { faults.append("\(sent) received, \(told) told") }
    if books.frames != UInt64(frames.count) && books.frames != UInt64(frames.count) + 1 { faults.append("\(books.frames) frames") }
  }
}
