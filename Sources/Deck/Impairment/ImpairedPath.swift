import Ground

/// What happens to one stream's packets one by one. Each effect draws from numbers of its own, once a packet.
struct ImpairedPath: Sendable {
  struct Fate {
    var at: Instant
    var isReordered: Bool
    var isDuplicated: Bool
  }

  private var losses: SeededNumbers
  private var turns: SeededNumbers
  private var delays: SeededNumbers
  private var reorders: SeededNumbers
  private var duplicates: SeededNumbers
  private var isBad = false
  private var last = Instant(nanoseconds: 0)

  init(seed: UInt64, key: UInt64) {
    losses = SeededNumbers(seed: seed, stream: key)
    turns = SeededNumbers(seed: seed, stream: key | 1 << 40)
    delays = SeededNumbers(seed: seed, stream: key | 2 << 40)
    reorders = SeededNumbers(seed: seed, stream: key | 3 << 40)
    duplicates = SeededNumbers(seed: seed, stream: key | 4 << 40)
  }

  /// When a packet that is sent at `time` arrives; nil where it does not.
  mutating func pass(_ effects: ImpairmentSpecification.Effects, at time: Instant, isDelayed: Bool) -> Fate? {
    let isReordered = reorders.happens(effects.reorder ?? 0)
    let isDuplicated = duplicates.happens(effects.duplicate ?? 0)
    let swing = delays.swing()
    if isLost(effects.lossModel) { return nil }
    var delay = isDelayed ? effects.delay ?? .zero : .zero
    if let jitter = effects.jitter { delay += TimeSpan(nanoseconds: Int64(Double(jitter.nanoseconds) * swing)) }
    let arrival = max(last, time + max(.zero, delay))
    last = arrival
    return Fate(
      at: isReordered ? arrival + (effects.reorderBy ?? .milliseconds(30)) : arrival, isReordered: isReordered, isDuplicated: isDuplicated)
  }

  private mutating func isLost(_ model: ImpairmentSpecification.LossModel?) -> Bool {
    guard let model else { return false }
    isBad = isBad ? !turns.happens(model.toGood) : turns.happens(model.toBad)
    return losses.happens(isBad ? model.lossInBad : model.lossInGood)
  }
}
