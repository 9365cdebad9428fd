import Ground

/// Why a text is no specification: whoever wrote it must act.
package struct ImpairmentSpecificationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// One line that names the field, what was given and what is allowed.
  package var description: String

  package init(description: String) { self.description = description }
}

/// The specification as text: `loss=5%,burst=3,video.delay=40ms,jitter=20ms,nack=on,rtt=60ms,seed=7`. The words are those of `tc netem`
/// where it has them.
extension ImpairmentSpecification {
  private enum Field: String, CaseIterable {
    case loss, burst, gemodel, reorder
    case reorderBy = "reorder-by"
    case duplicate, delay, jitter, drift, stall, freeze, jump
    case reportOffset = "sr-offset"
    case absurdReports = "sr-absurd"
    case from, nack, rtt, seed

    /// Whether it may be said for one kind.
    var isScoped: Bool {
      switch self {
      case .reportOffset, .absurdReports, .from, .nack, .rtt, .seed: false
      default: true
      }
    }
  }

  /// Reads a text; an empty one impairs nothing.
  package init(_ text: String) throws(ImpairmentSpecificationError) {
    self.init()
    for item in text.split(separator: ",", omittingEmptySubsequences: true) {
      let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { Reading.trimmed($0) }
      guard parts.count == 2, !parts[1].isEmpty else {
        throw ImpairmentSpecificationError(description: "\(Reading.trimmed(item)) is not FIELD=VALUE, as in loss=5%")
      }
      try read(parts[0], parts[1])
    }
  }

  private mutating func read(_ name: String, _ value: String) throws(ImpairmentSpecificationError) {
    let words = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let scope = words.count == 2 ? Scope(rawValue: words[0]) : nil
    guard let field = words.last.flatMap({ Field(rawValue: $0) }), words.count == 1 || scope != nil else {
      let known = Field.allCases.map(\.rawValue).joined(separator: ", ")
      throw ImpairmentSpecificationError(
        description: "\(name) is no field (\(known); each for one kind as audio.loss, video.loss, rtcp.loss)")
    }
    guard scope == nil || field.isScoped else {
      throw ImpairmentSpecificationError(description: "\(name): \(field.rawValue) is for all, not for one kind")
    }
    let reading = Reading(name: name, value: value)
    switch field {
    case .stall, .freeze:
      let (duration, start) = try reading.spanAndStart(0...86_400)
      stalls.append(Stall(scope: scope, start: start, duration: duration, freezesClock: field == .freeze))
    case .jump:
      let (amount, start) = try reading.spanAndStart(-86_400...86_400)
      jumps.append(Step(scope: scope, start: start, amount: amount))
    case .reportOffset:
      let (amount, start) = try reading.spanAndStart(-1e9...1e9)
      reportOffsets.append(Step(start: start, amount: amount))
    case .absurdReports: absurdReports = try reading.share()
    case .from: start = try reading.span(0...86_400)
    case .nack: answersNACK = try reading.isOn()
    case .rtt: roundTrip = try reading.span(0...10)
    case .seed: seed = try reading.seed()
    default:
      var effects = scope.map { scoped[$0] ?? Effects() } ?? all
      try ImpairmentSpecification.read(field, reading, into: &effects)
      if let scope { scoped[scope] = effects } else { all = effects }
    }
  }

  private static func read(_ field: Field, _ reading: Reading, into effects: inout Effects) throws(ImpairmentSpecificationError) {
    switch field {
    case .loss: effects.loss = try reading.share()
    case .burst: effects.burst = try reading.number(1...1000, "a mean length in packets")
    case .gemodel: effects.model = try reading.model()
    case .reorder: effects.reorder = try reading.share()
    case .reorderBy: effects.reorderBy = try reading.span(0...60)
    case .duplicate: effects.duplicate = try reading.share()
    case .delay: effects.delay = try reading.span(0...60)
    case .jitter: effects.jitter = try reading.span(0...60)
    case .drift: effects.drift = try reading.partsPerMillion()
    default: break
    }
  }

  /// One value on its way from text.
  private struct Reading {
    var name: String
    var value: String

    static func trimmed(_ text: Substring) -> String {
      var text = text
      while text.first == " " { text.removeFirst() }
      while text.last == " " { text.removeLast() }
      return String(text)
    }

    func refusal(_ allowed: String, _ given: String? = nil) -> ImpairmentSpecificationError {
      ImpairmentSpecificationError(description: "\(name): \(given ?? value) is not \(allowed)")
    }

    func number(_ range: ClosedRange<Double>, _ what: String) throws(ImpairmentSpecificationError) -> Double {
      guard let number = Double(value), range.contains(number) else {
        throw refusal("\(what) (\(Reading.text(range.lowerBound)) to \(Reading.text(range.upperBound)))")
      }
      return number
    }

    private static func text(_ number: Double) -> String { number == number.rounded() ? String(Int64(number)) : "\(number)" }

    func share(of text: String? = nil) throws(ImpairmentSpecificationError) -> Double {
      let text = text ?? value
      let isPercent = text.hasSuffix("%")
      guard let number = Double(isPercent ? String(text.dropLast()) : text), case let share = isPercent ? number / 100 : number,
        (0...1).contains(share)
      else { throw refusal("a share (0% to 100%)", text) }
      return share
    }

    func model() throws(ImpairmentSpecificationError) -> LossModel {
      let parts = value.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      guard (2...4).contains(parts.count) else { throw refusal("P/R/1-H/1-K in percent, as in 1%/10%/100%/0%") }
      var model = LossModel(toBad: try share(of: parts[0]), toGood: try share(of: parts[1]))
      if parts.count > 2 { model.lossInBad = try share(of: parts[2]) }
      if parts.count > 3 { model.lossInGood = try share(of: parts[3]) }
      return model
    }

    /// Within a range of seconds.
    func span(_ range: ClosedRange<Double>, of text: String? = nil) throws(ImpairmentSpecificationError) -> TimeSpan {
      let text = text ?? value
      let units: [(String, Double)] = [("ms", 1e-3), ("us", 1e-6), ("s", 1), ("m", 60), ("h", 3600)]
      guard let (unit, factor) = units.first(where: { text.hasSuffix($0.0) }), let number = Double(text.dropLast(unit.count)),
        range.contains(number * factor)
      else {
        throw refusal(
          "a time with its unit, as in 40ms or 1.5s (\(Reading.text(range.lowerBound))s to \(Reading.text(range.upperBound))s)", text)
      }
      return .seconds(number * factor)
    }

    /// `18s@5s`: so much, so long after the beginning.
    func spanAndStart(_ range: ClosedRange<Double>) throws(ImpairmentSpecificationError) -> (TimeSpan, TimeSpan) {
      let parts = value.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
      guard parts.count < 3 else { throw refusal("TIME@START, as in 18s@5s") }
      return (try span(range, of: parts[0]), parts.count == 2 ? try span(0...86_400, of: parts[1]) : .zero)
    }

    func partsPerMillion() throws(ImpairmentSpecificationError) -> Double {
      let text = value.hasSuffix("ppm") ? String(value.dropLast(3)) : value
      guard let number = Double(text), (-100_000...100_000).contains(number) else {
        throw refusal("parts of a million, as in 200ppm (-100000 to 100000)")
      }
      return number
    }

    func isOn() throws(ImpairmentSpecificationError) -> Bool {
      switch value {
      case "on": return true
      case "off": return false
      default: throw refusal("on or off")
      }
    }

    func seed() throws(ImpairmentSpecificationError) -> UInt64 {
      guard let number = UInt64(value) else { throw refusal("a whole number from 0 on") }
      return number
    }
  }
}
