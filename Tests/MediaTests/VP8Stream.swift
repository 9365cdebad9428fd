import Ground
import RTP
import Seeded

/// Puts an encoder's pictures into RTP packets.
struct VP8Stream {
  /// What its descriptors carry.
  enum Numbering: CaseIterable {
    case none, short, long
  }

  var encoder: VP8Encoder
  var numbering: Numbering
  var setsMarkers = true
  var tellsLayers = true
  /// How often a picture is followed by packets of padding.
  var padding = 0.0
  var ssrc = TrackRig.ssrc
  var sequence: UInt16
  var timestamp: UInt32
  var maximumPackets = 4
  private var random: SeededGenerator
  /// By index.
  private(set) var pictures: [VP8Picture] = []
  private(set) var frames: [[UInt8]] = []

  init(layers: UInt8 = 0, numbering: Numbering = .long, seed: UInt64 = 1) {
    encoder = VP8Encoder(layers: layers, seed: seed)
    self.numbering = numbering
    random = SeededGenerator(seed &+ 0x1000)
    sequence = UInt16.random(in: 0...65_535, using: &random)
    timestamp = UInt32.random(in: 0...UInt32.max, using: &random)
  }

  /// The next picture's packets, a thirtieth of a second after the last one's.
  mutating func next(isKey: Bool = false, packets wanted: Int? = nil) -> [[UInt8]] {
    let picture = encoder.next(isKey: isKey)
    let packets = wanted ?? Int.random(in: 1...maximumPackets, using: &random)
    let frame = makeFrame(picture, bytes: packets * 20)
    pictures.append(picture)
    frames.append(frame)
    var out: [[UInt8]] = []
    var at = 0
    for number in 0..<packets {
      let end = number == packets - 1 ? frame.count : at + frame.count / packets
      // The second half begins the second partition.
      let descriptor = descriptor(picture, isFirst: number == 0, partition: number > packets / 2 ? 1 : 0)
      out.append(
        fields(marker: setsMarkers && end == frame.count).packet(payload: descriptor.bytes + frame[at..<end]))
      sequence &+= 1
      at = end
    }
    while random.unit() < padding { out.append(paddingOnly()) }
    timestamp &+= 3000
    return out
  }

  mutating func paddingOnly() -> [UInt8] {
    defer { sequence &+= 1 }
    return fields(marker: false).packet(payload: [], padding: Int.random(in: 1...255, using: &random))
  }

  /// Which picture a frame that was given out is; nil where it is none of them, byte for byte.
  func picture(_ frame: [UInt8]) -> VP8Picture? {
    guard frame.count >= 14 else { return nil }
    let index = frame[10..<14].reduce(0) { $0 << 8 | Int($1) }
    return index < frames.count && frames[index] == frame ? pictures[index] : nil
  }

  private func fields(marker: Bool) -> RTPHeaderFields {
    RTPHeaderFields(
      payloadType: PayloadType(96), marker: marker, sequenceNumber: SequenceNumber(sequence), timestamp: RTPTimestamp(timestamp), ssrc: ssrc
    )
  }

  private mutating func makeFrame(_ picture: VP8Picture, bytes count: Int) -> [UInt8] {
    var frame = VP8Frame.tag(isKey: picture.isKey, partition: 10)
    frame += picture.isKey ? VP8Frame.size(640, 360) : random.bytes(7)
    for shift in [24, 16, 8, 0] { frame.append(UInt8(picture.index >> shift & 0xff)) }
    return frame + random.bytes(max(6, count - 14))
  }

  private func descriptor(_ picture: VP8Picture, isFirst: Bool, partition: UInt8) -> VP8Descriptor {
    var descriptor = VP8Descriptor(isNonReference: picture.isNonReference, startsPartition: isFirst, partition: partition)
    switch numbering {
    case .none: break
    case .short: descriptor.pictureID = .short(UInt16(picture.pictureID & 0x7f))
    case .long: descriptor.pictureID = .long(UInt16(picture.pictureID & 0x7fff))
    }
    if tellsLayers, let layer = picture.layer {
      descriptor.tl0 = picture.tl0
      descriptor.layer = .init(id: layer, isSync: picture.isSync)
    }
    return descriptor
  }
}
