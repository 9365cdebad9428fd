import Codecs
import Ground
import Impairment
import Recording
import Replay
import Testing
import Track

/// A capture through an impairment and a take, without files: what would be on tape, and what was told.
struct ImpairedRun {
  struct Frame {
    var bytes: [UInt8]
    var time: MediaTime
    var duration: TimeSpan
    var isKey: Bool
  }
  struct Gap {
    var start: Double
    var end: Double
    var cause: String
  }
  /// By the take's tracks; what only fills holes is left out.
  private(set) var frames: [[Frame]] = []
  private(set) var gaps: [[Gap]] = []
  private(set) var tracks: [TakeSnapshot.TrackNumbers] = []
  private(set) var impaired: ImpairmentCounts?
  /// The most bytes of packets that waited at any time.
  private(set) var events: [TakeEvent] = []

  init(_ path: String, _ text: String? = nil, degradedAfterSeconds: Double = 0) throws {
    var limits = Limits()
    limits.degradedAfterSeconds = degradedAfterSeconds
    let description = try CaptureDescription(of: path, hints: try CaptureHints(capture: path))
    let pool = BufferPool()
    let replay = try TakeReplay(description, pool: pool, limits: limits, impairment: try text.map { try ImpairmentSpecification($0) })
    frames = Array(repeating: [], count: replay.source.tracks.count)
    gaps = Array(repeating: [], count: replay.source.tracks.count)
    var collected = Collected()
    #expect(try replay.play(path) { collected.take($0) } == nil)
    replay.stop()
    collected.take(replay)
    for (track, frame) in collected.frames { frames[track].append(frame) }
    events = collected.events
    for event in collected.events where event.type == "media.gap" { noteGap(event) }
    tracks = replay.take.snapshot(at: replay.now).tracks
    impaired = replay.impaired
  }

  private struct Collected {
    var frames: [(track: Int, frame: Frame)] = []
    var events: [TakeEvent] = []
    var orders: [TapeOrder] = []

    mutating func take(_ replay: TakeReplay) {
      events += replay.events
      replay.take.takeOrders(into: &orders)
      for order in orders {
        guard case .frame(_, let frame, let packets, let track) = order else { continue }
        replay.take.written(bytes: frame.storedBytes)
        guard packets > 0 else { continue }
        frames.append((track, Frame(bytes: frame.bytes, time: frame.time, duration: frame.duration, isKey: frame.isKey)))
      }
      orders.removeAll(keepingCapacity: true)
    }
  }

  private mutating func noteGap(_ event: TakeEvent) {
    func number(_ name: String) -> Double? {
      guard case .number(let value)? = event.fields.first(where: { $0.name == name })?.value else { return nil }
      return value
    }
    func text(_ name: String) -> String? {
      guard case .string(let value)? = event.fields.first(where: { $0.name == name })?.value else { return nil }
      return value
    }
    guard let id = text("track"), let track = Int(id.dropFirst()), let start = number("startSeconds"), let span = number("durationSeconds")
    else {
      Issue.record("a gap without a place: \(event)")
      return
    }
    gaps[track - 1].append(Gap(start: start, end: start + span, cause: text("cause") ?? ""))
  }

  var frameCount: Int { frames.reduce(0) { $0 + $1.count } }
}
