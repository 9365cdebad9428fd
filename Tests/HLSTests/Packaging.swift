import Codecs
import Ground
import Mux
import Testing

/// A packager with its folder, and how frames are fed to it.
struct Packaging: ~Copyable {
  static let zero = WallTime(rfc3339: "2026-11-21T12:00:00.000Z")!

  var packager: HLSPackager
  var folder = Folder()

  init(segmentSeconds: Int = 2, bitsPerSecond: Int = 1_000_000, frameRate: Double? = nil) {
    packager = HLSPackager(
      HLSConfiguration(segmentSeconds: segmentSeconds, bitsPerSecond: bitsPerSecond, frameRate: frameRate), wallClockZero: Packaging.zero)
  }

  mutating func start(_ formats: [TrackFormat], at time: MediaTime? = nil) throws {
    try packager.start(formats, at: time)
    try folder.carryOut(packager.takeOrders())
  }
  mutating func feed(_ frames: [EncodedFrame]) throws {
    for frame in frames {
      try packager.write(frame)
      try folder.carryOut(packager.takeOrders())
    }
  }
  mutating func finish() throws {
    try packager.finish()
    try folder.carryOut(packager.takeOrders())
    #expect(!folder.files.keys.contains { $0.hasSuffix(".part") })
  }

  /// Frames of two tracks as an encoder that works in order would give them; the second track `lag` behind.
  static func merged(_ a: [EncodedFrame], _ b: [EncodedFrame], lag: TimeSpan = .zero) -> [EncodedFrame] {
    (a.map { ($0.time, $0) } + b.map { ($0.time + lag, $0) }).sorted { ($0.0, $0.1.track) < ($1.0, $1.1.track) }.map(\.1)
  }
}

/// What an outside reader makes of a presentation's segments, one after the other.
struct Reading {
  var packets: [[Tool.Packet]] = []
  var complaints = ""

  init(_ folder: Folder) throws {
    let disk = try Disk(folder)
    for (n, run) in try folder.concatenated().enumerated() {
      let path = try disk.put("run-\(n).mp4", run)
      packets.append(try Tool.packets(path))
      complaints += Tool.decode(path)
    }
  }

  /// Times in ticks of a stream over all runs.
  func times(_ stream: Int) -> [Int64] { packets.flatMap { $0 }.filter { $0.stream == stream }.map(\.pts) }
}
