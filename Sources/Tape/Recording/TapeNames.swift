package import Codecs
import Ground

/// What the files of a recording are called. Identifiers are encoded, so no name leaves the folder and no two collide: `.part` and `-`
/// stand where an encoded identifier cannot reach.
package enum TapeNames {
  /// `recording.webm`, `recording-ada.webm`; from the second part on `recording.part2.webm`, `recording.part2-ada.webm`.
  package static func file(participant: String?, part: Int, _ container: TapeContainer) -> String {
    let middle = part > 1 ? ".part\(part)" : ""
    return "recording" + middle + (participant.map { "-" + PathComponent.encode($0) } ?? "") + "." + container.rawValue
  }

  /// `hls` or `hls/ada`.
  package static func hlsFolder(participant: String?) -> String {
    "hls" + (participant.map { "/" + PathComponent.encode($0) } ?? "")
  }
}
