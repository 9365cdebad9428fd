import Codecs
package import Ground
package import RTCP
import RTP
import Track

/// What was counted of one SSRC on one flow.
package struct StreamInspection: Sendable {
  /// Where it comes from and goes to, its format and its role.
  package let stream: CaptureDescription.Stream
  package private(set) var packets = 0
  /// Of whole UDP payloads.
  package private(set) var bytes = 0
  /// Of RTP payloads, without headers and padding.
  package private(set) var payloadBytes = 0
  package private(set) var duplicates = 0
  /// Packets that came after one with a higher number.
  package private(set) var outOfOrder = 0
  package private(set) var paddingOnly = 0
  package private(set) var markers = 0
  package private(set) var firstTime: WallTime?
  package private(set) var lastTime: WallTime?
  /// The senders's reports: how many, the first and the last.
  package private(set) var senderReports = 0
  package private(set) var firstReport: SenderReport?
  package private(set) var lastReport: SenderReport?
  /// Frames of the stream where its codec is one of pictures and can be read.
  package private(set) var video: VideoInspection?
  /// Media in the packets where they are sound and can be read; packets of which that cannot be told.
  package private(set) var soundDuration: TimeSpan?
  package private(set) var malformedPayloads = 0
  /// Blocks that repeat what other packets carried (RFC 2198).
  package private(set) var redundantBlocks = 0
  /// Packets whose primary block is none of the media: forward error correction.
  package private(set) var corrections = 0

  private var sequence = SequenceExtender()
  private var seen: Set<Int64> = []
  private var distinct = 0
  private var lowest: Int64 = .max
  private var highest: Int64 = .min
  private var timestamps = TimestampExtender()
  private var lowestTicks: Int64 = .max
  private var highestTicks: Int64 = .min
  private var firstTimestamp: RTPTimestamp?
  private var firstTicks: Int64 = 0
  /// When the first packet would have come had it been as late as all were on average: the sum, in seconds from the origin, and how many
  /// were added. Of each timestamp only the first packet counts, because a large picture's last ones come late.
  private var startSum = 0.0
  private var startCount = 0
  private var reception: ReceptionStatistics
  private var sound: SoundFormat?
  private let origin: WallTime

  /// `origin` is the capture's beginning.
  init(_ stream: CaptureDescription.Stream, origin: WallTime) {
    self.stream = stream
    self.origin = origin
    reception = ReceptionStatistics(rate: stream.format.clockRate)
    guard stream.isReadable, case .media = stream.role else { return }
    let codec = (stream.wrapped ?? stream.format).codec
    switch codec {
    case .vp8, .vp9, .h264, .h265, .av1: video = codec.map { VideoInspection($0) }
    default: break
    }
    sound = (stream.wrapped ?? stream.format).sound
    if sound != nil { soundDuration = .zero }
  }

  /// Sequence numbers between the lowest and the highest that never came.
  package var missing: Int { distinct == 0 ? 0 : Int(highest - lowest) + 1 - distinct }
  package var firstSequenceNumber: SequenceNumber { SequenceNumber(UInt16(truncatingIfNeeded: distinct == 0 ? 0 : lowest)) }
  package var lastSequenceNumber: SequenceNumber { SequenceNumber(UInt16(truncatingIfNeeded: distinct == 0 ? 0 : highest)) }
  /// From the first packet's arrival to the last one's.
  package var duration: TimeSpan {
    guard let firstTime, let lastTime else { return .zero }
    return lastTime - firstTime
  }
  /// From the lowest timestamp to the highest.
  package var mediaSpan: TimeSpan {
    lowestTicks <= highestTicks ? stream.format.clockRate.span(ofTicks: highestTicks - lowestTicks) : .zero
  }
  /// RFC 3550 §6.4.1, appendix A.8.
  package var jitterMilliseconds: Double { reception.jitterMilliseconds }

  /// Takes in a packet. `datagram` holds it in clear where the stream can be read.
  mutating func add(_ packet: RTPPacket, _ datagram: Span<UInt8>, wireBytes: Int, at time: WallTime) {
    let number = sequence.extend(packet.sequenceNumber)
    packets += 1
    bytes += wireBytes
    payloadBytes += packet.payloadCount
    firstTime = firstTime ?? time
    lastTime = time
    if packet.marker { markers += 1 }
    let isNew = seen.insert(number).inserted
    if isNew { distinct += 1 } else { duplicates += 1 }
    if distinct > 0, number < highest { outOfOrder += 1 }
    lowest = min(lowest, number)
    highest = max(highest, number)
    if packet.isPaddingOnly {
      paddingOnly += 1
    } else {
      let ticks = timestamps.extend(packet.timestamp)
      if firstTimestamp == nil {
        firstTimestamp = packet.timestamp
        firstTicks = ticks
      }
      if ticks > highestTicks {
        startSum += (time - origin).seconds - Double(ticks - firstTicks) / Double(stream.format.clockRate.hertz)
        startCount += 1
      }
      lowestTicks = min(lowestTicks, ticks)
      highestTicks = max(highestTicks, ticks)
      // From the capture's beginning: the formula's ticks since 1970 would not fit 64 bits.
      reception.observe(
        packet.sequenceNumber, packet.timestamp, at: Instant(nanoseconds: UInt64(clamping: (time - origin).nanoseconds)))
      if isNew { readPayload(packet, datagram, number, ticks) }
    }
    if isNew, packet.isPaddingOnly { video?.addPadding(number) }
  }

  /// Takes in a copy of a packet that SRTP's replay protection kept from being read.
  mutating func addReplayed(wireBytes: Int, _ packet: RTPPacket, at time: WallTime) {
    packets += 1
    bytes += wireBytes
    duplicates += 1
    if sequence.peek(packet.sequenceNumber) < highest { outOfOrder += 1 }
    lastTime = time
  }

  mutating func add(_ report: SenderReport) {
    senderReports += 1
    firstReport = firstReport ?? report
    lastReport = report
  }

  /// To be called once, after the last packet.
  mutating func finish() {
    video?.finish()
    seen.removeAll()
  }

  private mutating func readPayload(_ packet: RTPPacket, _ datagram: Span<UInt8>, _ number: Int64, _ ticks: Int64) {
    guard packet.payloadType == stream.payloadType else { return }
    guard stream.format.isWrapping else { return readMedia(packet, datagram, number, ticks) }
    guard let blocks = try? RTPRedundancy(parsing: packet, in: datagram) else {
      malformedPayloads += 1
      return
    }
    redundantBlocks += blocks.redundantCount
    guard stream.wrappedType.map({ $0 == blocks.payloadType }) ?? true else {
      corrections += 1
      video?.addPadding(number)
      return
    }
    var bare = packet
    bare.payloadStart = blocks.primary.lowerBound
    bare.payloadEnd = blocks.primary.upperBound
    readMedia(bare, datagram, number, ticks)
  }

  private mutating func readMedia(_ packet: RTPPacket, _ datagram: Span<UInt8>, _ number: Int64, _ ticks: Int64) {
    if let sound, let before = soundDuration {
      if let span = try? sound.duration(of: datagram.extracting(packet.payloadStart..<packet.payloadEnd)) {
        soundDuration = before + span
      } else {
        malformedPayloads += 1
      }
    } else if video != nil, !video!.add(packet, datagram, number: number, ticks: ticks) {
      malformedPayloads += 1
    }
  }

  /// When the stream's first packet would have come had it been as late as all its packets were on average; nil without packets.
  var startByArrival: TimeSpan? { startCount > 0 ? .seconds(startSum / Double(startCount)) : nil }

  /// Where the stream's first packet lies on its sender's clock, by its first report; nil without one.
  var startOnSenderClock: Int64? {
    guard let report = firstReport, let first = firstTimestamp else { return nil }
    return report.ntp.nanoseconds + stream.format.clockRate.span(ofTicks: first.distance(after: report.rtp)).nanoseconds
  }
}
