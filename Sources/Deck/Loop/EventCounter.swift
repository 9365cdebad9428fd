import Glibc

/// The highest event number that no recording's log shows: that of a recording's erasure. Kept in the root, under a name that no room's
/// folder can have, so that numbers rise across restarts.
enum EventCounter {
  private static let name = ".last-event"

  static func read(root: String) -> UInt64 {
    guard let bytes = FolderListing.read(root + "/" + name) else { return 0 }
    return UInt64(String(decoding: bytes.prefix { $0 >= 48 && $0 <= 57 }, as: UTF8.self)) ?? 0
  }

  /// Failing is no harm but after a restart, to clients that resume behind an event of a recording that is gone.
  static func write(_ number: UInt64, root: String) {
    try? DiskFiles(folder: root).replace(name, Array("\(number)\n".utf8))
  }
}
