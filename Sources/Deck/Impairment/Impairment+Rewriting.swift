import Ground
import RTCP
import RTP

/// How far a stream's timestamps have come, for what grows with time.
struct ImpairedClock: Sendable {
  private var extender = TimestampExtender()
  private var base: Int64?

  /// How many ticks a clock that is so much faster has gained at a timestamp.
  mutating func gain(_ timestamp: RTPTimestamp, partsPerMillion: Double) -> Int64 {
    let ticks = extender.extend(timestamp)
    let begin = base ?? ticks
    base = begin
    return Int64((Double(ticks - begin) * partsPerMillion / 1e6).rounded())
  }
}

extension Impairment {
  /// How many ticks are added to a stream's timestamp that is sent at `now`.
  private mutating func change(_ timestamp: RTPTimestamp, _ stream: Stream, at now: Instant) -> Int64 {
    let scope: ImpairmentSpecification.Scope = stream.isVideo ? .video : .audio
    var ticks: Int64 = 0
    if let drift = specification.effects(scope).drift, drift != 0 {
      // What repeats a packet bears that packet's timestamp.
      ticks += clocks[stream.repeats ?? stream.ssrc, default: ImpairedClock()].gain(timestamp, partsPerMillion: drift)
    }
    for stall in specification.stalls where !stall.freezesClock && stall.scope.map({ $0 == scope }) ?? true && now >= origin + stall.start {
      ticks += Impairment.ticks(stall.duration, stream.rate)
    }
    for jump in specification.jumps where jump.scope.map({ $0 == scope }) ?? true && now >= origin + jump.start {
      ticks += Impairment.ticks(jump.amount, stream.rate)
    }
    return ticks
  }

  private static func ticks(_ span: TimeSpan, _ rate: ClockRate) -> Int64 { Int64((span.seconds * Double(rate.hertz)).rounded()) }

  mutating func rewrite(_ bytes: inout [UInt8], _ packet: RTPPacket, _ stream: Stream, at now: Instant) {
    let ticks = change(packet.timestamp, stream, at: now)
    guard ticks != 0 else { return }
    counts.rewritten += 1
    Impairment.write(packet.timestamp.value &+ UInt32(truncatingIfNeeded: ticks), to: &bytes, at: 4)
  }

  /// Makes sender reports tell what the impaired sender would; answers by how much the datagram comes later.
  mutating func rewriteReports(_ bytes: inout [UInt8], at now: Instant) -> TimeSpan {
    var reports: [(start: Int, stream: Stream?)] = []
    var blocks = RTCPBlocks()
    while let block = blocks.next(in: bytes.span) {
      guard block.type == 200, block.end - block.start >= 28 else { continue }
      reports.append((block.start, streams[SSRC(bytes.span.u32(at: block.start + 4))]))
    }
    func scope(_ stream: Stream?) -> ImpairmentSpecification.Scope? { stream.map { $0.isVideo ? .video : .audio } }
    let shift = stallShift(scope(reports.first?.stream), at: now)
    var isChanged = false
    for report in reports {
      let timestamp = RTPTimestamp(bytes.span.u32(at: report.start + 16))
      let ntp = NTPTimestamp(bytes.span.u64(at: report.start + 8))
      var wall = shift
      var ticks: Int64 = 0
      if let stream = report.stream {
        ticks = change(timestamp, stream, at: now)
        // A stream that was not away goes on while the report is under way.
        ticks += Impairment.ticks(shift - stallShift(scope(stream), at: now), stream.rate)
      }
      for offset in specification.reportOffsets where now >= origin + offset.start { wall += offset.amount }
      if ntp.value != 0, wall != .zero {
        Impairment.write(ntp.value &+ Impairment.ntp(wall), to: &bytes, at: report.start + 8)
        isChanged = true
      }
      if ticks != 0 {
        Impairment.write(timestamp.value &+ UInt32(truncatingIfNeeded: ticks), to: &bytes, at: report.start + 16)
        isChanged = true
      }
      guard specification.absurdReports > 0, reportNumbers.happens(specification.absurdReports) else { continue }
      counts.absurdReports += 1
      isChanged = true
      let nonsense = reportNumbers.next()
      switch nonsense & 3 {
      case 0: Impairment.write(UInt64(0), to: &bytes, at: report.start + 8)
      case 1: Impairment.write(UInt32(truncatingIfNeeded: nonsense >> 32), to: &bytes, at: report.start + 16)
      default: Impairment.write(nonsense, to: &bytes, at: report.start + 8)
      }
    }
    if isChanged { counts.rewritten += 1 }
    return shift
  }

  /// A difference of NTP timestamps: seconds in the upper half, fractions in the lower.
  private static func ntp(_ span: TimeSpan) -> UInt64 {
    let (seconds, rest) = span.magnitude.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let value = UInt64(seconds) << 32 | (UInt64(rest) << 32) / 1_000_000_000
    return span < .zero ? 0 &- value : value
  }

  private static func write<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8], at offset: Int) {
    let count = Value.bitWidth / 8
    for i in 0..<count { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> Value(8 * (count - 1 - i))) }
  }
}
