import Ground
import Recording

/// The SSRCs that a recording's client has named: none may be named twice, for its packets would have two homes.
struct SSRCClaims {
  private var taken: Set<UInt32> = []

  private static func named(by track: TrackSpecification) -> [(field: String, ssrc: UInt32)] {
    [("ssrc", track.ssrc), ("rtx.ssrc", track.rtx?.ssrc), ("fec.ssrc", track.fec?.ssrc)].compactMap { field, ssrc in
      ssrc.map { (field, $0.value) }
    }
  }

  /// Takes what the tracks name; takes nothing where it throws.
  mutating func claim(_ tracks: [TrackSpecification]) throws(ControlError) {
    for (i, track) in tracks.enumerated() {
      for (field, ssrc) in SSRCClaims.named(by: track) where taken.contains(ssrc) {
        throw ControlError(
          .invalidField, "tracks[\(i)].\(field): \(ssrc) is already used by a track of this recording", field: "tracks[\(i)].\(field)")
      }
    }
    for track in tracks { for (_, ssrc) in SSRCClaims.named(by: track) { taken.insert(ssrc) } }
  }

  mutating func release(_ tracks: [TrackSpecification]) {
    for track in tracks { for (_, ssrc) in SSRCClaims.named(by: track) { taken.remove(ssrc) } }
  }
}
