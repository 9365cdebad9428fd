import Codecs
import Ground
import HLSPlaylist

/// The playlists of a presentation as it grows: the media playlist's text, kept so that a segment costs a line and not a rewrite of all, and
/// what the multivariant playlist says of it.
struct HLSPresentation {
  private var playlist: MediaPlaylist
  private var body: [UInt8] = []
  private var last: MediaPlaylist.Segment?
  private var rate: HLSBitRate
  private var announced: MultivariantPlaylist.Variant?
  private var codecs: [String] = []
  private var size: PictureSize?
  private let frameRate: Double?
  private let configuredBandwidth: Int
  private(set) var segmentCount = 0

  init(_ configuration: HLSConfiguration) {
    playlist = MediaPlaylist(targetDurationSeconds: configuration.segmentSeconds, kind: .event)
    rate = HLSBitRate(targetSeconds: configuration.segmentSeconds)
    frameRate = configuration.frameRate
    configuredBandwidth = configuration.bitsPerSecond
  }

  /// Adds the codecs and the picture of an initialization segment to those that the presentation has had.
  mutating func include(_ formats: [TrackFormat]) {
    for format in formats {
      if let name = FragmentHeader.codecName(of: format), !codecs.contains(name) { codecs.append(name) }
      guard let new = format.size else { continue }
      if size.map({ new.width * new.height > $0.width * $0.height }) ?? true { size = new }
    }
  }

  mutating func add(_ segment: MediaPlaylist.Segment, bytes: Int) {
    // A segment's length, rounded, may not be above the target duration (RFC 8216 §4.3.3.1).
    playlist.targetDurationSeconds = max(playlist.targetDurationSeconds, (segment.durationMilliseconds + 500) / 1_000)
    body.append(contentsOf: segment.text(after: last).utf8)
    last = segment
    segmentCount += 1
    rate.add(bytes: bytes, milliseconds: segment.durationMilliseconds)
  }

  /// No segment will be added.
  mutating func end() {
    playlist.kind = .vod
    playlist.isEnded = true
  }

  var mediaPlaylist: [UInt8] { Array(playlist.head.utf8) + body + Array(playlist.tail.utf8) }

  /// The multivariant playlist, where it says less than is true by now (or, at the end, anything else than is true); else nil.
  mutating func takeMultivariantPlaylist() -> [UInt8]? {
    var variant = MultivariantPlaylist.Variant(
      uri: HLSName.media, bandwidth: playlist.isEnded ? rate.peak : max(rate.peak, configuredBandwidth), averageBandwidth: rate.average,
      codecs: codecs, resolution: size.map { MultivariantPlaylist.Resolution(width: $0.width, height: $0.height) },
      frameRate: size == nil ? nil : frameRate)
    if let announced, !playlist.isEnded, variant.bandwidth <= announced.bandwidth, variant.codecs == announced.codecs,
      variant.resolution == announced.resolution
    {
      return nil
    }
    // A bandwidth that crept up would be written again and again: it is rounded up to the next sixteenth while it may still grow.
    if !playlist.isEnded { variant.bandwidth = HLSPresentation.roundedUp(variant.bandwidth) }
    announced = variant
    return Array(MultivariantPlaylist(variants: [variant]).text.utf8)
  }

  private static func roundedUp(_ bandwidth: Int) -> Int {
    let step = max(1, bandwidth / 16)
    return (bandwidth + step - 1) / step * step
  }
}
