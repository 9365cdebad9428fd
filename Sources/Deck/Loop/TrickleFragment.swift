import Negotiation
import Recording

/// An SDP fragment with candidates (RFC 8840 §9, RFC 9725 §4.3.2): a few lines of what a description would say.
struct TrickleFragment {
  var ufrag: String?
  var password: String?
  /// The values of its `a=candidate` lines.
  var candidates: [String] = []
  var hasEnded = false

  private static let maximumLines = 500

  /// Reads the lines that matter, and passes over the others. Throws where there is nothing of use.
  init(_ text: String) throws(ControlError) {
    let lines = text.split(whereSeparator: \.isNewline)
    guard lines.count <= TrickleFragment.maximumLines else {
      throw ControlError(.invalidField, "candidates: \(lines.count) lines are too many (at most \(TrickleFragment.maximumLines))")
    }
    for line in lines {
      guard line.hasPrefix("a=") else { continue }
      let attribute = line.dropFirst(2)
      let parts = attribute.split(separator: ":", maxSplits: 1).map(String.init)
      switch (parts.first, parts.count) {
      case ("ice-ufrag", 2): ufrag = ufrag ?? parts[1]
      case ("ice-pwd", 2): password = password ?? parts[1]
      case ("candidate", 2): candidates.append(parts[1])
      case ("end-of-candidates", _): hasEnded = true
      default: break
      }
    }
    guard ufrag != nil || !candidates.isEmpty || hasEnded else {
      throw ControlError(.invalidField, "candidates: there is neither a=candidate nor a=end-of-candidates nor a=ice-ufrag")
    }
  }

  /// Our own fragment after a restart.
  static func text(_ local: LocalTransport, mids: [String]) -> String {
    var lines = ["a=ice-ufrag:\(local.ufrag)", "a=ice-pwd:\(local.password)"]
    if let mid = mids.first { lines += ["m=audio \(local.port) UDP/TLS/RTP/SAVPF 0", "a=mid:\(mid)"] }
    lines += local.candidates.map { "a=candidate:\($0)" } + ["a=end-of-candidates"]
    return lines.map { $0 + "\r\n" }.joined()
  }
}
