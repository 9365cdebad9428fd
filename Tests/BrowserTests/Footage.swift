import Foundation
import Glibc

/// A sender's pictures, made for a test: four corners of four colours, coded as a camera would that is held at `rotation`, in sizes that
/// follow each other, with silence for sound.
struct Footage {
  enum Codec: String { case vp8 = "VP8", h264 = "H264" }
  /// Pictures of one size. `rotation`: by how many degrees clockwise they are to be turned to be upright.
  struct Scene {
    var width: Int
    var height: Int
    var rotation = 0
    var seconds: Double
  }
  static let framesPerSecond = 15
  /// The upright picture's corners, from the top left in lines, as a page names them.
  static let corners = "wrgb"

  /// Each frame's payloads, in order.
  let frames: [[[UInt8]]]
  private let rotations: [Int]

  init(_ scenes: [Scene], codec: Codec) throws {
    var frames: [[[UInt8]]] = []
    var rotations: [Int] = []
    for scene in scenes {
      let coded = try codec == .vp8 ? Footage.vp8(scene) : Footage.h264(scene)
      frames += coded
      rotations += coded.map { _ in scene.rotation }
    }
    self.frames = frames
    self.rotations = rotations
  }

  /// Sends each piece of footage to its port, all side by side at their own pace.
  static func send(_ footage: [(footage: Footage, port: UInt16)]) {
    var senders = footage.map { Sending(footage: $0.footage, socket: UDPSender($0.port)) }
    let began = DispatchTime.now().uptimeNanoseconds
    for index in 0..<(footage.map(\.footage.frames.count).max() ?? 0) {
      let due = began + UInt64(index) * 1_000_000_000 / UInt64(framesPerSecond)
      let now = DispatchTime.now().uptimeNanoseconds
      if due > now { usleep(UInt32((due - now) / 1000)) }
      for place in senders.indices { senders[place].send(index) }
    }
  }

  private struct Sending {
    let footage: Footage
    let socket: UDPSender
    private var (video, audio, sounds): (UInt16, UInt16, UInt32) = (1, 1, 0)

    init(footage: Footage, socket: UDPSender) {
      self.footage = footage
      self.socket = socket
    }

    /// One picture, and the sound up to it.
    mutating func send(_ index: Int) {
      guard index < footage.frames.count else { return }
      while Int(sounds) * 20 * framesPerSecond <= index * 1000 {
        socket.send(Footage.header(0x80, 111, audio, sounds * 960, 66) + [0xfc, 0xff, 0xfe])
        audio += 1
        sounds += 1
      }
      // RFC 8285's one-byte form: the orientation (3GPP TS 26.114 §7.4.5) under id 4.
      let orientation: [UInt8] = [0xbe, 0xde, 0, 1, 0x40, UInt8(footage.rotations[index] / 90), 0, 0]
      let payloads = footage.frames[index]
      for (place, payload) in payloads.enumerated() {
        let marker: UInt8 = place == payloads.count - 1 ? 0x80 : 0
        let time = UInt32(index) * 90_000 / UInt32(framesPerSecond)
        socket.send(Footage.header(0x90, marker | 96, video, time, 77) + orientation + payload)
        video += 1
      }
    }
  }

  private static func header(_ first: UInt8, _ second: UInt8, _ number: UInt16, _ time: UInt32, _ ssrc: UInt32) -> [UInt8] {
    [first, second] + bytes(UInt32(number), 2) + bytes(time, 4) + bytes(ssrc, 4)
  }

  private static func bytes(_ value: UInt32, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32(count - 1 - $0))) }
  }

  /// How many bytes of a frame a packet bears.
  private static let packetBytes = 1_100

  private static func pieces(_ frame: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    stride(from: frame.startIndex, to: frame.endIndex, by: packetBytes).map { frame[$0..<min($0 + packetBytes, frame.endIndex)] }
  }

  /// The payloads of RFC 7741 with the shortest descriptor.
  private static func vp8(_ scene: Scene) throws -> [[[UInt8]]] {
    let file = [UInt8](try encode(scene, ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-f", "ivf"]))
    var frames: [[[UInt8]]] = []
    var at = 32
    while at + 12 <= file.count {
      let length = (0..<4).reduce(0) { $0 | Int(file[at + $1]) << (8 * $1) }
      frames.append(pieces(file[(at + 12)..<(at + 12 + length)]).enumerated().map { [$0.offset == 0 ? 0x10 : 0] + $0.element })
      at += 12 + length
    }
    return frames
  }

  /// The payloads of RFC 6184: NAL units one by one, large ones in FU-A.
  private static func h264(_ scene: Scene) throws -> [[[UInt8]]] {
    let file = [UInt8](
      try encode(
        scene,
        [
          "-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast", "-x264-params", "sliced-threads=0:aud=0:bframes=0", "-f",
          "h264",
        ]))
    var frames: [[[UInt8]]] = []
    var current: [[UInt8]] = []
    for unit in units(file) {
      let kind = unit[unit.startIndex] & 31
      if unit.count <= packetBytes {
        current.append(Array(unit))
      } else {
        let parts = pieces(unit.dropFirst())
        for (index, part) in parts.enumerated() {
          let place: UInt8 = index == 0 ? 0x80 : index == parts.count - 1 ? 0x40 : 0
          current.append([unit[unit.startIndex] & 0xe0 | 28, place | kind] + part)
        }
      }
      if kind == 1 || kind == 5 {
        frames.append(current)
        current = []
      }
    }
    return frames
  }

  /// The NAL units between the start codes.
  private static func units(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var starts: [Int] = []
    for at in bytes.indices.dropLast(3) where bytes[at] == 0 && bytes[at + 1] == 0 && bytes[at + 2] == 1 { starts.append(at + 3) }
    return starts.indices.map { index in
      var end = index + 1 < starts.count ? starts[index + 1] - 3 : bytes.count
      while end > starts[index], bytes[end - 1] == 0 { end -= 1 }
      return bytes[starts[index]..<end]
    }
  }

  /// What the camera sees, turned back by the scene's rotation, coded with a key frame each second.
  private static func encode(_ scene: Scene, _ coder: [String]) throws -> Data {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("tapedeck-footage-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    let isTurned = scene.rotation % 180 != 0
    let (width, height) = isTurned ? (scene.height, scene.width) : (scene.width, scene.height)
    let (x, y) = (width / 2, height / 2)
    let turn = [0: "null", 90: "transpose=cclock", 180: "hflip,vflip", 270: "transpose=clock"][scene.rotation] ?? "null"
    let picture =
      "color=white:s=\(width)x\(height):r=\(framesPerSecond),drawbox=\(x):0:\(x):\(y):red:fill,drawbox=0:\(y):\(x):\(y):lime:fill,"
      + "drawbox=\(x):\(y):\(x):\(y):blue:fill,\(turn)"
    try Command.run(
      ["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", picture, "-t", "\(scene.seconds)", "-pix_fmt", "yuv420p"]
        + ["-g", "\(framesPerSecond)"] + coder + [file.path])
    return try Data(contentsOf: file)
  }
}

/// Datagrams to a port of loopback.
private final class UDPSender {
  private let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)

  init(_ port: UInt16) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = port.bigEndian
    unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        precondition(unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0)
      }
    }
  }

  deinit { _ = close(descriptor) }

  func send(_ bytes: [UInt8]) { _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, 0) } }
}
