import Codecs

/// Whether a whole AV1 temporal unit can be decoded correctly with what is on tape before it.
///
/// Without a loss every one after a key frame can. After one, those pass whose dependency descriptors prove that all frames which they refer to
/// are on tape (AV1 RTP payload format 1.0, appendix A); without descriptors, nothing before a new coded video sequence.
struct AV1Gate: Sendable {
  enum Verdict: Sendable, Equatable { case pass, awaitingKeyFrame, brokenReference }
  /// A frame of a temporal unit, as its packets describe it.
  struct Frame: Sendable {
    var number: UInt16
    var differences: [Int]
  }

  private enum State { case awaitingKeyFrame, open, broken }
  private var state = State.awaitingKeyFrame
  /// The numbers of the last frames on tape since a key frame, oldest first.
  private var onTape: [UInt16] = []
  /// Packets that were lost since the last temporal unit that was judged: numbers could have gone round among them.
  private var lost: Int64 = 0
  /// Nothing was refused or cut since the last temporal unit on tape: only whole packets are missing.
  private var isOnlyLoss = false
  /// Opened although a reference is missing: until the next key frame everything passes.
  private(set) var isDegraded = false
  /// Whether the last temporal unit came after a loss in which, as frame numbers prove, there was no frame.
  private(set) var provedNothingLost = false

  /// References further back prove nothing.
  private static let memory = 256

  var isOpen: Bool { state == .open }

  /// So many packets are missing before what comes next.
  mutating func missing(packets: Int64) {
    if state == .open, !isDegraded {
      state = .broken
      isOnlyLoss = true
    }
    let (sum, hasOverflown) = lost.addingReportingOverflow(packets)
    lost = hasOverflown ? .max : sum
  }

  /// Packets came that no temporal unit could be made of.
  mutating func damaged() {
    missing(packets: 1)
    isOnlyLoss = false
  }

  /// Wants a key frame whatever the references say.
  mutating func close() {
    state = .awaitingKeyFrame
    onTape = []
    isDegraded = false
  }

  /// Lets everything pass from now on, whatever is missing. Before a first key frame nothing can be decoded, so nothing happens then.
  mutating func openAnyway() {
    guard state != .awaitingKeyFrame else { return }
    state = .open
    isDegraded = true
    onTape = []
  }

  /// Judges a whole temporal unit. `frames`: those of it; empty where its packets do not describe them.
  mutating func judge(isKey: Bool, _ frames: [Frame]) -> Verdict {
    provedNothingLost = false
    // Half a round of numbers could lie between.
    if isKey || lost >= 0x4000 { onTape = [] }
    lost = 0
    if isKey {
      state = .open
      isDegraded = false
    }
    switch state {
    case .awaitingKeyFrame: return .awaitingKeyFrame
    case .open: break
    case .broken:
      if isOnlyLoss, let first = frames.first, let last = onTape.last, first.number == last &+ 1 {
        state = .open
        provedNothingLost = true
      } else if !isProven(frames) {
        isOnlyLoss = false
        return .brokenReference
      }
      isOnlyLoss = false
    }
    // What refers to what is missing proves nothing.
    guard !isDegraded else { return .pass }
    onTape += frames.map(\.number)
    if onTape.count > 2 * AV1Gate.memory { onTape.removeFirst(onTape.count - AV1Gate.memory) }
    return .pass
  }

  private func isProven(_ frames: [Frame]) -> Bool {
    guard !frames.isEmpty else { return false }
    return frames.indices.allSatisfy { index in
      frames[index].differences.allSatisfy { difference in
        guard difference <= AV1Gate.memory else { return false }
        let number = frames[index].number &- UInt16(difference)
        return frames[..<index].contains { $0.number == number } || onTape.contains(number)
      }
    }
  }
}
