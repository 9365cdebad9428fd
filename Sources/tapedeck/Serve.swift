import CLinux
import Client
import Control
import Glibc
import Ground
import JSON
import Loop
import Recording

/// `tapedeck serve`: the daemon, from its settings to its last recording's end.
enum Serve {
  static func run(_ parsed: ParsedCommand, console: SystemConsole) -> Int32 {
    let settings: ServeSettings
    do {
      settings = try ServeSettings(parsed, console: console)
    } catch {
      console.writeError("tapedeck: \(error.message)\n")
      return 1
    }
    let signals = StopSignals.install()
    raiseDescriptorLimit()
    returnLargeBlocks()
    let logger = Logger(level: settings.logLevel, format: settings.logFormat)
    let recorder: Recorder
    let server: ControlServer
    do {
      (recorder, server) = try open(settings, logger)
    } catch {
      console.writeError("tapedeck: \(error)\n")
      return 1
    }
    logger.info(
      "ready",
      [
        JSONField("version", .string(Tapedeck.version)), JSONField("control", .string(settings.control)),
        JSONField("root", .string(settings.recorder.root)),
      ] + (server.networkAddress.map { [JSONField("listen", .string($0.description))] } ?? []))
    if settings.listen != nil, settings.tokens.isEmpty {
      logger.warning("the API on TCP takes orders from every user of this machine: listenInsecure is set and there are no tokens")
    }
    let signal = signals.wait()
    logger.info("stopping", [JSONField("signal", .string(signal))])
    recorder.shutDown()
    server.stop()
    logger.info("stopped")
    return 0
  }

  private static func open(_ settings: ServeSettings, _ logger: Logger) throws -> (Recorder, ControlServer) {
    // The socket's lock comes first: a second daemon must not touch the recordings of the first.
    let later = LateRecorder()
    let server = try ControlServer(
      settings.server, recorder: later,
      log: { record in
        logger.debug(
          "request",
          [
            JSONField("method", .string(record.method)), JSONField("path", .string(record.path)),
            JSONField("status", JSONValue(Int(record.status))),
          ])
      })
    do {
      let recorder = try Recorder(settings.recorder, logger: logger)
      later.open(recorder)
      return (recorder, server)
    } catch {
      server.stop()
      throw ServeFailure(description: error.message)
    }
  }

  private struct ServeFailure: Error, CustomStringConvertible {
    var description: String
  }

  /// Has the allocator give memory of decoded pictures back to the system when it is freed. Left to itself it raises its limit with the
  /// first picture, and keeps what a hundred recordings once needed.
  private static func returnLargeBlocks() { clinux_map_blocks_from(512 << 10) }

  /// A socket a track and three files a recording: the soft limit of 1024 is soon reached.
  private static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
