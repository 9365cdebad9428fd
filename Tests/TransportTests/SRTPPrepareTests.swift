import Foundation
import SRTP
import Testing

@Suite struct SRTPPrepareTests {
  /// What a session needs is there before it and stays after it: no recording's start waits for libraries to be loaded.
  @Test func aSessionLoadsNothing() throws {
    SRTPSession.prepare()
    let before = try libraries()
    let session = try SRTPSession(suite: .aeadAES256GCM, key: [UInt8](repeating: 7, count: 44), direction: .inbound)
    let during = try libraries()
    withExtendedLifetime(session) {}
    #expect(during.subtracting(before) == [])
  }

  /// The files of code that are mapped.
  private func libraries() throws -> Set<Substring> {
    let lines = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n")
    return Set(lines.filter { $0.contains(".so") }.compactMap { $0.split(separator: " ").last })
  }
}
