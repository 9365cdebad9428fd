import Glibc
import Ground
package import JSON
import Synchronization

/// How much is logged; each level includes those before it.
package enum LogLevel: Int, Sendable, CaseIterable, Comparable {
  case error, warning, info, debug
  package init?(name: String) {
    guard let level = LogLevel.allCases.first(where: { "\($0)" == name }) else { return nil }
    self = level
  }
  package static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}

/// Writes log lines to standard error: as text for people, or one JSON object a line.
package final class Logger: Sendable {
  package enum Format: String, Sendable, CaseIterable { case text, json }
  private let level: LogLevel
  private let format: Format
  private let lock = Mutex(())

  package init(level: LogLevel, format: Format) {
    self.level = level
    self.format = format
  }

  package func error(_ message: @autoclosure () -> String, _ fields: [JSONField] = []) { log(.error, message, fields) }
  package func warning(_ message: @autoclosure () -> String, _ fields: [JSONField] = []) { log(.warning, message, fields) }
  package func info(_ message: @autoclosure () -> String, _ fields: [JSONField] = []) { log(.info, message, fields) }
  package func debug(_ message: @autoclosure () -> String, _ fields: [JSONField] = []) { log(.debug, message, fields) }

  /// A value as people read it: bare where it is one harmless word, else in quotes, so that no name can forge a line or a field.
  private static func plain(_ value: JSONValue) -> String {
    guard case .string(let text) = value else { return value.text() }
    let isWord = !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value > 32 && $0.value < 127 && $0 != "\"" && $0 != "=" }
    return isWord ? text : value.text()
  }

  private func log(_ level: LogLevel, _ message: () -> String, _ fields: [JSONField]) {
    guard level <= self.level else { return }
    let time = Clocks.wall().rfc3339
    var line: String
    switch format {
    case .json:
      line =
        JSONValue.object(
          [JSONField("time", .string(time)), JSONField("level", .string("\(level)")), JSONField("message", .string(message()))] + fields
        ).text()
    case .text:
      line = "\(time) \(level) \(message())"
      for field in fields { line += " \(field.name)=\(Logger.plain(field.value))" }
    }
    line += "\n"
    let bytes = Array(line.utf8)
    // One write a line, so that lines of several threads do not mix.
    lock.withLock { _ in _ = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) } }
  }
}
