import Foundation
import Ground
import RTCP
import Seeded
import Testing
import Timeline

/// Random senders on random paths for hours and days: what holds for all of them. `TAPEDECK_SEEDS` says how many of them more are tried.
@Suite struct TimelinePropertyTests {
  private static let more = ProcessInfo.processInfo.environment["TAPEDECK_SEEDS"].flatMap { UInt64($0) } ?? 0

  /// What goes wrong once.
  enum Fault {
    /// The sender stands still, its RTP time with it, on one track or both.
    case sleep(at: Double, seconds: Double, tracks: Set<Bool>)
    /// An RTP clock jumps.
    case jump(at: Double, by: Double, isAudio: Bool)
    /// The path stands still and delivers all at once.
    case path(at: Double, seconds: Double)
    /// The sender's wall clock is set.
    case wall(at: Double, by: Double)

    var at: Double {
      switch self {
      case .sleep(let at, _, _), .jump(let at, _, _), .path(let at, _), .wall(let at, _): at
      }
    }
    /// When packets are as they should be again.
    var end: Double {
      switch self {
      case .sleep(let at, let seconds, _), .path(let at, let seconds): at + seconds
      case .jump(let at, _, _), .wall(let at, _): at
      }
    }
    /// How many corrections it may cost.
    var corrections: Int {
      switch self {
      case .sleep(_, _, let tracks): tracks.count
      case .jump, .wall: 1
      case .path: 0
      }
    }
  }

  struct World {
    var random: SeededGenerator
    var end: Double
    var faults: [Fault] = []
    var reports: Bool
    var jitter: Double
    /// Two seconds of each so many are sent.
    var cycle: Double
    var ppm: [Bool: Double] = [:]
    /// One report of so many says anything.
    var absurdEvery: Int?

    init(seed: UInt64, isClean: Bool) {
      random = SeededGenerator(seed)
      end = Double(random.pick(3600...3 * 86_400))
      reports = random.pick(0...2) > 0
      cycle = [30.0, 120, 900][random.pick(0...2)]
      if cycle == 30 { end = min(end, 20_000) }
      jitter = Double(random.pick(0...8)) / 1000
      for isAudio in [true, false] { ppm[isAudio] = Double(random.pick(-200...200)) }
      guard !isClean else { return }
      absurdEvery = random.pick(0...1) == 0 ? random.pick(9...30) : nil
      var at = 200.0
      while at < end - 600, faults.count < 12 {
        faults.append(fault(at))
        at = faults[faults.count - 1].end + Double(random.pick(120...Int(end / 6)))
      }
    }

    private mutating func fault(_ at: Double) -> Fault {
      switch random.pick(0...3) {
      case 0:
        let tracks: Set<Bool> = [[true, false], [true], [false]][random.pick(0...2)]
        return .sleep(at: at, seconds: Double(random.pick(15...3000)) / 10, tracks: tracks)
      case 1:
        let by = Double(random.pick(3...4000)) / 10 * (random.pick(0...1) == 0 ? 1 : -1)
        return .jump(at: at, by: by, isAudio: random.pick(0...1) == 0)
      case 2: return .path(at: at, seconds: Double(random.pick(5...150)) / 10)
      default: return .wall(at: at, by: Double(random.pick(3...40_000)) / 10 * (random.pick(0...1) == 0 ? 1 : -1))
      }
    }

    /// What a track sends: about faults all of it, else some seconds of each minute, with silence between.
    func track(_ isAudio: Bool) -> SimulatedTrack {
      var track = isAudio ? SimulatedTrack.audio() : .video()
      let faults = faults
      (track.end, track.jitter, track.ppm) = (end, jitter, ppm[isAudio] ?? 0)
      let sleeps = faults.compactMap { fault -> (ClosedRange<Double>)? in
        if case .sleep(let at, let seconds, let tracks) = fault, tracks.contains(isAudio) { at...(at + seconds) } else { nil }
      }
      let busy = faults.map { ($0.at - 30)...($0.end + 60) }
      let cycle = cycle
      var times: [Double] = []
      for start in stride(from: 0, to: end, by: cycle) { times += stride(from: start, to: min(start + 2, end), by: 0.1) }
      for span in busy { times += stride(from: span.lowerBound + 0.05, to: min(span.upperBound, end), by: 0.1) }
      times.removeAll { time in sleeps.contains { time >= $0.lowerBound && time < $0.upperBound } }
      times.sort()
      track.times = times
      track.clockAhead = { time in
        var ahead = 0.0
        for fault in faults {
          switch fault {
          case .sleep(_, let seconds, let tracks) where tracks.contains(isAudio) && time >= fault.end: ahead -= seconds
          case .jump(let at, let by, isAudio) where time >= at: ahead += by
          default: break
          }
        }
        return ahead
      }
      track.extraDelay = { time in
        for fault in faults {
          if case .path(let at, let seconds) = fault, time >= at, time < at + seconds { return at + seconds - time }
        }
        return 0
      }
      guard reports else { return track }
      // Reports come while packets do.
      var last = -10.0
      for time in times where time - last >= (isAudio ? 5 : 1) {
        track.reports.append(time + 0.03)
        last = time
      }
      track.report = { time in
        var ntp = time
        for fault in faults { if case .wall(let at, let by) = fault, time >= at { ntp += by } }
        return (ntp, time)
      }
      var random = SeededGenerator(isAudio ? 3 : 4)
      for index in track.reports.indices {
        if let absurdEvery, index % absurdEvery == absurdEvery - 1 {
          track.absurd[index] = (random.next(), UInt32(truncatingIfNeeded: random.next()))
        }
      }
      return track
    }
  }

  private func check(_ world: World, _ seed: UInt64) -> ClockRig {
    let rig = ClockRig([world.track(true), world.track(false)], seed: seed, tick: 0.5)
    for step in rig.smallestStep { #expect(step >= 0.001 - 1e-9, "seed \(seed)") }
    // Between faults, from ten seconds after one to the next.
    var from = 10.0
    for end in world.faults.map(\.at) + [world.end] {
      if from < end {
        for track in 0...1 {
          let error = rig.worstError(track, from...end, latency: 0.02)
          #expect(abs(error) < 40, "seed \(seed) track \(track) from \(from) to \(end): \(world)")
        }
        #expect(abs(rig.worstOffset(from...end)) < 40, "seed \(seed) from \(from) to \(end): \(world.faults)")
      }
      from = (world.faults.first { $0.at == end }?.end ?? end) + 10
    }
    let allowed = world.faults.reduce(0) { $0 + $1.corrections }
    #expect(rig.corrections.count <= allowed, "seed \(seed): \(rig.corrections) of \(world.faults)")
    return rig
  }

  @Test func cleanWorldsAreNeverTouched() {
    for seed in 1...(4 + TimelinePropertyTests.more) { #expect(check(World(seed: seed, isClean: true), seed).corrections.isEmpty) }
  }

  @Test func faultsAreCorrectedOnceEach() {
    for seed in 1001...(1006 + TimelinePropertyTests.more) { _ = check(World(seed: seed, isClean: false), seed) }
  }
}
