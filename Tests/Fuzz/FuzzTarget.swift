/// One thing that is fuzzed.
struct FuzzTarget: Sendable {
  let name: String
  /// Longer inputs find nothing new, and cost time.
  let maximumBytes: Int
  /// Inputs to begin with, besides those in `Inputs`.
  let seeds: @Sendable (SeedSources) -> [[UInt8]]
  /// Does with one input what the shells do with bytes from outside. Traps where a promise is broken.
  let run: @Sendable ([UInt8]) -> Void

  static let all: [FuzzTarget] = [
    .rtp, .red, .fec, .rtcp, .stun, .ice, .vp8, .vp9, .av1, .h264, .h265, .opus, .sound, .sdp, .playlist, .json, .start, .frame, .capture,
    .srtp,
    .dtls,
    .peer,
    .webm, .mp4,
    .hls,
    .take,
  ]
}

/// Ends the run, with the promise that was broken, where `holds` is false.
func require(
  _ holds: @autoclosure () -> Bool, _ promise: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
  if !holds() { fatalError("broken promise: \(promise())", file: file, line: line) }
}
