import Codecs
import Ground

/// What an initialization segment says of its tracks: enough to time fragments and to name codecs in a playlist.
struct FragmentHeader {
  struct Track {
    var id: UInt32
    var timescale: UInt32
    var isVideo: Bool
    /// A sample's duration where a fragment says none, in ticks.
    var defaultDuration: UInt32
    /// The codec by its name in a playlist (RFC 6381), where it is one that `FragmentWriter` writes.
    var codecName: String?
    var size: PictureSize?
  }
  var tracks: [Track] = []

  /// Nil where the bytes hold no `moov` with a track.
  init?(parsing bytes: [UInt8]) {
    let span = bytes.span
    var offset = 0
    while let box = FragmentBox(at: offset, before: span.count, in: span) {
      if box.isNamed("moov") {
        box.forEachChild(in: span) { child in
          if child.isNamed("trak"), let track = FragmentHeader.track(child, in: span) { tracks.append(track) }
        }
        takeDefaults(box, in: span)
      }
      offset = box.body.upperBound
    }
    guard !tracks.isEmpty else { return nil }
  }

  func track(_ id: UInt32) -> Track? { tracks.first { $0.id == id } }

  private static func track(_ trak: FragmentBox, in bytes: Span<UInt8>) -> Track? {
    guard let tkhd = trak.child("tkhd", in: bytes)?.body, let media = trak.child("mdia", in: bytes),
      let mdhd = media.child("mdhd", in: bytes)?.body, let hdlr = media.child("hdlr", in: bytes)?.body, hdlr.count >= 12,
      let entries = media.child("minf", in: bytes)?.child("stbl", in: bytes)?.child("stsd", in: bytes), tkhd.count >= 24,
      mdhd.count >= 24
    else { return nil }
    // Version 1 of both boxes has two times of 64 bits before the field instead of 32.
    let id = bytes.u32(at: tkhd.lowerBound + (bytes[tkhd.lowerBound] == 1 ? 20 : 12))
    let timescale = bytes.u32(at: mdhd.lowerBound + (bytes[mdhd.lowerBound] == 1 ? 20 : 12))
    guard timescale > 0 else { return nil }
    var track = Track(
      id: id, timescale: timescale, isVideo: bytes.u32(at: hdlr.lowerBound + 8) == FragmentBox.code("vide"), defaultDuration: 0)
    entries.forEachChild(in: bytes, skipping: 8) { entry in
      if entry.isNamed("Opus") { track.codecName = "opus" }
      if entry.isNamed("mp4a") { track.codecName = "mp4a.40.2" }
      for (codec, name, box) in videoEntries where entry.isNamed(name) && entry.body.count >= 78 {
        guard let found = entry.child(box, in: bytes, skipping: 78)?.body, found.count <= 1 << 16 else { continue }
        let at = entry.body.lowerBound + 24
        let size = PictureSize(width: Int(bytes.u16(at: at)), height: Int(bytes.u16(at: at + 2)))
        // VP9's box begins with its version and flags.
        let configuration = found.dropFirst(codec == .vp9 ? 4 : 0).map { bytes[$0] }
        guard let codecName = codecName(of: TrackFormat(codec: codec, size: size, configuration: configuration)) else { continue }
        track.size = size
        track.codecName = codecName
      }
    }
    return track
  }

  /// What pictures' entries are called, and the box in them that holds the codec's configuration.
  private static let videoEntries: [(codec: Codec, name: StaticString, box: StaticString)] = [
    (.h264, "avc1", "avcC"), (.h265, "hvc1", "hvcC"), (.vp9, "vp09", "vpcC"), (.av1, "av01", "av1C"),
  ]

  private mutating func takeDefaults(_ moov: FragmentBox, in bytes: Span<UInt8>) {
    var defaults: [(id: UInt32, duration: UInt32)] = []
    moov.child("mvex", in: bytes)?.forEachChild(in: bytes) { box in
      guard box.isNamed("trex"), box.body.count >= 16 else { return }
      defaults.append((bytes.u32(at: box.body.lowerBound + 4), bytes.u32(at: box.body.lowerBound + 12)))
    }
    for found in defaults {
      for i in tracks.indices where tracks[i].id == found.id { tracks[i].defaultDuration = found.duration }
    }
  }
}

extension FragmentHeader {
  /// RFC 6381 §3.3: `avc1.` and the profile, compatibility and level bytes of the sequence parameter set in hexadecimal.
  static func avcName(profile: UInt8, _ compatibility: UInt8, level: UInt8) -> String {
    "avc1."
      + [profile, compatibility, level].map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
  }

  /// The name in a playlist (RFC 6381) of what a track's format says; nil for a codec that MP4 does not carry here.
  static func codecName(of format: TrackFormat) -> String? {
    switch format.codec {
    case .opus: return "opus"
    case .aac: return "mp4a.40." + String((format.configuration.first ?? 0x10) >> 3)
    case .h264:
      guard format.configuration.count >= 4 else { return nil }
      return avcName(profile: format.configuration[1], format.configuration[2], level: format.configuration[3])
    case .vp9: return VP9Configuration.codecName(format.configuration)
    case .h265: return H265AccessUnit.codecName(format.configuration)
    case .av1: return AV1SequenceHeader.codecName(format.configuration)
    case .vp8, .multiopus, .pcmu, .pcma, .g722, .l16: return nil
    }
  }
}
