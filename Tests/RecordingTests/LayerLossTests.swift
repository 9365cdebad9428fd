import Codecs
import Foundation
import Ground
import RTP
import Recording
import Seeded
import Testing
import Track

/// Real browsers' streams under loss: each picture that is on tape decodes to the very picture that it is in the whole stream.
@Suite struct LayerLossTests {
  /// A capture's pictures, whole.
  private struct Whole {
    var packets: [CapturedPackets.Packet]
    var payloadType: UInt8
    var codec: Codec
    var frames: [EncodedFrame]
    /// What each frame decodes to.
    var pictures: [Int: String]

    init(_ name: String) throws {
      let stream = try #require(Captures.recorded(Captures.committedFacts(name)).first { $0.isVideo })
      payloadType = stream.payloadType
      codec = stream.codec
      packets = try CapturedPackets(path: Captures.committedPath(name)).ordered(stream).map(\.packet)
      frames = []
      frames = try LayerLossTests.record(packets, payloadType, codec)
      pictures = try LayerLossTests.decode(Array(frames.enumerated()).map { ($0.offset, $0.element.bytes) }, codec)
    }
  }

  private static func record(_ packets: [CapturedPackets.Packet], _ payloadType: UInt8, _ codec: Codec) throws -> [EncodedFrame] {
    let first = try #require(packets.first)
    let rig = try Rig([
      TrackSpecification(participant: "ada", codec: codec, payloadType: PayloadType(payloadType), ssrc: SSRC(first.ssrc))
    ])
    for packet in packets { rig.deliver(packet.datagram, at: Rig.at((packet.seconds - first.seconds) * 1000)) }
    rig.run(seconds: (packets.last?.seconds ?? 0) - first.seconds + 2)
    rig.stop()
    return rig.frames(0)
  }

  /// What ffmpeg makes of the frames, one after the other, by their numbers.
  private static func decode(_ frames: [(number: Int, bytes: [UInt8])], _ codec: Codec) throws -> [Int: String] {
    var file = Array("DKIF".utf8) + [0, 0, 32, 0] + Array((codec == .vp9 ? "VP90" : "VP80").utf8) + [0, 0, 0, 0]
    func append(_ value: Int, _ count: Int) { for byte in 0..<count { file.append(UInt8(value >> (8 * byte) & 0xff)) } }
    append(30, 4)
    append(1, 4)
    append(frames.count, 8)
    for frame in frames {
      append(frame.bytes.count, 4)
      append(frame.number, 8)
      file += frame.bytes
    }
    let folder = try ScratchFolder()
    let path = folder.path("frames.ivf")
    try Data(file).write(to: URL(filePath: path))
    let lines = try Tool.ffmpeg(["-xerror", "-i", path, "-fps_mode", "passthrough", "-f", "framemd5", "-"])
    var pictures: [Int: String] = [:]
    for line in String(decoding: lines, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
      let fields = line.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      if fields.count >= 6, let number = Int(fields[2]) { pictures[number] = fields[5] }
    }
    return pictures
  }

  private static func layer(_ packet: CapturedPackets.Packet, _ codec: Codec) -> UInt8 {
    let payload = packet.payload.span
    if codec == .vp9 { return (try? VP9PayloadDescriptor(parsing: payload, from: 0, to: payload.count))?.temporalLayer ?? 0 }
    return (try? VP8PayloadDescriptor(parsing: payload, from: 0, to: payload.count))?.temporalLayer ?? 0
  }

  /// Records what is left of the packets, and compares. Answers which of the whole stream's frames are on tape.
  private func check(_ whole: Whole, _ left: [CapturedPackets.Packet], _ note: String) throws -> [Int] {
    let numbers = Dictionary(uniqueKeysWithValues: whole.frames.enumerated().map { ($0.element.bytes, $0.offset) })
    let frames = try Self.record(left, whole.payloadType, whole.codec)
    let known = frames.compactMap { frame in numbers[frame.bytes].map { ($0, frame.bytes) } }
    #expect(known.count == frames.count, "\(note): frames that nobody sent")
    let pictures = try Self.decode(known, whole.codec)
    #expect(pictures.count == known.count, "\(note)")
    let wrong = pictures.filter { whole.pictures[$0.key] != $0.value }.keys.sorted()
    #expect(wrong.isEmpty, "\(note): \(wrong.prefix(5)) of \(pictures.count) decode to other pictures")
    return known.map(\.0)
  }

  @Test(arguments: ["chr-vp8-l1t3", "chr-vp9-l3t3key"]) func upperLayersMayBeLost(_ name: String) throws {
    let whole = try Whole(name)
    #expect(whole.frames.count >= 50 && whole.pictures.count == whole.frames.count)
    let upper = whole.packets.count { Self.layer($0, whole.codec) > 0 }
    #expect(upper > 50)
    for (seed, loss) in [(1, 0.05), (2, 0.05), (3, 0.15), (4, 0.15), (5, 0.4), (6, 1)] as [(UInt64, Double)] {
      var random = SeededGenerator(seed)
      let left = whole.packets.filter { Self.layer($0, whole.codec) == 0 || Double(random.pick(0...9999)) / 10_000 >= loss }
      let given = try check(whole, left, "loss \(loss), seed \(seed)")
      // All of the base layer, and some of the others.
      let bases = Set(whole.packets.filter { Self.layer($0, whole.codec) == 0 }.map(\.timestamp)).count
      #expect(given.count >= bases && (loss == 1 || given.count > bases), "\(given.count) of \(whole.frames.count), \(bases) bases")
    }
  }

  @Test(arguments: ["chr-vp8-l1t3", "chr-vp8-opus", "gst-vp8-seqwrap", "jan-vp9", "gst-vp9-opus", "chr-vp9-l3t3key"])
  func anythingMayBeLost(_ name: String)
    throws
  {
    let whole = try Whole(name)
    for seed in UInt64(10)..<14 {
      var random = SeededGenerator(seed)
      // Early enough that something is gated, and late enough that something is not.
      let quiet = random.pick(0...200)
      let left = whole.packets.enumerated().filter { $0.offset < quiet || random.pick(0...99) >= 3 }.map(\.element)
      let given = try check(whole, left, "\(name), seed \(seed)")
      #expect(given.count < whole.frames.count && given.count > 1)
    }
  }
}
