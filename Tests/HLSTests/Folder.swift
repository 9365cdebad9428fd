import Foundation
import HLSPlaylist
import Mux
import Testing

/// A presentation's folder in memory, which carries out orders and holds them to their promises.
struct Folder {
  var files: [String: [UInt8]] = [:]
  var announced: [HLSSegment] = []
  /// The bytes of each append: the fragments.
  var appends: [(path: String, bytes: [UInt8])] = []
  /// Every text that the media playlist has had.
  var playlists: [MediaPlaylist] = []

  mutating func carryOut(_ orders: [HLSOrder]) throws {
    for order in orders {
      switch order {
      case .write(let path, let bytes):
        files[path] = bytes
        if path == HLSName.media { try checkPlaylist(bytes) }
      case .append(let path, let bytes):
        files[path, default: []] += bytes
        appends.append((path, bytes))
      case .rename(let from, let to):
        #expect(files[from] != nil, "\(from) is not there to be renamed")
        #expect(files[to] == nil, "\(to) is there already")
        files[to] = files.removeValue(forKey: from)
      case .truncate(let path, let count):
        let bytes = try #require(files[path])
        files[path] = Array(bytes.prefix(count))
      case .remove(let path): files[path] = nil
      case .announce(let segment):
        #expect(try playlist().segments.contains { $0.uri == segment.uri }, "a segment is announced before the playlist names it")
        #expect(files[segment.uri]?.count == segment.byteCount)
        #expect(files[HLSName.master] != nil)
        announced.append(segment)
      }
    }
  }

  /// What every playlist must keep: the files are there, no segment is longer than the target, and only the end changes.
  private mutating func checkPlaylist(_ bytes: [UInt8]) throws {
    let playlist = try MediaPlaylist(parsing: bytes)
    #expect(playlist.text == String(decoding: bytes, as: UTF8.self), "written and read differ")
    for segment in playlist.segments {
      #expect(files[segment.uri] != nil, "\(segment.uri) is listed and not there")
      #expect(segment.map.map { files[$0] != nil } == true, "\(segment.uri) has no initialization segment")
      #expect(segment.durationMilliseconds <= playlist.targetDurationSeconds * 1_000)
    }
    if let before = playlists.last { #expect(playlist.segments.starts(with: before.segments), "a live playlist only grows") }
    playlists.append(playlist)
  }

  func playlist() throws -> MediaPlaylist { try MediaPlaylist(parsing: try #require(files[HLSName.media])) }
  func multivariant() throws -> MultivariantPlaylist { try MultivariantPlaylist(parsing: try #require(files[HLSName.master])) }

  var listing: [HLSRecovery.File] { files.map { HLSRecovery.File(path: $0.key, byteCount: $0.value.count) } }

  /// Segments with the initialization segment that each run of them needs, as files that a player without HLS reads.
  func concatenated() throws -> [[UInt8]] {
    var runs: [[UInt8]] = []
    var map: String?
    for segment in try playlist().segments {
      let header = try #require(segment.map.flatMap { files[$0] })
      if segment.map != map { runs.append(header) }
      map = segment.map
      runs[runs.count - 1] += try #require(files[segment.uri])
    }
    return runs
  }
}

/// A folder on disk for the tools to read; gone with the value.
final class Disk {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("hls-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }
  convenience init(_ folder: Folder) throws {
    try self.init()
    for (path, bytes) in folder.files { _ = try put(path, bytes) }
  }
  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appendingPathComponent(name).path }
  func put(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: url.appendingPathComponent(name))
    return path(name)
  }
}
