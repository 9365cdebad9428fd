/// A multivariant playlist (RFC 8216 §4.3.4, there called master): which presentations of the same media there are.
package struct MultivariantPlaylist: Sendable, Hashable {
  /// One presentation (`EXT-X-STREAM-INF`).
  package struct Variant: Sendable, Hashable {
    /// Its media playlist, relative to this one.
    package var uri: String
    /// The peak segment bit rate, in bits per second.
    package var bandwidth: Int
    /// The bit rate of all segments together, where known.
    package var averageBandwidth: Int?
    /// RFC 6381 names of every codec in any of its segments; none: not said.
    package var codecs: [String]
    package var resolution: Resolution?
    /// The highest frame rate, kept to three decimal places.
    package var frameRate: Double?

    package init(
      uri: String, bandwidth: Int, averageBandwidth: Int? = nil, codecs: [String] = [], resolution: Resolution? = nil,
      frameRate: Double? = nil
    ) {
      self.uri = uri
      self.bandwidth = bandwidth
      self.averageBandwidth = averageBandwidth
      self.codecs = codecs
      self.resolution = resolution
      self.frameRate = frameRate
    }
  }

  /// Pixels at which to show the picture.
  package struct Resolution: Sendable, Hashable {
    package var width: Int
    package var height: Int
    package init(width: Int, height: Int) {
      self.width = width
      self.height = height
    }
  }

  package var version = 7
  package var hasIndependentSegments = true
  package var variants: [Variant]

  package init(variants: [Variant]) { self.variants = variants }

  /// The playlist as text.
  package var text: String {
    var out = "#EXTM3U\n#EXT-X-VERSION:\(version)\n"
    if hasIndependentSegments { out += "#EXT-X-INDEPENDENT-SEGMENTS\n" }
    for variant in variants { out += variant.text }
    return out
  }
}

extension MultivariantPlaylist.Variant {
  fileprivate var text: String {
    var out = "#EXT-X-STREAM-INF:BANDWIDTH=\(max(0, bandwidth))"
    if let averageBandwidth { out += ",AVERAGE-BANDWIDTH=\(max(0, averageBandwidth))" }
    if !codecs.isEmpty { out += ",CODECS=\"\(PlaylistText.uri(codecs.joined(separator: ",")))\"" }
    if let resolution { out += ",RESOLUTION=\(resolution.width)x\(resolution.height)" }
    // Beyond these bounds it is no frame rate, and no value that the attribute can carry.
    if let frameRate, frameRate > 0, frameRate < 1_000_000 {
      out += ",FRAME-RATE=\(PlaylistText.decimal(thousandths: Int((frameRate * 1_000).rounded())))"
    }
    return out + "\n\(PlaylistText.uri(uri))\n"
  }
}

extension MultivariantPlaylist {
  /// Reads a multivariant playlist of plain variants. Tags and attributes that are not known are passed over (RFC 8216 §6.3.1).
  package init(parsing bytes: [UInt8]) throws(PlaylistError) {
    self.init(variants: [])
    version = 1
    hasIndependentSegments = false
    var waiting: Variant?
    for line in try PlaylistLine.lines(of: bytes) {
      switch line.content {
      case .uri(let uri):
        guard var variant = waiting else { throw .strayURI(line: line.number) }
        variant.uri = uri
        variants.append(variant)
        waiting = nil
      case .tag("EXT-X-VERSION", let value):
        guard let number = PlaylistText.integer(value[...]) else { throw .badValue(line: line.number, tag: "EXT-X-VERSION") }
        version = number
      case .tag("EXT-X-INDEPENDENT-SEGMENTS", _): hasIndependentSegments = true
      case .tag("EXT-X-STREAM-INF", let value):
        guard let variant = Variant(attributes: value) else { throw .badValue(line: line.number, tag: "EXT-X-STREAM-INF") }
        waiting = variant
      case .tag(let name, _) where name == "EXTINF" || name == "EXT-X-TARGETDURATION" || name == "EXT-X-MAP":
        throw .unsupported(line: line.number, tag: name)
      case .tag: break
      }
    }
    guard !variants.isEmpty else { throw .missing(tag: "EXT-X-STREAM-INF") }
  }
}

extension MultivariantPlaylist.Variant {
  /// Nil where an attribute cannot be read or there is no `BANDWIDTH`.
  fileprivate init?(attributes text: String) {
    guard let attributes = PlaylistText.attributes(text), let peak = attributes["BANDWIDTH"],
      let bandwidth = PlaylistText.integer(peak[...])
    else { return nil }
    self.init(uri: "", bandwidth: bandwidth)
    if let average = attributes["AVERAGE-BANDWIDTH"] {
      guard let average = PlaylistText.integer(average[...]) else { return nil }
      averageBandwidth = average
    }
    if let list = attributes["CODECS"] {
      codecs = list.split(separator: ",").map { String($0.trimmingPrefix { $0 == " " }) }.filter { !$0.isEmpty }
    }
    if let pixels = attributes["RESOLUTION"] {
      let sides = pixels.split(separator: "x", omittingEmptySubsequences: false).map { PlaylistText.integer($0) }
      guard sides.count == 2, let width = sides[0], let height = sides[1] else { return nil }
      resolution = MultivariantPlaylist.Resolution(width: width, height: height)
    }
    if let rate = attributes["FRAME-RATE"] {
      guard let thousandths = PlaylistText.thousandths(rate[...]) else { return nil }
      frameRate = Double(thousandths) / 1_000
    }
  }
}
