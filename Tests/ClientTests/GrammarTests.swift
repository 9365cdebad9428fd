import Client
import Ground
import Testing

private let grammar = Grammar(
  program: "deck", version: "9.9", summary: "A deck.",
  commands: [
    Command(
      "play", "Play a tape", group: "Tapes",
      flags: [
        .value("room", "ROOM", .text, "The room", short: "r"), .value("tag", "TAG", .text, "A tag", short: "t", repeatable: true),
        .value("count", "N", .integer(1...9), "How many", short: "n", environment: "DECK_COUNT", default: "3"),
        .value("mode", "MODE", .choice(["cut", "keep"]), "The mode"), .value("time", "TIME", .duration, "How long"),
        .value("size", "SIZE", .bytes, "How large"), .value("ports", "FIRST-LAST", .portRange, "Ports"),
        .value("to", "IP:PORT", .endpoint, "Where to"), .value("ip", "IP", .ip, "An address"),
        .value("speed", "N", .number(0.5...4), "How fast"), .toggle("quiet", "Say less", short: "q", environment: "DECK_QUIET"),
        .toggle("watch", "Stay", short: "w"), .negatable("hls", on: true, "HLS"),
        .value("control", "PATH", .file, "The socket", environment: "DECK_CONTROL", global: true),
      ], positionals: [Positional("TAPE", .file), Positional("MORE", .text, optional: true, repeatable: true)]),
    Command("place", "Place a tape", group: "Tapes"),
    Command("help", "Show help", group: "More", positionals: [Positional("COMMAND", .command, optional: true)]),
  ])

private func parse(_ line: String, _ environment: [String: String] = [:]) -> Grammar.Outcome {
  grammar.parse(line.split(separator: " ").map(String.init), environment: environment)
}

private func parsed(_ line: String, _ environment: [String: String] = [:]) throws -> ParsedCommand {
  guard case .run(let command) = parse(line, environment) else {
    Issue.record("\(line) was refused: \(parse(line, environment))")
    throw CancellationError()
  }
  return command
}

private func refusal(_ line: String, _ environment: [String: String] = [:]) -> String {
  guard case .wrongUsage(let text) = parse(line, environment) else { return "accepted: \(parse(line, environment))" }
  return String(text.prefix { $0 != "\n" })
}

@Suite struct GrammarTests {
  @Test(arguments: [
    ("play --room a x", "a", ["x"]), ("play --room=a x", "a", ["x"]), ("play x --room a", "a", ["x"]), ("play -r a x", "a", ["x"]),
    ("play -ra x", "a", ["x"]), ("play -r=a x", "a", ["x"]), ("play -qwra x", "a", ["x"]), ("play --room a --room b x", "b", ["x"]),
    ("play --room=--odd x", "--odd", ["x"]), ("play --room - x", "-", ["x"]), ("play --room a -- --room -q", "a", ["--room", "-q"]),
    ("play --room a -", "a", ["-"]), ("play --room a=b x y z", "a=b", ["x", "y", "z"]),
  ])
  func values(line: String, room: String, positionals: [String]) throws {
    let command = try parsed(line)
    #expect(command.text("room") == room)
    #expect(command.positionals == positionals)
  }

  @Test(arguments: [
    ("play -qw x", true, true, true), ("play -q x --no-hls", true, false, false), ("play x --no-hls --hls", false, false, true),
    ("play x", false, false, true),
  ])
  func toggles(line: String, quiet: Bool, watch: Bool, hls: Bool) throws {
    let command = try parsed(line)
    #expect([command.isOn("quiet"), command.isOn("watch"), command.isOn("hls")] == [quiet, watch, hls])
  }

  @Test func repeatableFlagsKeepTheirOrder() throws {
    #expect(try parsed("play -t a --tag=b x -tc").texts("tag") == ["a", "b", "c"])
    #expect(try parsed("play x").texts("tag") == [])
  }

  @Test func typedValues() throws {
    let command = try parsed("play x -n 4 --time 1h30m --size 2GiB --ports 40000-49999 --to [2001:db8::1]:5004 --speed 2.5")
    #expect(command.integer("count") == 4)
    #expect(command.seconds("time") == 5_400)
    #expect(command.bytes("size") == 2_147_483_648)
    #expect(command.portRange("ports") == 40_000...49_999)
    #expect(ValueKind.ports("40000") == 40_000...40_000 && ValueKind.ports("40000-40003") == 40_000...40_003)
    for text in ["0", "65536", "40001-40000", "-1", "x"] { #expect(ValueKind.ports(text) == nil) }
    #expect(command.endpoint("to") == SocketAddress(ip: "2001:db8::1", port: 5_004))
    #expect(command.number("speed") == 2.5)
  }

  @Test(arguments: [
    ("90", 90.0), ("90s", 90), ("1.5s", 1.5), ("5m", 300), ("1d2h3m4s", 93_784), ("1:30", 90), ("1:30:00", 5_400), ("0", 0),
  ])
  func durations(text: String, seconds: Double) throws { #expect(try parsed("play x --time \(text)").seconds("time") == seconds) }

  @Test(arguments: ["-5", "5x", "m", "1:60", "1:2:3:4", "1m1h", "inf", "0x10", "1e3", "5m3"])
  func noDurations(text: String) {
    #expect(refusal("play x --time=\(text)") == "deck play: --time: '\(text)' is not a duration (such as 90, 90s, 5m, 1h30m or 1:30:00)")
  }

  @Test(arguments: [("500000", 500_000), ("500MB", 500_000_000), ("1.5k", 1_500), ("2GiB", 2_147_483_648), ("0", 0)])
  func sizes(text: String, bytes: Int64) throws { #expect(try parsed("play x --size \(text)").bytes("size") == bytes) }

  @Test(arguments: [
    ("play x --foo", "deck play: unknown flag --foo"), ("play x --rom a", "deck play: unknown flag --rom (did you mean --room?)"),
    ("play x --no-hsl", "deck play: unknown flag --no-hsl (did you mean --no-hls?)"),
    ("play x --rom=a", "deck play: unknown flag --rom (did you mean --room?)"), ("play x -z", "deck play: unknown flag -z"),
    ("play x -qz", "deck play: unknown flag -z"), ("play x --room", "deck play: --room needs a value (ROOM)"),
    ("play x --room --quiet", "deck play: --room needs a value (ROOM)"), ("play x -r", "deck play: -r needs a value (ROOM)"),
    ("play x --quiet=yes", "deck play: --quiet takes no value"), ("play x --room=", "deck play: --room: '' is empty"),
    ("play x -n 0", "deck play: -n: '0' is not a whole number (1 to 9)"),
    ("play x --count=ten", "deck play: --count: 'ten' is not a whole number (1 to 9)"),
    ("play x --mode cup", "deck play: --mode: 'cup' is not one of cut, keep (did you mean cut?)"),
    ("play x --mode zzzz", "deck play: --mode: 'zzzz' is not one of cut, keep"),
    ("play x --ports 9-1", "deck play: --ports: '9-1' is not a port range (FIRST-LAST, each 1 to 65535)"),
    ("play x --to 1.2.3.4", "deck play: --to: '1.2.3.4' is not an address and port (such as 192.0.2.1:5004 or [2001:db8::1]:5004)"),
    ("play x --ip host", "deck play: --ip: 'host' is not an IPv4 or IPv6 address"),
    ("play x --speed 9", "deck play: --speed: '9' is not a number (0.5 to 4)"),
    ("play x --size 5parsecs", "deck play: --size: '5parsecs' is not a size (such as 500000, 500MB or 2GiB)"),
    ("play", "deck play: TAPE is missing"), ("place x", "deck place: unexpected argument 'x'"),
    ("plau x", "deck: unknown command 'plau' (did you mean play?)"), ("zzz", "deck: unknown command 'zzz'"),
    ("--contrl x play", "deck: unknown flag --contrl (did you mean --control?)"), ("--control x", "deck: a command is missing"),
    ("help plai", "deck help: unknown command 'plai' (did you mean play?)"),
  ])
  func refusals(line: String, message: String) { #expect(refusal(line) == message) }

  @Test func aRefusalShowsTheUsageLine() {
    guard case .wrongUsage(let text) = parse("play") else { return #expect(Bool(false)) }
    #expect(text == "deck play: TAPE is missing\nusage: deck play [flags] TAPE [MORE...]\nTry 'deck play --help'.\n")
  }

  @Test func theEnvironmentSpeaksWhereTheFlagDoesNot() throws {
    let environment = ["DECK_COUNT": "7", "DECK_QUIET": "yes", "DECK_CONTROL": ""]
    let command = try parsed("play x", environment)
    #expect(command.integer("count") == 7)
    #expect(command.origin(of: "count") == .environment("DECK_COUNT"))
    #expect(command.isOn("quiet"))
    #expect(command.origin(of: "control") == nil)
    #expect(try parsed("play x -n 2", environment).integer("count") == 2)
    #expect(try parsed("play x -n 2", environment).origin(of: "count") == .flag)
    #expect(refusal("play x", ["DECK_COUNT": "99"]) == "deck play: DECK_COUNT: '99' is not a whole number (1 to 9)")
    #expect(refusal("play x", ["DECK_QUIET": "maybe"]) == "deck play: DECK_QUIET: 'maybe' is not one of true, false")
  }

  @Test func aGlobalFlagMayStandBeforeTheCommand() throws {
    #expect(try parsed("--control /a play x").text("control") == "/a")
    #expect(try parsed("--control=/a play x --control /b").text("control") == "/b")
  }

  @Test(arguments: ["--help", "-h", "help"])
  func overviewEverywhere(line: String) {
    guard case .show(let text) = parse(line) else { return #expect(Bool(false)) }
    #expect(text.hasPrefix("A deck.\n\nUsage: deck COMMAND [flags]\n\nTapes:\n  play   Play a tape\n  place  Place a tape\n"))
  }

  @Test(arguments: ["play --help", "play -h", "play x --nonsense --help", "help play"])
  func helpEverywhere(line: String) {
    guard case .show(let text) = parse(line) else { return #expect(Bool(false)) }
    #expect(text.hasPrefix("Play a tape.\n\nUsage: deck play [flags] TAPE [MORE...]\n"))
    #expect(text.contains("\n  -n, --count N           How many (default 3; env DECK_COUNT)\n"))
    #expect(text.contains("\n      --mode cut|keep     The mode\n"))
    #expect(text.contains("\n      --[no-]hls          HLS (default on)\n"))
    #expect(text.contains("\n  -t, --tag TAG           A tag (may be repeated)\n"))
  }

  @Test func helpBehindTwoDashesIsAnArgument() throws { #expect(try parsed("play -- --help").positionals == ["--help"]) }

  @Test(arguments: ["--version", "-V"])
  func version(line: String) {
    guard case .show(let text) = parse(line) else { return #expect(Bool(false)) }
    #expect(text == "deck 9.9\n")
  }
}

@Suite struct TapedeckGrammarTests {
  private let grammar = TapedeckGrammar.grammar(version: "1.2.3")

  @Test func everyHelpFitsAndMentionsEveryFlag() {
    for command in grammar.commands {
      let text = grammar.help(for: command)
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= 110 }, "\(command.name)")
      for flag in command.flags { #expect(text.contains("--\(flag.long)") || text.contains("--[no-]\(flag.long)"), "\(flag.long)") }
    }
    for command in grammar.commands { #expect(grammar.overview.contains("\n  \(command.name) ")) }
  }

  @Test func everyServeFlagHasItsVariable() throws {
    let serve = try #require(grammar.command("serve"))
    for flag in serve.flags {
      #expect(flag.environment == "TAPEDECK_" + flag.long.uppercased().replacing("-", with: "_"))
    }
    #expect(
      Set(serve.flags.map(\.long)) == [
        "control", "root", "config", "port-range", "listen-ip", "announce-ip", "control-group", "max-recordings", "threads", "log-level",
        "log-format", "listen", "tokens-file", "listen-insecure", "webrtc-port", "webrtc-listen", "webrtc-codecs", "degraded-after",
      ])
  }

  @Test func noTwoFlagsOfACommandShareASpelling() {
    for command in grammar.commands {
      let spellings = command.flags.flatMap(\.spellings) + command.flags.compactMap { $0.short.map(String.init) } + ["help", "h"]
      #expect(Set(spellings).count == spellings.count, "\(command.name)")
    }
  }

  @Test func everyCommandIsSomebodys() {
    let builtIn: Set = ["help", "version", "completion", "serve", "replay", "inspect"]
    #expect(Set(grammar.commands.map(\.name)) == ClientCommands.names.union(builtIn))
  }
}
