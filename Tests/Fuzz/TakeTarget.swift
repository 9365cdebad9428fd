import Ground

extension FuzzTarget {
  /// A whole recording: see `TakeScript` for what the bytes say.
  static let take = FuzzTarget(name: "take", maximumBytes: 16_384, seeds: { TakeSeeds.written + TakeSeeds.captured($0) }) { bytes in
    let script = TakeScript(bytes)
    var run = TakeRun(script)
    run.play(script.steps)
  }
}

/// Scripts to begin with.
enum TakeSeeds {
  typealias Burst = TakeScript.Burst

  private static let sound = Burst(track: 1, flags: [], head: 0xfc, size: 3)
  private static let key: Burst.Head = [.start, .key, .pictureID]
  private static let delta: Burst.Head = [.start, .pictureID]

  /// Sound and picture as a browser sends them, for `frames` pictures; `change` is asked about each.
  private static func call(_ frames: Int, _ change: (Int) -> [TakeScript.Step] = { _ in [] }) -> [TakeScript.Step] {
    var steps: [TakeScript.Step] = []
    for n in 0..<frames {
      steps += change(n)
      let isKey = n % 60 == 0
      steps.append(.burst(Burst(track: 0, head: (isKey ? key : delta).rawValue, size: isKey ? 200 : 30, count: isKey ? 3 : 1)))
      steps.append(.burst(sound))
      if n % 2 == 1 { steps.append(.burst(sound)) }
      if n % 30 == 15 { steps += [.report(track: 0, milliseconds: 0, ticks: 0), .report(track: 1, milliseconds: 3, ticks: 0)] }
      steps.append(.wait(milliseconds: 33))
    }
    return steps
  }

  static var written: [[UInt8]] {
    let stories: [[TakeScript.Step]] = [
      call(90),
      // Loss, reorder, duplicates, strays.
      call(90) { n in
        switch n % 11 {
        case 3: [.burst(Burst(track: 0, step: 2, head: delta.rawValue)), .burst(Burst(track: 0, step: -1, head: delta.rawValue))]
        case 5: [.burst(Burst(track: 0, step: 3, head: delta.rawValue))]
        case 7: [.burst(Burst(track: 1, step: 0, flags: [], head: 0xfc))]
        case 9: [.burst(Burst(track: 1, step: -128, flags: [], head: 0xfc)), .burst(Burst(track: 0, flags: [.paddingOnly]))]
        default: []
        }
      },
      // A publisher that comes back, a clock that leaps, a far-off burst.
      call(120) { n in
        switch n {
        case 30: [.burst(Burst(track: 0, flags: [.newSSRC, .marker], head: key.rawValue, count: 4))]
        case 50: [.burst(Burst(track: 0, frames: -128, head: key.rawValue))]
        case 70: [.burst(Burst(track: 1, step: -127, flags: [], head: 0x0b, count: 20))]
        case 90: [.burst(Burst(track: 0, step: -126, flags: [.frames, .marker], head: delta.rawValue, count: 9))]
        default: []
        }
      },
      // Pauses, a camera that joins, a stall of the disk.
      call(120) { n in
        switch n {
        case 20: [.pause(keep: false)]
        case 40: [.resume]
        case 50: [.addTrack(kind: 1)]
        case 55: [.burst(Burst(track: 2, head: key.rawValue))]
        case 60: [.pause(keep: true), .leap(minutes: 1), .resume]
        case 80: [.stall(true)]
        case 110: [.stall(false), .other(.removeSource)]
        default: []
        }
      },
      // A flood, and a frame that never ends.
      [
        .burst(Burst(track: 0, head: key.rawValue, size: 200)), .turns(60),
        .burst(Burst(track: 0, flags: [.frames, .marker], head: delta.rawValue, size: 230, count: 255)),
        .burst(Burst(track: 0, flags: [], head: delta.rawValue, size: 230, count: 255)), .stall(true),
        .burst(Burst(track: 0, flags: [], head: 0, size: 230, count: 255)), .other(.goodbye), .other(.leapYears),
        .report(track: 0, milliseconds: 500, ticks: -10), .turns(100), .other(.oversized),
      ],
    ]
    let setups: [TakeScript.Setup] = [
      [.tape], [.tape, .srtp], [.tape, .rtcpPort, .portPerTrack], [.tape, .remote, .declaredSSRCs], [.twoParticipants, .tape], [.limits],
    ]
    var out: [[UInt8]] = []
    for setup in setups {
      for (number, steps) in stories.enumerated() {
        var script = TakeScript(setup, number == 3 ? .twoOfEach : .both)
        script.steps = steps
        out.append(script.bytes)
      }
    }
    return out
  }

  /// The beginnings of the captures, packet by packet.
  static func captured(_ sources: SeedSources) -> [[UInt8]] {
    sources.captures.flatMap { capture in
      [0, 150].map { first in
        var script = TakeScript([.tape])
        var last = 0
        var bytes = 0
        for item in capture.datagrams.dropFirst(first) {
          let datagram = Array(item.bytes.prefix(1_500))
          bytes += datagram.count + 8
          guard bytes < 15_000 else { break }
          if item.milliseconds > last { script.steps.append(.wait(milliseconds: UInt8(clamping: item.milliseconds - last))) }
          last = max(last, item.milliseconds)
          script.steps.append(.datagram(track: 0, from: 0, isRTCPPort: false, datagram))
        }
        return script.bytes
      }
    }
  }
}
