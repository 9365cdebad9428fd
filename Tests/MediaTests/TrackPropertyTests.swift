import Codecs
import Ground
import Seeded
import Testing
import Track

/// Random loss over random streams, against a model of the decoder: no frame is given out that lacks a packet or a reference.
@Suite struct TrackPropertyTests {
  struct Path {
    var loss = 0.0
    /// The chance that a loss goes on.
    var burst = 0.0
    var spread = 0.0
    var copies = 0.0
    var padding = 0.0
  }

  struct Outcome {
    var rig: TrackRig
    var stream: VP8Stream
    var wrong: [String] = []
    /// Packets that were lost or came more than once.
    var lost = 0
    var copies = 0
  }

  static let paths = [
    Path(), Path(spread: 100, copies: 0.05, padding: 0.1), Path(loss: 0.01), Path(loss: 0.03, burst: 0.5, padding: 0.3),
    Path(loss: 0.1, spread: 60, copies: 0.1), Path(loss: 0.02, burst: 0.97), Path(loss: 0.002, burst: 0.998, padding: 0.1),
  ]

  /// Sends pictures over the path; key frames come when asked for, some time later, or seldom by themselves.
  static func run(_ stream: VP8Stream, pictures: Int, _ path: Path, keyFrames: Double = 0.7, seed: UInt64) -> Outcome {
    var outcome = Outcome(rig: TrackRig(.vp8, deadline: 120), stream: stream)
    outcome.stream.padding = path.padding
    var random = SeededGenerator(seed)
    var under: [(time: Double, datagram: [UInt8])] = []
    var isLosing = false
    var keyAt: Int?
    for index in 0..<pictures {
      let time = Double(index) * 1000 / 30
      if outcome.rig.requests.last.map({ $0 > time - 34 }) == true, random.unit() < keyFrames { keyAt = index + 3 }
      for (number, datagram) in outcome.stream.next(isKey: index == keyAt || random.unit() < 0.001).enumerated() {
        isLosing = random.unit() < (isLosing ? path.burst : path.loss)
        if isLosing {
          outcome.lost += 1
          continue
        }
        let copies = random.unit() < path.copies ? 2 : 1
        outcome.copies += copies - 1
        for _ in 0..<copies { under.append((time + Double(number) * 0.1 + random.unit() * path.spread, datagram)) }
      }
      under.sort { $0.time < $1.time }
      while let first = under.first, first.time < time {
        outcome.rig.send(first.datagram, at: first.time)
        under.removeFirst()
      }
      outcome.rig.advance(to: time)
    }
    for item in under { outcome.rig.send(item.datagram, at: item.time) }
    outcome.rig.finish()
    judge(&outcome)
    return outcome
  }

  private static func judge(_ outcome: inout Outcome) {
    var decoder = VP8Decoder()
    var last = -1
    for frame in outcome.rig.frames {
      guard let picture = outcome.stream.picture(frame.bytes) else {
        outcome.wrong.append("a frame that nobody sent")
        continue
      }
      if picture.index <= last { outcome.wrong.append("\(picture.index) after \(last)") }
      last = picture.index
      if picture.isKey != frame.isKey { outcome.wrong.append("\(picture.index) is a key frame or not") }
      if !decoder.decode(picture) { outcome.wrong.append("\(picture.index), layer \(picture.layer ?? 0), lacks a reference") }
    }
  }

  private func check(_ outcome: Outcome, _ note: String) {
    #expect(outcome.wrong.isEmpty, "\(note): \(outcome.wrong.prefix(3))")
    #expect(outcome.rig.faults.isEmpty, "\(note): \(outcome.rig.faults.prefix(3))")
    #expect(outcome.rig.counters.discarded(.duplicate) == UInt64(outcome.copies) || outcome.rig.counters.discarded(.late) > 0)
  }

  @Test(arguments: 0..<UInt8(5), paths.indices) func noFrameIsGivenThatCannotBeDecoded(layers: UInt8, path: Int) {
    for (number, numbering) in VP8Stream.Numbering.allCases.enumerated() {
      for seed in 0..<UInt64(2) {
        var stream = VP8Stream(layers: layers, numbering: numbering, seed: seed * 100 + UInt64(number))
        stream.setsMarkers = seed != 1
        let outcome = Self.run(stream, pictures: 600, Self.paths[path], seed: seed)
        check(outcome, "\(numbering), seed \(seed)")
        // And not by giving none.
        #expect(outcome.rig.frames.count > (outcome.lost == 0 ? 598 : 20), "\(numbering), seed \(seed)")
      }
    }
  }

  /// Upper layers that are damaged leave the base layer whole, and nobody has to wait for a key frame.
  @Test(arguments: [2, 3, 4] as [UInt8], 0..<8) func theBaseLayerGoesOnWithoutKeyFrames(layers: UInt8, seed: UInt64) {
    var stream = VP8Stream(layers: layers, seed: seed)
    var rig = TrackRig(.vp8, deadline: 50)
    var random = SeededGenerator(seed)
    var bases = 0
    for index in 0..<1000 {
      let packets = stream.next()
      let layer = stream.pictures[index].layer ?? 0
      if layer == 0 { bases += 1 }
      let loss = layer == 0 ? 0 : 0.2
      for packet in packets where random.unit() >= loss { rig.send(packet, at: Double(index) * 100 / 3) }
      rig.advance(to: Double(index) * 100 / 3)
    }
    rig.finish()
    var outcome = Outcome(rig: rig, stream: stream)
    Self.judge(&outcome)
    check(outcome, "seed \(seed)")
    let given = rig.frames.compactMap { stream.picture($0.bytes)?.layer }
    #expect(given.count { $0 == 0 } == bases)
    // Layer syncs bring the upper layers back.
    #expect(given.count - bases > 40, "\(given.count - bases) of \(1000 - bases)")
    #expect(rig.counters.keyFrames == 1)
  }
}
