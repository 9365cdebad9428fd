// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"), .enableExperimentalFeature("Lifetimes"),
]

/// What every packet of every test goes through is optimised in debug builds too: the tests replay hours of media.
let optimized: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// A Debian library: a module map and a header of shims, nothing compiled.
func system(_ name: String, _ pkg: String, apt: [String]) -> Target {
  .systemLibrary(
    name: name, path: "Sources/Foreign/\(name)", pkgConfig: pkg, providers: [.apt(apt)])
}

/// A room of the house: one target in its floor's folder.
func room(_ floor: String, _ name: String, _ uses: String...) -> Target {
  .target(
    name: name, dependencies: uses.map { .target(name: $0) }, path: "Sources/\(floor)/\(name)",
    exclude: ["README.md"], swiftSettings: strict + (["Ground", "Wire", "Media", "Tape"].contains(floor) ? optimized : []))
}

func tests(_ name: String, _ uses: String...) -> Target {
  .testTarget(
    name: name, dependencies: uses.map { .target(name: $0) }, path: "Tests/\(name)",
    swiftSettings: strict + (["MediaTests", "RecordingTests"].contains(name) ? optimized : []))
}

let package = Package(
  name: "tapedeck",
  products: [.executable(name: "tapedeck", targets: ["tapedeck"])],
  targets: [
    // Foreign: system libraries and the C that Swift cannot import.
    .target(
      name: "CLinux", path: "Sources/Foreign/CLinux",
      cSettings: [.define("_GNU_SOURCE")]),
    system("CSRTP", "libsrtp2", apt: ["libsrtp2-dev"]),
    system(
      "CLibAV", "libavformat libavcodec libavutil libswscale libswresample",
      apt: ["libavformat-dev", "libavcodec-dev", "libavutil-dev", "libswscale-dev", "libswresample-dev"]),
    system("CVPX", "vpx", apt: ["libvpx-dev"]),
    system("COpus", "opus", apt: ["libopus-dev"]),
    system("CHTTP", "libmicrohttpd", apt: ["libmicrohttpd-dev"]),
    system("CPcap", "libpcap", apt: ["libpcap-dev"]),
    system("CCurl", "libcurl", apt: ["libcurl4-openssl-dev"]),
    system("CCrypto", "libcrypto", apt: ["libssl-dev"]),
    .target(
      name: "CTLS", path: "Sources/Foreign/CTLS", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    // Ground: the words everyone shares.
    room("Ground", "Ground"),
    // Wire: bytes or text to values and back.
    room("Wire", "RTP", "Ground"),
    room("Wire", "RTCP", "Ground"),
    room("Wire", "SDP", "Ground"),
    room("Wire", "HLSPlaylist", "Ground"),
    room("Wire", "JSON", "Ground"),
    room("Wire", "STUN", "Ground"),
    // Transport: datagrams in, clear packets out.
    room("Transport", "ICE", "Ground", "STUN", "CCrypto"),
    room("Transport", "SRTP", "Ground", "RTP", "CSRTP"),
    room("Transport", "DTLS", "Ground", "SRTP", "CTLS"),
    room("Transport", "Peer", "Ground", "STUN", "RTP", "RTCP", "SRTP", "ICE", "DTLS"),
    // Media: packets to frames with their place in time.
    room("Media", "Codecs", "Ground"),
    room("Media", "Jitter", "Ground"),
    room("Media", "Correction", "Ground", "RTP"),
    room("Media", "Timeline", "Ground", "RTCP"),
    room("Media", "Feedback", "Ground", "RTCP"),
    room("Media", "Track", "Ground", "RTP", "RTCP", "Codecs", "Jitter", "Timeline"),
    // Tape: frames to bytes with their offsets.
    room("Tape", "Mux", "Ground", "Codecs", "HLSPlaylist", "CLibAV"),
    room("Tape", "Transcode", "Ground", "Codecs", "CLibAV", "CVPX", "COpus"),
    room("Tape", "Negotiation", "Ground", "RTP", "SDP", "Codecs"),
    room(
      "Tape", "Recording", "Ground", "JSON", "RTP", "RTCP", "SRTP", "ICE", "DTLS", "Peer", "Codecs", "Jitter", "Correction", "Timeline",
      "Feedback",
      "Track", "Mux", "Transcode", "HLSPlaylist"),
    // Deck: the machine that runs it.
    room(
      "Deck", "Loop", "Ground", "JSON", "RTP", "RTCP", "SDP", "SRTP", "ICE", "DTLS", "Peer", "Negotiation", "Codecs", "Track", "Mux",
      "Transcode", "Recording", "WHEP",
      "CLinux", "CCrypto"),
    room("Deck", "WHEP", "Ground", "CCurl"),
    room("Deck", "Impairment", "Ground", "RTP", "RTCP"),
    room("Deck", "Control", "Ground", "JSON", "RTP", "Codecs", "SRTP", "Recording", "WHEP", "CHTTP"),
    room(
      "Deck", "Replay", "Ground", "JSON", "RTP", "RTCP", "SDP", "SRTP", "Peer", "Codecs", "Track", "Recording", "Loop", "Impairment",
      "CPcap", "CLibAV", "CLinux"),
    room("Deck", "Client", "Ground", "JSON", "CCurl", "CLinux"),
    .executableTarget(
      name: "tapedeck",
      dependencies: ["Ground", "JSON", "Codecs", "Recording", "Loop", "Control", "Impairment", "Replay", "Client", "CLinux"].map {
        .target(name: $0)
      },
      path: "Sources/tapedeck", exclude: ["README.md"], swiftSettings: strict),
    // What several suites make their inputs with.
    .target(name: "Seeded", path: "Tests/Seeded", swiftSettings: strict),
    .target(name: "STUNSamples", path: "Tests/STUNSamples", swiftSettings: strict),
    .target(name: "DeckRig", dependencies: ["JSON", "Client"], path: "Tests/DeckRig", swiftSettings: strict),
    tests("GroundTests", "Ground", "Seeded"),
    tests("WireTests", "Ground", "RTP", "RTCP", "Seeded"),
    tests("ICETests", "Ground", "STUN", "ICE", "STUNSamples", "Seeded"),
    tests("STUNTests", "Ground", "STUN", "STUNSamples", "Seeded"),
    tests("TextTests", "Ground", "SDP", "HLSPlaylist", "JSON"),
    tests("TransportTests", "Ground", "STUN", "RTP", "RTCP", "SRTP", "ICE", "Peer", "Seeded"),
    tests("DTLSTests", "Ground", "RTP", "SRTP", "DTLS", "Seeded"),
    tests("MediaTests", "Ground", "RTP", "RTCP", "Codecs", "Jitter", "Correction", "Timeline", "Track", "COpus", "Seeded"),
    tests("FeedbackTests", "Ground", "RTCP", "Feedback"),
    tests("NegotiationTests", "Ground", "RTP", "SDP", "Codecs", "Negotiation"),
    tests("MuxTests", "Ground", "Codecs", "Mux"),
    tests("HLSTests", "Ground", "Codecs", "Mux", "HLSPlaylist"),
    tests("TranscodeTests", "Ground", "Codecs", "Transcode"),
    tests(
      "RecordingTests", "Ground", "JSON", "STUN", "RTP", "RTCP", "SRTP", "ICE", "DTLS", "Peer", "Codecs", "Track", "Recording",
      "Impairment",
      "Replay", "Mux",
      "Timeline", "Seeded"),
    tests("ReplayTests", "Ground", "JSON", "RTP", "RTCP", "SDP", "SRTP", "Codecs", "Track", "Recording", "Impairment", "Replay"),
    tests("ImpairmentTests", "Ground", "RTP", "RTCP", "Impairment"),
    tests("ControlTests", "Ground", "JSON", "RTP", "Codecs", "Recording", "Control"),
    tests("BrowserTests", "tapedeck"),
    tests("WHEPTests", "Ground", "WHEP"),
    tests("ClientTests", "Ground", "JSON", "Client"),
    tests(
      "DeckTests", "Ground", "JSON", "SRTP", "ICE", "DTLS", "Codecs", "Recording", "Loop", "Control", "Client", "CLinux", "DeckRig"),
    .testTarget(
      name: "PeerTests", dependencies: ["JSON", "DeckRig", "tapedeck"], path: "Tests/PeerTests", exclude: ["Peers"], swiftSettings: strict),
  ]
)
