import Ground
import SRTP
import Seeded
import Testing

/// Replays, reorder and the wrap of the sequence numbers, which count in the key stream (RFC 3711 §3.3).
@Suite struct SRTPOrderTests {
  @Test(arguments: CryptoSuite.allCases) func eachPacketOnce(_ suite: CryptoSuite) throws {
    let ends = try Ends(suite)
    let sealed = try (0..<300).map { try ends.sender.sealed(media($0)) }
    for number in sealed.indices {
      #expect(ends.receiver.open(sealed[number]) == .success(media(number)))
      #expect(ends.receiver.open(sealed[number]) == .failure(.replayed))
      #expect(ends.receiver.open(sealed[number / 2]) == .failure(.replayed))
    }
  }

  /// A recorder waits long for what is late: 2047 packets back is let in once, what is older is not.
  @Test(arguments: CryptoSuite.allCases) func lateOnes(_ suite: CryptoSuite) throws {
    let ends = try Ends(suite)
    let sealed = try (0...3000).map { try ends.sender.sealed(media($0)) }
    #expect(ends.receiver.open(sealed[3000]) == .success(media(3000)))
    for late in [2999, 2872, 1000, 954] {
      #expect(ends.receiver.open(sealed[late]) == .success(media(late)))
      #expect(ends.receiver.open(sealed[late]) == .failure(.replayed))
    }
    for old in [0, 500, 951] { #expect(ends.receiver.open(sealed[old]) == .failure(.replayed)) }
  }

  @Test(arguments: CryptoSuite.allCases) func streamsDoNotDisturbEachOther(_ suite: CryptoSuite) throws {
    let ends = try Ends(suite)
    for number in 0..<100 {
      for ssrc in [1, 2, .max] as [UInt32] {
        let sealed = try ends.sender.sealed(media(number * Int(ssrc % 1000 + 1), ssrc: ssrc))
        #expect(ends.receiver.open(sealed) == .success(media(number * Int(ssrc % 1000 + 1), ssrc: ssrc)))
      }
    }
  }

  /// Late packets of before the wrap come after the first of behind it, and numbers are missing on both sides.
  @Test(arguments: CryptoSuite.allCases) func reorderAcrossTheWrap(_ suite: CryptoSuite) throws {
    let ends = try Ends(suite)
    let sealed = Dictionary(uniqueKeysWithValues: try (65_500..<65_600).map { ($0, try ends.sender.sealed(media($0))) })
    for number in [65_500, 65_533, 65_536, 65_535, 65_534, 65_540, 65_501, 65_537, 65_599] {
      #expect(ends.receiver.open(sealed[number]!) == .success(media(number)), "\(number)")
    }
    for number in [65_535, 65_536, 65_500] { #expect(ends.receiver.open(sealed[number]!) == .failure(.replayed)) }
  }

  @Test(arguments: CryptoSuite.allCases) func jumpsOverTheWrap(_ suite: CryptoSuite) throws {
    let ends = try Ends(suite)
    // A burst of loss of almost half the numbers, whose end lies behind the wrap.
    for number in [40_000, 65_537 + 5000, 65_537 + 37_000, 2 * 65_536 + 3, 2 * 65_536 + 1] {
      let sealed = try sealedAfter(number, ends)
      #expect(ends.receiver.open(sealed) == .success(media(number)), "\(number)")
    }
  }

  /// The sender's own count goes on with what it sends, so it is shown the numbers in between.
  private func sealedAfter(_ number: Int, _ ends: Ends) throws -> [UInt8] {
    _ = try? ends.sender.sealed(media(number - 20_000))
    return try ends.sender.sealed(media(number))
  }

  /// Four wraps with seeded loss and reorder: each packet that is not lost comes through once, as it was.
  @Test(arguments: [.aesCM80, .aeadAES128GCM] as [CryptoSuite]) func manyWraps(_ suite: CryptoSuite) throws {
    var random = SeededGenerator(65_536)
    let ends = try Ends(suite)
    var waiting: [(at: Int, number: Int, packet: [UInt8])] = []
    var opened = 0
    var lost = 0
    func deliver(before time: Int) {
      for item in waiting.filter({ $0.at < time }).sorted(by: { $0.at < $1.at }) {
        let isRight = ends.receiver.open(item.packet) == .success(media(item.number))
        if !isRight { Issue.record("\(item.number)") }
        opened += 1
      }
      waiting.removeAll { $0.at < time }
    }
    // Every thirteenth number exists, so that the wraps come soon; the gaps are loss to the receiver.
    for step in 0..<20_000 {
      let number = 60_000 + step * 13
      let sealed = try ends.sender.sealed(media(number))
      if random.pick(0...9) == 0 {
        lost += 1
      } else {
        waiting.append((step + (random.pick(0...4) == 0 ? random.pick(0...50) : 0), number, sealed))
      }
      deliver(before: step)
    }
    deliver(before: .max)
    #expect(opened + lost == 20_000)
    #expect(lost > 1500)
  }
}
