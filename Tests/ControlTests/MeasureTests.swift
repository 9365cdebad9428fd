import Control
import Foundation
import Testing

/// Figures for people, taken only when asked for: `TAPEDECK_MEASURE=1 swift test -c release --filter MeasureTests`.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["TAPEDECK_MEASURE"] != nil))
struct MeasureTests {
  /// The time of a thousand starts, answered by a recorder that does nothing: what the control API itself costs.
  @Test(arguments: [true, false]) func aThousandStarts(keepsConnection: Bool) throws {
    let deck = try Served()
    let kept = try deck.connect()
    var took: [Duration] = []
    for i in 0..<1100 {
      let began = ContinuousClock.now
      let client = keepsConnection ? kept : try deck.connect()
      client.request("POST", "/v1/recordings", smallStart)
      #expect(try client.answer().status == 201)
      // The first hundred warm up.
      if i >= 100 { took.append(ContinuousClock.now - began) }
    }
    took.sort()
    func microseconds(_ index: Int) -> Int64 { took[index].components.attoseconds / 1_000_000_000_000 }
    print(
      "1000 starts over \(keepsConnection ? "one connection" : "a connection each"):",
      "p50 \(microseconds(499)) us, p99 \(microseconds(989)) us, most \(microseconds(999)) us")
  }
}
