package import Codecs
import Ground
import RTP

/// What was counted of one VP8 stream: its frames, put together by their timestamps after all packets have come.
package struct VideoInspection: Sendable {
  /// Frames of which every packet is there.
  package private(set) var completeFrames = 0
  package private(set) var incompleteFrames = 0
  /// Among the complete ones.
  package private(set) var keyFrames = 0
  package private(set) var framesBeforeFirstKeyFrame = 0
  /// The sizes that key frames declare, each time that another one begins.
  package private(set) var sizes: [PictureSize] = []

  private struct Part: Sendable {
    var number: Int64
    var ticks: Int64
    var marker: Bool
    /// Nil where the packet does not begin a frame.
    var head: VP8FrameHeader?
  }
  private var parts: [Part] = []
  private var padding: Set<Int64> = []

  init() {}

  /// Takes in a packet once; false where its payload is no VP8.
  mutating func add(_ packet: RTPPacket, _ datagram: Span<UInt8>, number: Int64, ticks: Int64) -> Bool {
    guard let descriptor = try? VP8PayloadDescriptor(parsing: datagram, from: packet.payloadStart, to: packet.payloadEnd) else {
      return false
    }
    var head: VP8FrameHeader?
    if descriptor.startsFrame {
      head = try? VP8FrameHeader(parsing: datagram.extracting(packet.payloadStart + descriptor.count..<packet.payloadEnd))
      guard head != nil else { return false }
    }
    parts.append(Part(number: number, ticks: ticks, marker: packet.marker, head: head))
    return true
  }

  /// A packet of padding uses up a number within or between frames and is no loss.
  mutating func addPadding(_ number: Int64) { padding.insert(number) }

  /// Puts the frames together. To be called once, after the last packet.
  mutating func finish() {
    parts.sort { ($0.ticks, $0.number) < ($1.ticks, $1.number) }
    var start = 0
    while start < parts.count {
      var end = start + 1
      while end < parts.count, parts[end].ticks == parts[start].ticks { end += 1 }
      count(parts[start..<end])
      start = end
    }
    if keyFrames == 0 { framesBeforeFirstKeyFrame = completeFrames }
    parts = []
    padding = []
  }

  private mutating func count(_ frame: ArraySlice<Part>) {
    guard let first = frame.first, let last = frame.last else { return }
    let gaps = last.number - first.number + 1 - Int64(frame.count)
    let filled = gaps == 0 ? 0 : Int64(padding.count { $0 > first.number && $0 < last.number })
    guard let head = first.head, last.marker, gaps == filled else {
      incompleteFrames += 1
      return
    }
    if head.isKey {
      if keyFrames == 0 { framesBeforeFirstKeyFrame = completeFrames }
      keyFrames += 1
      if let size = head.size, size != sizes.last { sizes.append(size) }
    }
    completeFrames += 1
  }
}
