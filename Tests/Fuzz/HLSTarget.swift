import Codecs
import Ground
import HLSPlaylist
import Mux

extension FuzzTarget {
  /// The first byte chooses what a presentation had come to when its process died; each change after it begins with the file that it
  /// happens to.
  static let hls = FuzzTarget(
    name: "hls", maximumBytes: 2048,
    seeds: { _ in
      (0..<UInt8(HLSFolders.all.count)).flatMap { folder in
        (0..<12).map { [folder, UInt8(folder) &* 3, $0, 0, 0, 200, 0, 40, 1, 2, 3, 4] }
      }
    }
  ) { bytes in
    var input = InputReader(bytes)
    var folder = HLSFolders.all[Int(input.u8()) % HLSFolders.all.count]
    var left = 12
    while left > 0, !input.isAtEnd {
      left -= 1
      let names = folder.keys.sorted()
      guard !names.isEmpty else { break }
      let name = names[Int(input.u8()) % names.count]
      switch input.u8() % 12 {
      case 0: folder[name] = nil
      case 1: folder[names[Int(input.u8()) % names.count]] = folder.removeValue(forKey: name)
      case 2: folder[names[Int(input.u8()) % names.count] + (input.u8() & 1 == 0 ? ".part" : "")] = folder[name]
      default: Mutation.apply(&input, to: &folder[name, default: []])
      }
    }
    recover(folder)
  }

  private static func recover(_ before: [String: [UInt8]]) {
    let plan = plan(before)
    require(plan.segmentCount >= 0 && plan.durationSeconds >= 0 && plan.byteCount >= 0, "no negative facts")
    var folder = before
    for order in plan.orders {
      switch order {
      case .write(let path, let bytes): folder[path] = bytes
      case .append: fatalError("recovery adds no media")
      case .rename(let from, let to):
        require(folder[from] != nil && folder[to] == nil, "\(from) becomes \(to)")
        folder[to] = folder.removeValue(forKey: from)
      case .truncate(let path, let count):
        require(count >= 0 && count <= (folder[path]?.count ?? -1), "\(path) is only cut")
        folder[path]?.removeSubrange(count...)
      case .remove(let path): folder[path] = nil
      case .announce: break
      }
    }
    guard plan.segmentCount > 0 else { return }
    guard let playlist = folder[HLSName.media].flatMap({ try? MediaPlaylist(parsing: $0) }) else { fatalError("no playlist afterwards") }
    require(playlist.isEnded && playlist.segments.count == plan.segmentCount, "the playlist is final")
    require(playlist.segments.allSatisfy { folder[$0.uri] != nil }, "what is listed is there")
    require((folder[HLSName.master].flatMap { try? MultivariantPlaylist(parsing: $0) }) != nil, "and the playlist of playlists")
    let again = Self.plan(folder)
    require(again.orders.isEmpty && again.segmentCount == plan.segmentCount, "recovery leaves nothing to recover: \(again.orders)")
  }

  private static func plan(_ folder: [String: [UInt8]]) -> HLSRecovery {
    HLSRecovery(files: folder.map { HLSRecovery.File(path: $0.key, byteCount: $0.value.count) }) { folder[$0] }
  }
}

/// Folders of presentations as our packager leaves them, at several moments of their lives.
enum HLSFolders {
  static let all: [[String: [UInt8]]] = lives(hasPicture: true) + lives(hasPicture: false)

  static var playlists: [[UInt8]] {
    all.flatMap { [$0[HLSName.media], $0[HLSName.master]] }.compactMap { $0 }
  }

  private static func lives(hasPicture: Bool) -> [[String: [UInt8]]] {
    var moments: [[String: [UInt8]]] = []
    var folder: [String: [UInt8]] = [:]
    do throws(MuxError) {
      var packager = HLSPackager(
        HLSConfiguration(segmentSeconds: 1, bitsPerSecond: 100_000),
        wallClockZero: WallTime(nanosecondsSinceEpoch: 1_700_000_000_000_000_000))
      let sound = TrackFormat(codec: .opus, channels: 2)
      try packager.start(hasPicture ? [picture, sound] : [sound])
      for n in 0..<240 {
        let time = MediaTime(nanoseconds: Int64(n) * 20_000_000)
        if hasPicture, n % 5 == 0 {
          try packager.write(
            EncodedFrame(bytes: [0, 0, 0, 4, n % 50 == 0 ? 0x65 : 0x41, 0x9a, 1, 2], track: 0, time: time, isKey: n % 50 == 0))
        }
        try packager.write(
          EncodedFrame(bytes: [0xfc, 0xff, 0xfe], track: hasPicture ? 1 : 0, time: time, duration: .milliseconds(20), isKey: true))
        carryOut(packager.takeOrders(), &folder)
        if n % 60 == 59 { moments.append(folder) }
      }
      try packager.finish()
      carryOut(packager.takeOrders(), &folder)
      moments.append(folder)
    } catch {
      fatalError("no presentation to begin with: \(error)")
    }
    return moments
  }

  /// The parameter sets of a picture of 320 by 180 pixels.
  private static let picture: TrackFormat = {
    let sps: [UInt8] = [
      0x67, 0x42, 0xc0, 0x0d, 0xd9, 0x01, 0x41, 0x9f, 0x9e, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0,
    ]
    let pps: [UInt8] = [0x68, 0xcb, 0x83, 0xcb, 0x20]
    let configuration = [1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0, UInt8(sps.count)] + sps + [1, 0, UInt8(pps.count)] + pps
    return TrackFormat(codec: .h264, size: PictureSize(width: 320, height: 180), configuration: configuration)
  }()

  private static func carryOut(_ orders: [HLSOrder], _ folder: inout [String: [UInt8]]) {
    for order in orders {
      switch order {
      case .write(let path, let bytes): folder[path] = bytes
      case .append(let path, let bytes): folder[path, default: []] += bytes
      case .rename(let from, let to): folder[to] = folder.removeValue(forKey: from)
      case .truncate(let path, let count): folder[path]?.removeSubrange(count...)
      case .remove(let path): folder[path] = nil
      case .announce: break
      }
    }
  }
}
