import Codecs
import Foundation
import Ground
import JSON

/// A committed capture whose sound and picture are played at other times than they were: each stream as often as is asked for, one after the
/// other, with sequence numbers, RTP time, sender reports and arrivals that go on as if its sender had gone on.
struct StretchedCapture {
  /// How long one round takes: a little longer than the capture, and whole in every clock.
  static func roundMilliseconds(_ name: String) -> Int {
    Int(((Captures.committedFacts(name)["capture_seconds"]?.doubleValue ?? 0) * 10).rounded(.up) + 1) * 100
  }

  let path: String
  /// As the facts beside the capture name them.
  let streams: [Captures.Stream]

  /// Writes it and its facts into `folder`. `audio` and `video`: the rounds in which each is there.
  init(_ name: String, audio: Range<Int>, video: Range<Int>, into folder: ScratchFolder) throws {
    streams = Captures.recorded(Captures.committedFacts(name))
    path = folder.path("stretched.pcap")
    let facts = try Data(contentsOf: Captures.committed.appending(path: name + ".json"))
    try facts.write(to: URL(filePath: folder.path("stretched.json")))
    let bytes = [UInt8](try Data(contentsOf: Captures.committed.appending(path: name + ".pcap")))
    let records = StretchedCapture.records(bytes)
    let tick = StretchedCapture.little(bytes, 0) == 0xa1b2_3c4d ? 1_000_000_000 : 1_000_000
    let round = StretchedCapture.roundMilliseconds(name)
    var out: [Record] = []
    for stream in streams {
      let own = records.filter { $0.ssrc == stream.ssrc }
      let numbers = Set(own.filter { !$0.isReport }.map { $0.number })
      let count = (numbers.max() ?? 0) - (numbers.min() ?? 0) + 1
      for place in stream.isVideo ? video : audio {
        out += own.map { record in
          record.moved(by: place, of: round, packets: count, rate: Int(stream.codec.clockRate.hertz), ticksPerSecond: tick)
        }
      }
    }
    out.sort { $0.time < $1.time }
    var file = Array(bytes[..<24])
    for record in out {
      for value in [record.time / tick, record.time % tick, record.frame.count, record.frame.count] {
        file += (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      }
      file += record.frame
    }
    try Data(file).write(to: URL(filePath: path))
  }

  private static func little(_ bytes: [UInt8], _ at: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) } }
  private static func big(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int { (0..<count).reduce(0) { $0 << 8 | Int(bytes[at + $1]) } }

  /// One captured frame; the datagram begins `start` bytes into it.
  private struct Record {
    var time: Int
    var frame: [UInt8]
    var start: Int

    var isReport: Bool { frame[start + 1] == 200 }
    var number: Int { StretchedCapture.big(frame, start + 2, 2) }
    /// Of an RTP packet or a sender report; nil for everything else.
    var ssrc: UInt32? {
      guard frame.count >= start + 20, frame[start] >> 6 == 2 else { return nil }
      if isReport { return UInt32(StretchedCapture.big(frame, start + 4, 4)) }
      return (192...223).contains(frame[start + 1]) ? nil : UInt32(StretchedCapture.big(frame, start + 8, 4))
    }

    func moved(by rounds: Int, of roundMilliseconds: Int, packets: Int, rate: Int, ticksPerSecond: Int) -> Record {
      var other = self
      let milliseconds = rounds * roundMilliseconds
      other.time += milliseconds * ticksPerSecond / 1000
      let ticks = milliseconds * rate / 1000
      if isReport {
        // Seconds and their fraction (RFC 3550 §6.4.1).
        let ntp = UInt64(truncatingIfNeeded: StretchedCapture.big(frame, start + 8, 8)) &+ (UInt64(milliseconds) << 32) / 1000
        other.put(Int(truncatingIfNeeded: ntp), at: start + 8, 8)
        other.put(StretchedCapture.big(frame, start + 16, 4) + ticks, at: start + 16, 4)
      } else {
        other.put(StretchedCapture.big(frame, start + 2, 2) + rounds * packets, at: start + 2, 2)
        other.put(StretchedCapture.big(frame, start + 4, 4) + ticks, at: start + 4, 4)
      }
      return other
    }

    private mutating func put(_ value: Int, at place: Int, _ count: Int) {
      for i in 0..<count { frame[place + i] = UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - i))) }
    }
  }

  /// The capture's UDP over IPv4.
  private static func records(_ bytes: [UInt8]) -> [Record] {
    let tick = little(bytes, 0) == 0xa1b2_3c4d ? 1_000_000_000 : 1_000_000
    var records: [Record] = []
    var at = 24
    while at + 16 <= bytes.count {
      let (time, count) = (little(bytes, at) * tick + little(bytes, at + 4), little(bytes, at + 8))
      let frame = Array(bytes[(at + 16)..<(at + 16 + count)])
      if frame.count > 42, frame[12] == 8, frame[13] == 0, frame[23] == 17 {
        records.append(Record(time: time, frame: frame, start: 14 + Int(frame[14] & 15) * 4 + 8))
      }
      at += 16 + count
    }
    return records
  }
}
