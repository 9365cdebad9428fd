package import Ground

/// What is done to datagrams on their way: each effect for all of them, or for one kind.
package struct ImpairmentSpecification: Sendable, Equatable {
  /// Which datagrams an effect concerns. Retransmissions are of their media's kind.
  package enum Scope: String, Sendable, CaseIterable { case audio, video, rtcp }

  /// A two-state loss model (Gilbert and Elliott): good and bad times, each with its own share of loss.
  package struct LossModel: Sendable, Equatable {
    /// From good to bad, and back, per packet.
    package var toBad: Double
    package var toGood: Double
    /// How much is lost in each.
    package var lossInBad: Double
    package var lossInGood: Double

    package init(toBad: Double, toGood: Double, lossInBad: Double = 1, lossInGood: Double = 0) {
      self.toBad = toBad
      self.toGood = toGood
      self.lossInBad = lossInBad
      self.lossInGood = lossInGood
    }
  }

  /// What happens to packets one by one. Nil: as said for all, else nothing. Shares lie in 0 to 1.
  package struct Effects: Sendable, Equatable {
    package var loss: Double?
    /// How many packets a loss takes on average.
    package var burst: Double?
    /// In place of `loss` and `burst`.
    package var model: LossModel?
    package var reorder: Double?
    /// How much later a reordered packet comes.
    package var reorderBy: TimeSpan?
    package var duplicate: Double?
    package var delay: TimeSpan?
    /// By so much each delay is longer or shorter, at most. Order is kept: `reorder` changes it.
    package var jitter: TimeSpan?
    /// How much faster media timestamps run than they should, in parts of a million. Sender reports tell it rightly.
    package var drift: Double?
    package init() {}

    /// These, and what `other` says where they say nothing.
    func over(_ other: Effects) -> Effects {
      var out = self
      out.loss = loss ?? other.loss
      out.burst = burst ?? other.burst
      // A share of one kind's own speaks before a model for all.
      out.model = model ?? (loss == nil ? other.model : nil)
      out.reorder = reorder ?? other.reorder
      out.reorderBy = reorderBy ?? other.reorderBy
      out.duplicate = duplicate ?? other.duplicate
      out.delay = delay ?? other.delay
      out.jitter = jitter ?? other.jitter
      out.drift = drift ?? other.drift
      return out
    }

    /// How packets are lost; nil where none are.
    package var lossModel: LossModel? {
      if let model { return model }
      guard let loss, loss > 0 else { return nil }
      guard loss < 1 else { return LossModel(toBad: 1, toGood: 0) }
      let length = max(1, burst ?? 1)
      if length == 1 { return LossModel(toBad: 0, toGood: 1, lossInBad: loss, lossInGood: loss) }
      return LossModel(toBad: min(1, loss / (length * (1 - loss))), toGood: 1 / length)
    }
  }

  /// The sender stops at `start` after the first datagram, for `duration`; all that it sends comes so much later.
  package struct Stall: Sendable, Equatable {
    /// Nil: all media, and RTCP.
    package var scope: Scope?
    package var start: TimeSpan
    package var duration: TimeSpan
    /// Its RTP time stands still meanwhile, as a sleeping machine's does; else it goes on.
    package var freezesClock: Bool
    package init(scope: Scope? = nil, start: TimeSpan, duration: TimeSpan, freezesClock: Bool = false) {
      self.scope = scope
      self.start = start
      self.duration = duration
      self.freezesClock = freezesClock
    }
  }

  /// From `start` after the first datagram on, something is off by `amount`.
  package struct Step: Sendable, Equatable {
    /// Nil: all media.
    package var scope: Scope?
    package var start: TimeSpan
    package var amount: TimeSpan
    package init(scope: Scope? = nil, start: TimeSpan = .zero, amount: TimeSpan) {
      self.scope = scope
      self.start = start
      self.amount = amount
    }
  }

  package var all = Effects()
  package var scoped: [Scope: Effects] = [:]
  package var stalls: [Stall] = []
  /// RTP timestamps jump while the sender's wall clock does not.
  package var jumps: [Step] = []
  /// The wall clock that sender reports tell is off.
  package var reportOffsets: [Step] = []
  /// The share of sender reports that tell nonsense.
  package var absurdReports = 0.0
  /// How long after the first datagram packets begin to be hit one by one.
  package var start = TimeSpan.zero
  package var seed: UInt64 = 1
  /// Whether the sender repeats what it is asked for, and how long an answer takes.
  package var answersNACK = false
  package var roundTrip = TimeSpan.milliseconds(50)

  /// Nothing is done.
  package init() {}

  /// What happens to datagrams of one kind.
  package func effects(_ scope: Scope) -> Effects { scoped[scope].map { $0.over(all) } ?? all }

  /// Whether datagrams are changed, not only kept back or lost.
  package var rewrites: Bool {
    !stalls.isEmpty || !jumps.isEmpty || !reportOffsets.isEmpty || absurdReports > 0
      || Scope.allCases.contains { $0 != .rtcp && effects($0).drift ?? 0 != 0 }
  }
}
