import Codecs
import Ground
import Recording
import Testing
import Track

/// What a take tells: gaps, stalls, limits.
@Suite struct TakeEventsTests {
  private func number(_ event: TakeEvent?, _ name: String) -> Double? {
    switch event?.fields.first(where: { $0.name == name })?.value {
    case .number(let value): value
    case .integer(let value): Double(value)
    default: nil
    }
  }

  @Test func gapsAreExact() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    for index in 0..<300 {
      let packet = audio.sound(Double(index) * 20)
      // One packet in the first half second, before the timeline has its zero, and ten later on.
      if index == 5 || (100..<110).contains(index) { continue }
      rig.deliver(packet, at: Rig.at(Double(index) * 20))
    }
    rig.run(seconds: 7)
    rig.stop()
    let gaps = rig.events("media.gap")
    #expect(gaps.map { number($0, "startSeconds") } == [0.1, 2])
    #expect(gaps.map { number($0, "durationSeconds") } == [0.02, 0.2])
    #expect(gaps.map { number($0, "packetsLost") } == [1, 10])
    #expect(gaps.first?.fields.contains(EventField("track", "t1")) == true)
    #expect(rig.counters().gaps == 2)
    #expect(rig.counters().gapDuration == .milliseconds(220))
    #expect(rig.counters().packetsLost == 11)
    #expect(!rig.fills(0).isEmpty)
    #expect(rig.times(0) == (0..<300).filter { $0 != 5 && !(100..<110).contains($0) }.map { $0 * 20 })
  }

  @Test func aVideoGapLastsToTheNextDecodableFrame() throws {
    let rig = try Rig([Sender.video().specification])
    let camera = Camera(Sender.video(), on: rig, roundTrip: 100)
    camera.film(from: 0, to: 2000)
    _ = camera.sender.picture(2000)
    camera.film(from: 2033.4, to: 5000, startsWithKey: false)
    rig.run(seconds: 1)
    rig.stop()
    let gap = try #require(rig.events("media.gap").first)
    #expect(rig.events("media.gap").count == 1)
    let frames = rig.frames(0)
    let after = try #require(frames.firstIndex { $0.time.milliseconds > 1970 })
    #expect(frames[after].isKey)
    #expect(number(gap, "startSeconds") == frames[after - 1].time.seconds)
    #expect(abs((number(gap, "durationSeconds") ?? 0) - (frames[after].time - frames[after - 1].time).seconds) < 1e-6)
    #expect(rig.counters(0).discarded(.brokenReference) > 0)
    // Asked for once the hole was given up, and answered: not again.
    #expect(camera.asked.filter { $0 > 1000 }.count == 1)
  }

  @Test func stallsAndReturns() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.play(&audio, from: 0, to: 1000, delay: 0)
    rig.play(&audio, from: 6000, to: 7000, delay: 0)
    rig.run(seconds: 8)
    rig.stop()
    #expect(rig.events("track.stalled").map { ($0.at - Rig.start).milliseconds.rounded() } == [3980])
    #expect(rig.events("track.resumed").map { ($0.at - Rig.start).milliseconds.rounded() } == [6000])
  }

  @Test func silenceEndsTheRecordingAfterTheIdleTimeout() throws {
    var audio = Sender.audio()
    var limits = Limits()
    limits.idleTimeoutSeconds = 5
    let rig = try Rig([audio.specification], limits: limits)
    rig.play(&audio, from: 0, to: 2000, delay: 0)
    rig.run(until: Rig.at(6900))
    #expect(rig.take.limitReached == nil)
    rig.run(until: Rig.at(7100))
    #expect(rig.take.limitReached == .idleTimeoutSeconds)
    rig.run(seconds: 5)
    #expect(rig.events("limit.reached").count == 1)
  }

  @Test func theIdleTimeoutRunsFromTheStart() throws {
    var limits = Limits()
    limits.idleTimeoutSeconds = 2
    let rig = try Rig([Sender.audio().specification], limits: limits)
    rig.run(until: Rig.at(1900))
    #expect(rig.take.limitReached == nil)
    rig.run(until: Rig.at(2100))
    #expect(rig.take.limitReached == .idleTimeoutSeconds)
  }

  @Test func theLongestDurationIsOfMedia() throws {
    var audio = Sender.audio()
    var limits = Limits()
    limits.maxDurationSeconds = 4
    let rig = try Rig([audio.specification], limits: limits)
    rig.play(&audio, from: 1000, to: 12_000, delay: 0)
    rig.run(until: Rig.at(3000))
    rig.pause()
    rig.run(until: Rig.at(6000))
    rig.resume()
    rig.run(until: Rig.at(7900))
    #expect(rig.take.limitReached == nil)
    rig.run(until: Rig.at(8100))
    #expect(rig.take.limitReached == .maxDurationSeconds)
  }

  @Test func theLargestSizeIsOfAllFiles() throws {
    var limits = Limits()
    limits.maxBytes = 10_000
    let rig = try Rig([Sender.audio().specification], limits: limits)
    rig.take.noteBytes(9_999, at: rig.now)
    #expect(rig.take.limitReached == nil)
    rig.take.noteBytes(10_000, at: rig.now)
    rig.take.noteBytes(10_001, at: rig.now)
    rig.collect()
    #expect(rig.take.limitReached == .maxBytes)
    #expect(rig.events("limit.reached").count == 1)
  }

  /// A sender whose every other packet is lost for a minute, and whose clock leaps, writes no endless log.
  @Test func repeatedEventsAreCountedNotTold() throws {
    var audio = Sender.audio()
    let rig = try Rig([audio.specification])
    rig.isChecking = false
    for index in 0..<6000 {
      let time = Double(index) * 10
      let packet = audio.sound(time * 2)
      if index % 2 == 0 { rig.deliver(packet, at: Rig.at(time)) }
    }
    rig.run(seconds: 62)
    rig.stop()
    let gaps = rig.events("media.gap")
    #expect(gaps.count <= 50 + 10 * 62)
    #expect(rig.counters().gaps > 2000)
    let suppressed = gaps.reduce(0) { $0 + (number($1, "suppressed") ?? 0) }
    #expect(gaps.count + Int(suppressed) <= Int(rig.counters().gaps))
    #expect(gaps.count + Int(suppressed) >= Int(rig.counters().gaps) - 30)
  }
}
