import Ground
package import Impairment
package import JSON

extension WireReplay.Report {
  /// The report for people.
  package func lines(_ options: WireReplay.Options) -> [String] {
    let mapped = options.map.sorted { $0.key < $1.key }.map { "\($0.key) to \($0.value)" }.joined(separator: ", ")
    let target = options.map.isEmpty ? options.target.description : "\(options.target.ip) (ports \(mapped))"
    let seconds = NumberText.fixed(duration.seconds, 3)
    var out = [
      "\(wasStopped ? "stopped: " : "")sent \(NumberText.count(packets, "datagram")) (\(rtp) RTP, \(rtcp) RTCP), \(bytes) bytes, in \(seconds) s to \(target)",
      "at most \(NumberText.fixed(greatestDelay.milliseconds, 2)) ms late",
    ]
    if refused > 0 { out.append("\(NumberText.count(refused, "datagram")) refused by the system") }
    for cause in WireRoute.LeftOut.allCases {
      if let count = leftOut[cause] { out.append("\(NumberText.count(count, "datagram")) not sent: \(cause.rawValue)") }
    }
    if let impaired { out.append(impaired.text) }
    out.append("received RTCP: \(feedback.text)")
    if strange > 0 { out.append("received \(NumberText.count(strange, "datagram")) outside RTCP") }
    return out
  }

  /// The report for programs.
  package func json(_ options: WireReplay.Options) -> JSONValue {
    let impairment = impaired.map { [JSONField("impairment", $0.json)] } ?? []
    return .object(
      [
        JSONField("capture", .string(options.capture)),
        JSONField("to", .string(options.target.description)),
        JSONField("speed", .number(options.speed)),
        JSONField("stopped", .bool(wasStopped)),
        JSONField("packets", JSONValue(packets)),
        JSONField("rtp", JSONValue(rtp)),
        JSONField("rtcp", JSONValue(rtcp)),
        JSONField("bytes", JSONValue(bytes)),
        JSONField("refused", JSONValue(refused)),
        JSONField("durationSeconds", .number(duration.seconds)),
        JSONField("greatestDelayMilliseconds", .number(greatestDelay.milliseconds)),
        JSONField(
          "leftOut", .object(WireRoute.LeftOut.allCases.compactMap { cause in leftOut[cause].map { JSONField("\(cause)", JSONValue($0)) } })
        ),
        JSONField("feedback", feedback.json),
        JSONField("strange", JSONValue(strange)),
      ] + impairment)
  }
}

extension ImpairmentCounts {
  /// For programs.
  package var json: JSONValue {
    var fields: [JSONField] = []
    for scope in ImpairmentSpecification.Scope.allCases {
      let kind = self[scope]
      fields.append(
        JSONField(
          scope.rawValue,
          [
            "sent": JSONValue(kind.sent), "lost": JSONValue(kind.lost), "reordered": JSONValue(kind.reordered),
            "duplicated": JSONValue(kind.duplicated),
          ]))
    }
    let others = [
      ("stalls", stalls), ("rewritten", rewritten), ("absurdReports", absurdReports), ("asked", asked), ("repeated", repeated),
      ("notKept", notKept), ("overflowed", overflowed),
    ]
    for (name, count) in others { fields.append(JSONField(name, JSONValue(count))) }
    return .object(fields)
  }
}
