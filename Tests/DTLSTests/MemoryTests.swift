import DTLS
import Foundation
import Ground
import Testing

@Suite struct MemoryTests {
  /// In a process of its own, so that no other test's memory is counted.
  @Test func `a thousand handshakes, finished, refused and abandoned, leave no memory behind`() async {
    await #expect(processExitsWith: .success) {
      func round(_ n: Int) throws {
        let pair: Pair
        switch n % 4 {
        case 0:
          pair = try Pair(network: Network(lossPercent: 20, delay: 1...50), seed: UInt64(n))
          pair.run()
          precondition(pair.client.keys != nil)
        case 1:
          pair = try Pair()
          pair.run()
          pair.client.close()
          pair.settle()
          precondition(pair.server.isClosed)
        case 2:
          pair = try Pair(
            DTLSSession(identity: Identities.a, role: .client, fingerprints: [Identities.stranger.sha256]),
            DTLSSession(identity: Identities.b, role: .server, fingerprints: [Identities.a.sha256]))
          pair.run()
          precondition(pair.server.failure != nil)
        default:
          // The client never hears of the server, which is left in the middle.
          pair = try Pair(network: Network(passes: { fromClient, _ in fromClient }))
          pair.run(seconds: 2)
          precondition(pair.client.isHandshaking)
        }
      }
      // What is made once, and the heap's own habits, come first.
      for n in 0..<200 { try round(n) }
      let before = MemoryTests.residentBytes()
      for n in 200..<1_200 { try round(n) }
      let grown = MemoryTests.residentBytes() - before
      // One connection left behind per handshake would be over 40 MB.
      guard grown < 2_000_000 else { throw Grown(bytes: grown) }
    }
  }

  private struct Grown: Error { var bytes: Int }

  /// What the process holds in memory.
  private static func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0) * 4096
  }
}
