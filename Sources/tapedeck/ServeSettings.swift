import Client
import Codecs
import Control
import Ground
import JSON
import Loop
import Recording

/// What `tapedeck serve` runs with: the configuration file, environment variables over it, flags over both.
struct ServeSettings {
  var control: String
  var controlGroup: String?
  /// Where the API is served on TCP too.
  var listen: SocketAddress?
  var listenInsecure = false
  var tokens: [AccessToken] = []
  var cors = CORSConfiguration()
  var whip = WHIPConfiguration()
  var recorder: RecorderConfiguration
  var logLevel = LogLevel.info
  var logFormat = Logger.Format.text

  struct Invalid: Error {
    var message: String
  }

  init(_ parsed: ParsedCommand, console: SystemConsole) throws(Invalid) {
    let environment = console.environment
    control = ControlSocket.defaultPath(environment: environment)
    recorder = RecorderConfiguration(root: "./recordings")
    recorder.version = Tapedeck.version
    if let path = parsed.text("config") { try read(path, console) }
    if let path = recorder.whepCAFile {
      do throws(InputError) {
        _ = try console.readFile(path)
      } catch {
        throw Invalid(message: "whep.caFile: \(error.message)")
      }
    }
    if let value = parsed.text("control") { control = value }
    if let value = parsed.text("control-group") { controlGroup = value }
    if let value = parsed.endpoint("listen") { listen = value }
    if let value = parsed.choice("listen-insecure") { listenInsecure = value }
    if let path = parsed.text("tokens-file") { tokens = try ServeSettings.tokens(ServeSettings.json(path, console), at: path, console) }
    if let value = parsed.text("root") { recorder.root = value }
    if let range = parsed.portRange("port-range") { recorder.portRange = PortRange(first: range.lowerBound, last: range.upperBound) }
    if let value = parsed.text("listen-ip") { recorder.listenIP = value }
    if let ports = parsed.ports("webrtc-port") { recorder.webrtcPorts = PortRange(first: ports.lowerBound, last: ports.upperBound) }
    if let text = parsed.text("webrtc-listen") {
      recorder.webrtcListenIPs = try ServeSettings.addresses(text.split(separator: ",").map { String($0) }, "--webrtc-listen")
    }
    if let text = parsed.text("webrtc-codecs") {
      recorder.webrtcCodecs = try ServeSettings.codecs(text.split(separator: ",").map { String($0) }, "--webrtc-codecs")
    }
    if let value = parsed.text("announce-ip") { recorder.announceIP = value }
    if let value = parsed.integer("max-recordings") { recorder.maxRecordings = value }
    if let value = parsed.seconds("degraded-after") { recorder.degradedAfterSeconds = value }
    if let value = parsed.integer("threads") { recorder.threads = value }
    if let level = parsed.text("log-level").flatMap({ LogLevel(name: $0) }) { logLevel = level }
    if let format = parsed.text("log-format").flatMap({ Logger.Format(rawValue: $0) }) { logFormat = format }
  }

  private static let fields = [
    "control", "controlGroup", "root", "portRange", "listenIp", "announceIp", "maxRecordings", "threads", "logLevel", "logFormat",
    "listen", "listenInsecure", "tokens", "cors", "whip", "whep", "webrtcPort", "webrtcListen", "webrtcCodecs",
    "degradedAfterSeconds",
  ]

  /// How the control API is served.
  var server: ControlServerConfiguration {
    var configuration = ControlServerConfiguration(path: control, group: controlGroup)
    configuration.network = listen.map { .init(address: $0, isInsecure: listenInsecure) }
    configuration.tokens = tokens
    configuration.cors = cors
    configuration.whip = whip
    return configuration
  }

  private static func json(_ path: String, _ console: SystemConsole) throws(Invalid) -> JSONValue {
    let bytes: [UInt8]
    do {
      bytes = try console.readFile(path)
    } catch {
      throw Invalid(message: error.message)
    }
    do {
      return try JSONValue(parsing: bytes, json5: true)
    } catch {
      throw Invalid(message: "\(path): \(error.message)")
    }
  }

  /// The tokens of a list; `path` is the list's place in messages. No message quotes a token.
  private static func tokens(_ json: JSONValue, at path: String, _ console: SystemConsole) throws(Invalid) -> [AccessToken] {
    do throws(ControlError) {
      return try AccessToken.list(json: json, at: path) { file throws(ControlError) in
        do throws(InputError) {
          return try console.readFile(file)
        } catch {
          throw ControlError(.invalidField, error.message)
        }
      }
    } catch {
      throw Invalid(message: error.message)
    }
  }

  private mutating func read(_ path: String, _ console: SystemConsole) throws(Invalid) {
    let json = try ServeSettings.json(path, console)
    guard let fields = json.fields else { throw Invalid(message: "\(path): an object is needed, not \(json.typeName)") }
    for field in fields {
      guard ServeSettings.fields.contains(field.name) else {
        throw Invalid(message: "\(path): unknown field \(field.name); known are \(ServeSettings.fields.joined(separator: ", "))")
      }
      try apply(field, path, console)
    }
  }

  /// What the rooms below read by themselves; false: another field.
  private mutating func applyAccess(_ field: JSONField, _ path: String, _ console: SystemConsole) throws(Invalid) -> Bool {
    if field.name == "tokens" {
      tokens = try ServeSettings.tokens(field.value, at: "\(path): tokens", console)
      return true
    }
    do throws(ControlError) {
      switch field.name {
      case "cors": cors = try CORSConfiguration(json: field.value, at: "cors")
      case "whip": whip = try WHIPConfiguration(json: field.value, at: "whip")
      case "whep":
        let whep = try WHEPConfiguration(json: field.value, at: "whep")
        recorder.whepGraceSeconds = whep.graceSeconds ?? recorder.whepGraceSeconds
        recorder.whepCAFile = whep.caFile
      default: return false
      }
    } catch {
      throw Invalid(message: "\(path): \(error.message)")
    }
    return true
  }

  /// The shared port's settings; false: another field.
  private mutating func applyWebRTC(_ field: JSONField, _ path: String) throws(Invalid) -> Bool {
    let place = "\(path): \(field.name)"
    switch field.name {
    case "webrtcPort":
      guard let ports = ValueKind.ports(field.value.integerValue.map { String($0) } ?? field.value.stringValue ?? "") else {
        throw Invalid(message: "\(place): \(field.value.text()) is not a port or a range of ports FIRST-LAST")
      }
      recorder.webrtcPorts = PortRange(first: ports.lowerBound, last: ports.upperBound)
    case "webrtcListen":
      guard let texts = field.value.arrayValue?.map(\.stringValue) ?? field.value.stringValue.map({ [$0] }), !texts.contains(nil) else {
        throw Invalid(message: "\(place): \(field.value.text()) is not an IP address or a list of them")
      }
      recorder.webrtcListenIPs = try ServeSettings.addresses(texts.compactMap { $0 }, place)
    case "webrtcCodecs":
      guard let texts = field.value.arrayValue?.map(\.stringValue), !texts.contains(nil) else {
        throw Invalid(message: "\(place): \(field.value.text()) is not a list of codecs")
      }
      recorder.webrtcCodecs = try ServeSettings.codecs(texts.compactMap { $0 }, place)
    default: return false
    }
    return true
  }

  private static func codecs(_ names: [String], _ place: String) throws(Invalid) -> [Codec] {
    var codecs: [Codec] = []
    for name in names {
      guard let codec = Codec(name: name) else {
        throw Invalid(message: "\(place): \(name) is not one of \(Codec.received.map(\.rawValue).joined(separator: ", "))")
      }
      guard !codecs.contains(codec) else { throw Invalid(message: "\(place): \(name) is named twice") }
      codecs.append(codec)
    }
    guard !codecs.isEmpty else { throw Invalid(message: "\(place): at least one codec is needed") }
    return codecs
  }

  private static func addresses(_ texts: [String], _ place: String) throws(Invalid) -> [String] {
    for text in texts where SocketAddress(ip: text, port: 0) == nil {
      throw Invalid(message: "\(place): \(text) is not an IP address")
    }
    guard !texts.isEmpty else { throw Invalid(message: "\(place): at least one IP address is needed") }
    return texts
  }

  private mutating func apply(_ field: JSONField, _ path: String, _ console: SystemConsole) throws(Invalid) {
    if try applyAccess(field, path, console) { return }
    if try applyWebRTC(field, path) { return }
    func wrong(_ allowed: String) -> Invalid {
      Invalid(message: "\(path): \(field.name): \(field.value.text()) is not \(allowed)")
    }
    switch field.name {
    case "maxRecordings", "threads":
      let most: Int64 = field.name == "threads" ? 1_024 : 1_000_000
      guard let number = field.value.integerValue, number >= 1, number <= most else { throw wrong("a whole number from 1 to \(most)") }
      if field.name == "threads" { recorder.threads = Int(number) } else { recorder.maxRecordings = Int(number) }
      return
    case "degradedAfterSeconds":
      guard let number = field.value.doubleValue, (0...604_800).contains(number) else { throw wrong("a number of seconds (0 to 604800)") }
      recorder.degradedAfterSeconds = number
      return
    case "listenInsecure":
      guard let value = field.value.boolValue else { throw wrong("true or false") }
      listenInsecure = value
      return
    default: break
    }
    guard let text = field.value.stringValue else { throw wrong("a string") }
    switch field.name {
    case "control": control = text
    case "controlGroup": controlGroup = text
    case "root": recorder.root = text
    case "portRange":
      guard let range = PortRange(text) else { throw wrong("a range of ports FIRST-LAST") }
      recorder.portRange = range
    case "listenIp", "announceIp":
      guard SocketAddress(ip: text, port: 0) != nil else { throw wrong("an IP address") }
      if field.name == "listenIp" { recorder.listenIP = text } else { recorder.announceIP = text }
    case "listen":
      guard let address = ValueKind.endpoint(text) else { throw wrong("an address and port, IP:PORT") }
      listen = address
    case "logLevel":
      guard let level = LogLevel(name: text) else { throw wrong("error, warning, info or debug") }
      logLevel = level
    default:
      guard let format = Logger.Format(rawValue: text) else { throw wrong("text or json") }
      logFormat = format
    }
  }
}
