import Client
import Codecs
import Ground
import Impairment
import Recording
import Replay

/// `tapedeck replay` and `tapedeck inspect`.
enum Captures {
  static func inspect(_ parsed: ParsedCommand, console: SystemConsole) -> Int32 {
    Inspect.run(
      Inspect.Options(
        capture: parsed.positionals[0], sessionDescription: parsed.text("sdp"), srtpKey: parsed.text("srtp-key"),
        json: parsed.isOn("json")), output: { try? console.write($0 + "\n") }, errors: { console.writeError("tapedeck: \($0)\n") })
  }

  static func replay(_ parsed: ParsedCommand, console: SystemConsole) -> Int32 {
    var impairment: ImpairmentSpecification?
    if let text = parsed.text("impair") {
      do throws(ImpairmentSpecificationError) {
        impairment = try ImpairmentSpecification(text)
      } catch {
        console.writeError(parsed.wrongUsage("--impair: \(error)"))
        return 2
      }
    }
    switch (parsed.text("out"), parsed.endpoint("to")) {
    case (let folder?, nil): return record(parsed, into: folder, impairment, console)
    case (nil, let address?):
      return send(parsed, to: address, impairment, console)
    default:
      console.writeError(parsed.wrongUsage("one of --out and --to is needed"))
      return 2
    }
  }

  private static func send(
    _ parsed: ParsedCommand, to address: SocketAddress, _ impairment: ImpairmentSpecification?, _ console: SystemConsole
  ) -> Int32 {
    var options = WireReplay.Options(capture: parsed.positionals[0], target: address)
    options.sessionDescription = parsed.text("sdp")
    options.srtpKey = parsed.text("srtp-key")
    options.impairment = impairment
    options.speed = parsed.number("speed") ?? 1
    options.json = parsed.isOn("json")
    for pair in parsed.texts("map") {
      let ports = pair.split(separator: "=").map { UInt16($0) }
      guard ports.count == 2, let from = ports[0], let to = ports[1] else {
        console.writeError(parsed.wrongUsage("--map: \(pair) is not CAPTURED=PORT"))
        return 2
      }
      options.map[from] = to
    }
    StopOnSignal.install()
    return WireReplay.run(
      options, output: { try? console.write($0 + "\n") }, errors: { console.writeError("tapedeck: \($0)\n") }, progress: { _ in },
      isStopped: { StopOnSignal.isAsked })
  }

  private static func record(_ parsed: ParsedCommand, into folder: String, _ impairment: ImpairmentSpecification?, _ console: SystemConsole)
    -> Int32
  {
    var options = FileReplay.Options(
      capture: parsed.positionals[0], folder: folder, sessionDescription: parsed.text("sdp"), srtpKey: parsed.text("srtp-key"),
      json: parsed.isOn("json"))
    options.impairment = impairment
    options.container = parsed.text("container").flatMap { TapeContainer(rawValue: $0) }
    if parsed.isOn("hls") {
      var hls = HLSOutput()
      if let seconds = parsed.integer("segment-seconds") { hls.segmentSeconds = seconds }
      if let audio = parsed.text("hls-audio").flatMap({ HLSOutput.Audio(rawValue: $0) }) { hls.audio = audio }
      if let video = parsed.text("hls-video").flatMap({ HLSOutput.Video(rawValue: $0) }) { hls.video = video }
      if let quality = parsed.text("quality").flatMap({ HLSOutput.Quality(rawValue: $0) }) { hls.quality = quality }
      options.hls = hls
    }
    return FileReplay.run(options, output: { try? console.write($0 + "\n") }, errors: { console.writeError("tapedeck: \($0)\n") })
  }
}
