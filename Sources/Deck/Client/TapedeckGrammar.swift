/// The grammar of the `tapedeck` binary: every command, those of other rooms included.
package enum TapedeckGrammar {
  /// `version` is the program's own.
  package static func grammar(version: String) -> Grammar {
    Grammar(
      program: "tapedeck", version: version, summary: "Tapedeck records what an SFU forwards.",
      commands: [
        start, answer, stop, pause, resume, cancel, list, show, quality, watch, delete, status, node, serve, replay, inspect, completion,
        help,
        versionCommand,
      ])
  }

  private static let recordings = "Recordings"
  private static let daemon = "The daemon"
  private static let captures = "Captures"
  private static let more = "More"

  static let control = Flag.value(
    "control", "PATH", .file, "The daemon's control socket", environment: "TAPEDECK_CONTROL",
    default: "$XDG_RUNTIME_DIR/tapedeck/control.sock or /run/tapedeck/control.sock", global: true)
  private static let json = Flag.toggle("json", "Print the API's JSON")
  private static let quietIDs = Flag.toggle("quiet", "Print only the id", short: "q")
  private static let abbreviation =
    "An ID may be cut down to any four or more characters that begin or end it and fit no other recording, such as the last group that 'list' shows."

  private static let start = Command(
    "start", "Start a recording and print where to send the media", group: recordings,
    usage: [
      "--room ROOM (--audio PT[:SSRC] | --video PT[:SSRC] | --track SPEC)... [flags]",
      "--room ROOM (--offer FILE | --make-offer) [flags]",
      "--room ROOM --whep URL [--token-file FILE] [flags]",
      "--file FILE [flags]",
    ],
    details: [
      "The answer comes when the sockets are bound: what is sent from then on is on tape.",
      "SPEC is a list of name=value pairs: participant, codec, pt, and if need be ssrc, kind, clock-rate, channels, port, remote (IP:PORT), "
        + "rtx-pt, rtx-ssrc and red-pt. --audio is Opus and --video is VP8 of the one --participant.",
      "With --offer, a WebRTC peer's session description is taken and our answer printed; with --make-offer our offer is printed, and the "
        + "peer's answer goes to 'answer'. The recording's and the source's id are then said on standard error.",
      "With --whep, Tapedeck pulls from a WHEP server, and asks it again when it is lost. The command waits for the server's first word: a "
        + "refusal is its failure. The token may also be in the environment variable TAPEDECK_WHEP_TOKEN.",
    ],
    flags: [
      .value("file", "FILE", .file, "Read the API's JSON from a file, or from standard input with '-'", short: "f"),
      .value("room", "ROOM", .text, "The room to record", short: "r"),
      .value("audio", "PT[:SSRC]", .text, "An Opus track, by payload type", short: "a", repeatable: true),
      .value("video", "PT[:SSRC]", .text, "A VP8 track, by payload type", short: "v", repeatable: true),
      .value("track", "SPEC", .text, "A track in full, as in participant=ada,codec=opus,pt=111,ssrc=1111", short: "t", repeatable: true),
      .value("offer", "FILE", .file, "A WebRTC peer's offer (SDP), or '-' for standard input"),
      .toggle("make-offer", "Offer to receive from a WebRTC peer"),
      .value("whep", "URL", .text, "A WHEP server's endpoint to pull from"),
      .value("token-file", "FILE", .file, "With --whep: the bearer token, in a file or on standard input with '-'"),
      .value("grace", "TIME", .duration, "With --whep: how long the server may be away", default: "2m, or what the daemon says"),
      .value("receive", "KINDS", .choice(["audio", "video", "both"]), "With --make-offer or --whep: what to receive", default: "both"),
      .value(
        "map", "KEY=ID", .text, "With --offer, --make-offer or --whep: whose a MID or media stream id is", repeatable: true),
      .value(
        "simulcast", "LAYERS", .choice(["highest", "all", "off"]), "With --offer or --make-offer: the layers to record", default: "highest"),
      .value(
        "codecs", "NAME[,NAME]...", .text, "With --offer, --make-offer or --whep: the codecs to agree on, most wanted first",
        default: "the daemon's"),
      .value("ice", "MODE", .choice(["lite", "full"]), "With --offer or --make-offer: how ICE is done", default: "what the peer needs"),
      .value("participant", "ID[=NAME]", .text, "A participant and the name to show", short: "p", default: "main", repeatable: true),
      .value("listen-ip", "IP", .ip, "The address to bind", default: "the daemon's"),
      .value("port", "PORT", .integer(1...65_535), "The port to bind", default: "one of the daemon's range"),
      .value("remote", "IP:PORT", .endpoint, "The only sender to accept", default: "the first valid one"),
      .value("remote-rtcp-port", "PORT", .integer(1...65_535), "The sender's RTCP port", default: "its RTP port"),
      .negatable("bundle", on: true, "All tracks on one port"),
      .negatable("rtcp-mux", on: true, "RTP and RTCP on one port"),
      .value(
        "srtp-suite", "SUITE",
        .choice(["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"]),
        "The SRTP crypto suite", default: "AES_CM_128_HMAC_SHA1_80 with a key"),
      .value("srtp-key-file", "FILE", .file, "The SRTP master key and salt in base64, in a file or on standard input with '-'"),
      .value("srtp-rtcp", "KIND", .choice(["srtcp", "clear"]), "How RTCP travels beside SRTP", default: "srtcp"),
      .value("title", "TEXT", .text, "A title for people"),
      .value("started-by", "USER", .text, "Who asked for it"),
      .value("metadata", "JSON", .text, "A JSON object to keep with it"),
      .value(
        "container", "NAME", .choice(["webm", "mkv", "mp4"]), "What the files are",
        default: "webm, or mkv where that cannot hold a codec"),
      .negatable("hls", on: true, "Make a live HLS presentation"),
      .value("segment-seconds", "N", .integer(1...30), "The HLS segments' length", default: "4"),
      .value("hls-audio", "CODEC", .choice(["aac", "opus"]), "The HLS audio codec", default: "aac"),
      .value("hls-video", "CODEC", .choice(["h264", "off"]), "The HLS video codec", default: "h264"),
      .value("quality", "PRESET", .choice(["low", "medium", "high", "ultra"]), "The HLS picture", default: "medium"),
      .value("max-duration", "TIME", .duration, "Stop after so long, as in 2h or 1:30:00"),
      .value("idle-timeout", "TIME", .duration, "Stop when no packet has come for so long"),
      .value("departure-timeout", "TIME", .duration, "Stop when every WebRTC peer has been gone for so long"),
      .value(
        "degraded-after", "TIME", .duration, "Record pictures that miss a reference when no key frame has come for so long; 0 for never",
        default: "the daemon's"),
      .value("reconnect-grace", "TIME", .duration, "Who is back before goes on in the same file (2m)"),
      .value("max-bytes", "SIZE", .bytes, "Stop when the files are so large, as in 2GB"),
      .toggle("watch", "Stay and show progress until it ends, as 'watch' does", short: "w"),
      quietIDs, json, control,
    ],
    examples: [
      "tapedeck start --room algebra-101 --audio 111 --video 96",
      "tapedeck start --room algebra-101 --no-bundle --track participant=ada,codec=opus,pt=111,ssrc=1111,port=5004",
      "tapedeck start --room algebra-101 --participant ada --offer offer.sdp > answer.sdp",
      "tapedeck start --room algebra-101 --participant ada --whep https://sfu.example/whep/ada --token-file token",
      "tapedeck start --file spec.json --quiet",
    ])

  private static let answer = Command(
    "answer", "Give a WebRTC source its peer's answer to our offer", group: recordings,
    details: ["SOURCE is the id that 'start --make-offer' said. FILE may be '-' for standard input.", abbreviation],
    flags: [json, control],
    positionals: [Positional("ID", .recording), Positional("SOURCE", .text), Positional("FILE", .file)])

  private static let stop = Command(
    "stop", "Stop recordings and wait until their files are final", group: recordings, details: [abbreviation],
    flags: [.negatable("wait", on: true, "Wait until the files are final"), quietIDs, json, control],
    positionals: [Positional("ID", .recording, repeatable: true)])

  private static let pause = Command(
    "pause", "Pause recordings: media that arrives is dropped", group: recordings, details: [abbreviation],
    flags: [
      .value(
        "mode", "MODE", .choice(["cut", "keep"]), "Close the timeline up (cut) or leave the pause as a hole (keep)", short: "m",
        default: "cut"),
      quietIDs, json, control,
    ], positionals: [Positional("ID", .recording, repeatable: true)])

  private static let resume = Command(
    "resume", "Resume paused recordings", group: recordings, details: [abbreviation], flags: [quietIDs, json, control],
    positionals: [Positional("ID", .recording, repeatable: true)])

  private static let cancel = Command(
    "cancel", "Stop recordings and erase all their media", group: recordings, details: [abbreviation],
    flags: [quietIDs, json, control], positionals: [Positional("ID", .recording, repeatable: true)])

  private static let delete = Command(
    "delete", "Erase ended recordings", group: recordings, details: [abbreviation], flags: [quietIDs, json, control],
    positionals: [Positional("ID", .recording, repeatable: true)])

  private static let list = Command(
    "list", "List recordings, newest first", group: recordings,
    flags: [
      .value("room", "ROOM", .text, "Only this room's", short: "r"),
      .value(
        "status", "STATUS",
        .choice(["starting", "recording", "paused", "processing", "completed", "failed", "cancelled"]), "Only those in this state",
        short: "s"),
      .value("participant", "ID", .text, "Only those with this participant", short: "p"),
      .value("started-by", "USER", .text, "Only those that this user started"),
      .value("limit", "N", .integer(1...100), "At most so many", short: "n", default: "20"),
      .value("offset", "N", .integer(0...Int.max), "Leave out the first N", default: "0"),
      .toggle("all", "All of them", short: "a"),
      .negatable("trunc", on: true, "Shorten ids to their last group"),
      .toggle("quiet", "Print only the ids, in full", short: "q"), json, control,
    ])

  private static let show = Command(
    "show", "Show all about one recording", group: recordings, details: [abbreviation], flags: [json, control],
    positionals: [Positional("ID", .recording)])

  private static let quality = Command(
    "quality", "Show how good a recording is, and why", group: recordings,
    details: ["What was lost, recovered and missing, each hole with its place, and the verdict: good, degraded or poor.", abbreviation],
    flags: [json, control], positionals: [Positional("ID", .recording)])

  private static let watch = Command(
    "watch", "Show a recording's progress until it ends", group: recordings, usage: ["[flags] [ID]"],
    details: [
      "Without an ID: the one recording that is live. On a terminal the picture is redrawn in place; elsewhere it is plain lines. "
        + "Ctrl-C leaves the recording running. The exit code is 1 where the recording failed.",
      abbreviation,
    ],
    flags: [
      .value("interval", "TIME", .duration, "How often to look", short: "i", default: "1s on a terminal, else 5s"),
      .toggle("events", "Print the recording's events instead; without an ID, the whole node's", short: "e"),
      .toggle("json", "Print the API's JSON, one object a line"), control,
    ], positionals: [Positional("ID", .recording, optional: true)])

  private static let status = Command(
    "status", "Show the daemon and what it is recording", group: daemon, flags: [json, control])

  private static let node = Command(
    "node", "Show the daemon's version, capacity, load and codecs", group: daemon, flags: [json, control])

  private static let serve = Command(
    "serve", "Run the daemon", group: daemon,
    details: ["Flags speak before environment variables, and these before the configuration file."],
    flags: [
      control,
      .value("root", "DIR", .directory, "Where recordings are kept", environment: "TAPEDECK_ROOT", default: "./recordings"),
      .value("config", "FILE", .file, "A JSON5 configuration file", short: "c", environment: "TAPEDECK_CONFIG"),
      .value(
        "port-range", "FIRST-LAST", .portRange, "The ports that media comes to", environment: "TAPEDECK_PORT_RANGE",
        default: "40000-49999"),
      .value(
        "listen-ip", "IP", .ip, "Where media sockets bind", environment: "TAPEDECK_LISTEN_IP", default: "127.0.0.1"),
      .value(
        "announce-ip", "IP", .ip, "The address that senders are told", environment: "TAPEDECK_ANNOUNCE_IP",
        default: "the one that is bound"),
      .value(
        "webrtc-port", "PORT|FIRST-LAST", .ports,
        "The UDP port that WebRTC sources share; of a range, one for each media thread",
        environment: "TAPEDECK_WEBRTC_PORT", default: "a port for each source"),
      .value(
        "webrtc-listen", "IP[,IP]...", .text, "Where --webrtc-port binds", environment: "TAPEDECK_WEBRTC_LISTEN",
        default: "--listen-ip"),
      .value(
        "webrtc-codecs", "NAME[,NAME]...", .text, "The codecs to agree on with WebRTC peers, most wanted first",
        environment: "TAPEDECK_WEBRTC_CODECS", default: "all that can be recorded"),
      .value(
        "control-group", "GROUP", .text, "The group that may use the control socket", environment: "TAPEDECK_CONTROL_GROUP"),
      .value(
        "listen", "IP:PORT", .endpoint, "Serve the control API and WHIP on TCP too", environment: "TAPEDECK_LISTEN",
        default: "the control socket only"),
      .value(
        "tokens-file", "FILE", .file, "The bearer tokens of the API on TCP, a JSON5 list", environment: "TAPEDECK_TOKENS_FILE"),
      .toggle(
        "listen-insecure", "Serve a loopback address without tokens", environment: "TAPEDECK_LISTEN_INSECURE"),
      .value(
        "max-recordings", "N", .integer(1...1_000_000), "Refuse more than so many at a time",
        environment: "TAPEDECK_MAX_RECORDINGS"),
      .value(
        "degraded-after", "TIME", .duration, "Record pictures that miss a reference when no key frame has come for so long; 0 for never",
        environment: "TAPEDECK_DEGRADED_AFTER", default: "10s"),
      .value(
        "threads", "N", .integer(1...1_024), "Media threads", environment: "TAPEDECK_THREADS", default: "one per core"),
      .value(
        "log-level", "LEVEL", .choice(["error", "warning", "info", "debug"]), "What is logged",
        environment: "TAPEDECK_LOG_LEVEL", default: "info"),
      .value(
        "log-format", "FORMAT", .choice(["text", "json"]), "How it is logged", environment: "TAPEDECK_LOG_FORMAT",
        default: "text"),
    ])

  private static let replay = Command(
    "replay", "Play a capture into files, or onto the wire", group: captures,
    usage: ["CAPTURE --out DIR [flags]", "CAPTURE --to IP:PORT [--speed N] [flags]"],
    details: [
      "With --out, the capture goes through the recorder with its own times, as fast as the machine can; the same command gives the "
        + "same bytes. With --to, its packets are sent as an SFU would send them."
    ],
    flags: [
      .value("out", "DIR", .directory, "Record into this folder", short: "o"),
      .value("to", "IP:PORT", .endpoint, "Send to this address"),
      .value(
        "map", "CAPTURED=PORT", .text, "With --to: where the capture's port is sent, for a port per track; only --to's address counts then",
        repeatable: true),
      .value("speed", "N", .number(0.01...1_000), "With --to: so many times as fast as it was", default: "1"),
      .value(
        "impair", "SPEC", .text, "Lose, delay and change packets on their way, as in loss=5%,jitter=20ms,nack=on,seed=7"),
      .value("sdp", "FILE", .file, "Codecs and payload types", default: "the JSON beside the capture, else recognised"),
      .value("srtp-key", "FILE", .file, "A file with the SRTP suite and key", default: "the JSON beside the capture"),
      .value(
        "container", "NAME", .choice(["webm", "mkv", "mp4"]), "With --out: what the files are",
        default: "webm, or mkv where that cannot hold a codec"),
      .negatable("hls", on: true, "With --out: make HLS too"),
      .value("segment-seconds", "N", .integer(1...30), "The HLS segments' length", default: "4"),
      .value("hls-audio", "CODEC", .choice(["aac", "opus"]), "The HLS audio codec", default: "aac"),
      .value("hls-video", "CODEC", .choice(["h264", "off"]), "The HLS video codec", default: "h264"),
      .value("quality", "PRESET", .choice(["low", "medium", "high", "ultra"]), "The HLS picture", default: "medium"),
      .toggle("json", "Print the result as JSON"),
    ], positionals: [Positional("CAPTURE", .file)])

  private static let inspect = Command(
    "inspect", "Print what is in a capture, or how even a media file is", group: captures,
    usage: ["[flags] CAPTURE", "[--json] FILE"],
    details: [
      "Of a WebM, Matroska or MP4 file: its tracks, where each has holes or overlaps, and how evenly it goes. The cadence of sound is the share of "
        + "its time that is covered once; that of pictures is the share spent in intervals within half of the usual one."
    ],
    flags: [
      .toggle("json", "Print it as JSON"),
      .value("sdp", "FILE", .file, "Codecs and payload types", default: "the JSON beside the capture, else recognised"),
      .value("srtp-key", "FILE", .file, "A file with the SRTP suite and key", default: "the JSON beside the capture"),
    ], positionals: [Positional("FILE", .file)])

  private static let completion = Command(
    "completion", "Print a script that completes this command line", group: more,
    positionals: [Positional("SHELL", .choice(["bash", "zsh"]))],
    examples: ["source <(tapedeck completion bash)", "tapedeck completion zsh > \"${fpath[1]}/_tapedeck\""])

  private static let help = Command(
    "help", "Show help", group: more, positionals: [Positional("COMMAND", .command, optional: true)])

  private static let versionCommand = Command("version", "Print the version", group: more)
}
