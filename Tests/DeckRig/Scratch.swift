import Foundation
package import JSON
import Synchronization

/// A folder for one test, gone with the value. Its path is short, so that a socket fits into it.
package final class Scratch: Sendable {
  package let path: String
  private static let count = Atomic<Int>(0)

  package init() throws {
    let number = Scratch.count.add(1, ordering: .relaxed).newValue
    path = FileManager.default.temporaryDirectory.path + "/deck-\(getpid())-\(number)"
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  package func write(_ text: String, as name: String) throws -> String {
    try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
    return path + "/" + name
  }
}

/// What is on disk, as the tests ask for it.
package enum Disk {
  package static func names(_ path: String) -> [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
  package static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
  package static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
  package static func bytes(_ path: String) -> [UInt8] { (try? Data(contentsOf: URL(filePath: path))).map { [UInt8]($0) } ?? [] }
  package static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }
  package static func mode(_ path: String) -> Int {
    ((try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions] as? Int) ?? 0
  }

  /// Every file and folder below, by its path from there.
  package static func tree(_ path: String) -> [String] {
    ((try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []).sorted()
  }
}

/// Times of the API's text.
package enum Clock {
  /// Seconds since the epoch.
  package static func seconds(_ value: JSONValue?) throws -> Double {
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    return try format.parse(value?.stringValue ?? "").timeIntervalSince1970
  }
}

/// Waits in small steps for something to come true; answers whether it did. The limit only ends a test that would never end.
package func eventually(within seconds: Double = 30, _ condition: () throws -> Bool) rethrows -> Bool {
  let end = Moment.now + seconds
  repeat {
    if try condition() { return true }
    Moment.rest(0.004)
  } while Moment.now < end
  return false
}

/// The test's own clock, in seconds.
package enum Moment {
  package static var now: Double {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Gives the processor away for a moment.
  package static func rest(_ seconds: Double) { _ = poll(nil, 0, Int32(max(1, seconds * 1000))) }
}
