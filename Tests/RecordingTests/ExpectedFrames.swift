import Codecs
import Foundation

/// What must be on tape of one stream, worked out from a capture's packets alone: RFC 7741 and RFC 7587 read once more, in the simplest
/// way that is right.
struct ExpectedFrames {
  struct Frame: Equatable {
    var bytes: [UInt8]
    var timestamp: UInt32
    var isKey: Bool
  }
  /// In the order of the stream.
  var frames: [Frame] = []
  /// Frames of which every packet is there.
  var whole = 0
  /// Whole frames before the first key frame.
  var beforeFirstKeyFrame = 0
  /// Whole frames that refer to a lost one.
  var gated = 0
  var incomplete = 0

  init(_ packets: [(number: Int, packet: CapturedPackets.Packet)], of codec: Codec) {
    switch codec {
    case .vp8: self.init(video: packets)
    case .vp9: self.init(vp9: packets)
    case .h264: self.init(h264: packets)
    case .h265: self.init(h265: packets)
    case .av1: self.init(av1: packets)
    case .opus, .multiopus, .pcmu, .pcma, .g722, .l16, .aac: self.init(audio: packets)
    }
  }

  /// Of a codec whose pictures each refer to those before, back to a key frame: `read` makes one of a timestamp's payloads; nil where they
  /// are none.
  init(_ packets: [(number: Int, packet: CapturedPackets.Packet)], read: ([[UInt8]]) -> (bytes: [UInt8], isKey: Bool)?) {
    self.init(audio: [])
    var hasKey = false
    var isBroken = false
    var last: Int?
    var start = 0
    while start < packets.count {
      var end = start + 1
      while end < packets.count, packets[end].packet.timestamp == packets[start].packet.timestamp { end += 1 }
      let part = packets[start..<end].map(\.packet)
      let isWhole = packets[end - 1].number - packets[start].number == end - start - 1 && part[part.count - 1].marker
      if let last, packets[start].number != last + 1 { isBroken = true }
      last = packets[end - 1].number
      start = end
      guard isWhole, let frame = read(part.map(\.payload)) else {
        incomplete += 1
        isBroken = true
        continue
      }
      whole += 1
      if frame.isKey {
        hasKey = true
        isBroken = false
      }
      guard hasKey else {
        beforeFirstKeyFrame += 1
        continue
      }
      guard !isBroken else {
        gated += 1
        continue
      }
      frames.append(Frame(bytes: frame.bytes, timestamp: part[0].timestamp, isKey: frame.isKey))
    }
  }

  init(audio packets: [(number: Int, packet: CapturedPackets.Packet)]) {
    for (_, packet) in packets where !packet.payload.isEmpty {
      frames.append(Frame(bytes: packet.payload, timestamp: packet.timestamp, isKey: true))
    }
    whole = frames.count
  }

  /// The fields of a VP8 payload descriptor that tell where frames begin and what they refer to.
  private struct Descriptor {
    var startsFrame = false
    var isNonReference = false
    var pictureID: Int?
    var bits = 7
    var tl0: Int?
    var layer: Int?
    var isSync = false
    var count = 1

    init(_ p: [UInt8]) {
      startsFrame = p[0] & 0x17 == 0x10
      isNonReference = p[0] & 0x20 != 0
      guard p[0] & 0x80 != 0 else { return }
      let flags = p[1]
      count = 2
      if flags & 0x80 != 0 {
        if p[2] & 0x80 != 0 {
          pictureID = Int(p[2] & 0x7f) << 8 | Int(p[3])
          bits = 15
          count += 2
        } else {
          pictureID = Int(p[2])
          count += 1
        }
      }
      if flags & 0x40 != 0 {
        tl0 = Int(p[count])
        count += 1
      }
      if flags & 0x30 != 0 {
        if flags & 0x20 != 0 {
          layer = Int(p[count] >> 6)
          isSync = p[count] & 0x20 != 0
        }
        count += 1
      }
    }
    /// The picture id after this one.
    var next: Int? { pictureID.map { ($0 + 1) & (1 << bits - 1) } }
  }

  init(video packets: [(number: Int, packet: CapturedPackets.Packet)]) {
    var hasKey = false
    var isBroken = false
    // The id that a frame has if nothing that matters is missing before it.
    var awaited: Int?
    var hasHole = false
    var assembly: (bytes: [UInt8], head: Descriptor, timestamp: UInt32)?
    var isOrphaned = false
    var last: Int?

    func lose() {
      guard let part = assembly else { return }
      assembly = nil
      incomplete += 1
      if part.head.isNonReference, !hasHole, part.head.pictureID != nil, part.head.pictureID == awaited {
        awaited = part.head.next
      } else {
        hasHole = true
      }
    }
    for (number, packet) in packets {
      if let last, number != last + 1 {
        lose()
        hasHole = true
        isOrphaned = false
      }
      last = number
      guard !packet.payload.isEmpty else { continue }
      let descriptor = Descriptor(packet.payload)
      if descriptor.startsFrame {
        lose()
        assembly = ([], descriptor, packet.timestamp)
        isOrphaned = false
      } else if assembly == nil {
        if !isOrphaned { incomplete += 1 }
        isOrphaned = !packet.marker
        hasHole = true
        continue
      }
      assembly?.bytes += packet.payload[descriptor.count...]
      guard packet.marker, let done = assembly else { continue }
      assembly = nil
      whole += 1
      let isKey = done.bytes[0] & 1 == 0
      if isKey {
        hasKey = true
        isBroken = false
      } else if !hasKey {
        beforeFirstKeyFrame += 1
        continue
      } else {
        if hasHole, done.head.pictureID == nil || done.head.pictureID != awaited { isBroken = true }
        if isBroken {
          hasHole = false
          gated += 1
          continue
        }
      }
      hasHole = false
      awaited = done.head.next
      frames.append(Frame(bytes: done.bytes, timestamp: done.timestamp, isKey: isKey))
    }
    lose()
  }
}
