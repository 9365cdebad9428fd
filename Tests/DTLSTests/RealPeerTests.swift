import DTLS
import Foundation
import Ground
import SRTP
import Testing

/// Against OpenSSL's command-line tool, over UDP.
@Suite(.enabled(if: OpenSSLTool.isInstalled, "the openssl command is not installed"), .serialized)
struct RealPeerTests {
  private static let profiles: [(String, CryptoSuite)] = [
    ("SRTP_AEAD_AES_256_GCM", .aeadAES256GCM), ("SRTP_AEAD_AES_128_GCM", .aeadAES128GCM), ("SRTP_AES128_CM_SHA1_80", .aesCM80),
    ("SRTP_AES128_CM_SHA1_32:SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM", .aeadAES256GCM),
  ]

  private func srtp(_ profile: String, _ suite: CryptoSuite) -> [String] {
    ["-use_srtp", profile, "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "\(2 * suite.keyAndSaltBytes)"]
  }

  private func shown(_ certificate: PeerCertificate) -> [String] { ["-cert", certificate.certificate, "-key", certificate.key] }

  private func client(_ endpoint: Endpoint, _ more: [String]) throws -> ToolPeer {
    try ToolPeer("openssl", ["s_client", "-dtls1_2", "-connect", "127.0.0.1:\(endpoint.port)"] + more)
  }

  /// A server that has bound its socket, and the port it printed.
  private func server(_ more: [String]) throws -> (ToolPeer, UInt16) {
    let peer = try ToolPeer("openssl", ["s_server", "-dtls1_2", "-accept", "127.0.0.1:0", "-verify", "1"] + more)
    #expect(peer.prints("ACCEPT 127.0.0.1:"))
    return (peer, try #require(UInt16(peer.value(after: "ACCEPT 127.0.0.1:") ?? "")))
  }

  @Test(arguments: profiles, PeerCertificate.Key.allCases)
  func `we serve its client: same keys, its data ignored, its end seen`(profile: (String, CryptoSuite), key: PeerCertificate.Key) throws {
    let certificate = try PeerCertificate(key)
    let endpoint = Endpoint()
    let peer = try client(endpoint, shown(certificate) + srtp(profile.0, profile.1))
    let session = try DTLSSession(
      identity: Identities.a, role: .server, fingerprints: [OpenSSLTool.fingerprint(certificate.pem, .sha384)])
    #expect(endpoint.drive(session) { !session.isHandshaking })
    let keys = try #require(session.keys)
    #expect(keys.suite == profile.1)
    #expect(peer.prints("Keying material: \(exported(keys, weAreClient: false).uppercased())"))
    #expect(session.cipherSuite?.hasPrefix("TLS_ECDHE_ECDSA_WITH_") == true)
    try peer.type("hello")
    #expect(endpoint.drive(session) { session.counters.applicationRecords > 0 })
    #expect(session.counters.applicationBytes == 6)
    try peer.type("Q")
    #expect(endpoint.drive(session) { session.isClosed })
  }

  @Test(arguments: profiles, PeerCertificate.Key.allCases)
  func `we are its server's client: same keys, its data ignored, our end seen`(profile: (String, CryptoSuite), key: PeerCertificate.Key)
    throws
  {
    let certificate = try PeerCertificate(key)
    let endpoint = Endpoint()
    let (peer, port) = try server(shown(certificate) + srtp(profile.0, profile.1))
    endpoint.aim(at: port)
    let session = try DTLSSession(
      identity: Identities.a, role: .client, fingerprints: [OpenSSLTool.fingerprint(certificate.pem, .sha512)])
    #expect(endpoint.drive(session) { !session.isHandshaking })
    let keys = try #require(session.keys)
    // The server chooses by its own order.
    #expect(keys.suite == (profile.0.contains(":") ? .aesCM80 : profile.1))
    if !profile.0.contains(":") { #expect(peer.prints("Keying material: \(exported(keys, weAreClient: true).uppercased())")) }
    #expect(session.cipherSuite?.hasPrefix("TLS_ECDHE_\(key.rawValue.uppercased())_WITH_") == true)
    try peer.type("hello")
    #expect(endpoint.drive(session) { session.counters.applicationRecords > 0 })
    session.close()
    #expect(endpoint.drive(session) { session.isClosed })
    #expect(peer.prints("DONE"))
  }

  @Test func `its certificate is not who we were told, and it hears of it`() throws {
    let certificate = try PeerCertificate(.ecdsa)
    let endpoint = Endpoint()
    let peer = try client(endpoint, shown(certificate) + srtp("SRTP_AES128_CM_SHA1_80", .aesCM80))
    let session = try DTLSSession(identity: Identities.a, role: .server, fingerprints: [Identities.stranger.sha256])
    #expect(endpoint.drive(session) { !session.isHandshaking })
    #expect(session.failure == .fingerprintMismatch(try OpenSSLTool.fingerprint(certificate.pem, .sha256)))
    #expect(peer.prints("alert bad certificate"))
  }

  @Test func `a client without a certificate is refused`() throws {
    let endpoint = Endpoint()
    let peer = try client(endpoint, srtp("SRTP_AES128_CM_SHA1_80", .aesCM80))
    let session = try DTLSSession(identity: Identities.a, role: .server, fingerprints: [Identities.stranger.sha256])
    #expect(endpoint.drive(session) { !session.isHandshaking })
    #expect(session.failure == .noPeerCertificate)
    #expect(peer.prints("alert"))
  }

  @Test(arguments: [["-use_srtp", "SRTP_AES128_CM_SHA1_32"], []])
  func `without a common SRTP profile there is no session`(offer: [String]) throws {
    let certificate = try PeerCertificate(.ecdsa)
    let endpoint = Endpoint()
    let peer = try client(endpoint, shown(certificate) + offer)
    let session = try DTLSSession(
      identity: Identities.a, role: .server, fingerprints: [OpenSSLTool.fingerprint(certificate.pem, .sha256)])
    #expect(endpoint.drive(session) { !session.isHandshaking })
    #expect(session.failure == .noSRTPProfile)
    #expect(peer.prints("closed"))
  }

  @Test func `DTLS before 1.2 is refused`() throws {
    let certificate = try PeerCertificate(.ecdsa)
    let endpoint = Endpoint()
    let peer = try ToolPeer(
      "openssl", ["s_client", "-dtls1", "-cipher", "DEFAULT:@SECLEVEL=0", "-connect", "127.0.0.1:\(endpoint.port)"] + shown(certificate))
    let session = try DTLSSession(
      identity: Identities.a, role: .server, fingerprints: [OpenSSLTool.fingerprint(certificate.pem, .sha256)])
    #expect(endpoint.drive(session) { !session.isHandshaking })
    #expect(session.failure == .refused("unsupported protocol"))
    #expect(peer.prints("alert protocol version"))
  }

  @Test func `our certificate reads as it should: P-256, self-signed, from a day before to a year after`() throws {
    let certificate = try PeerCertificate(.ecdsa)
    let endpoint = Endpoint()
    let peer = try client(endpoint, shown(certificate) + ["-showcerts"] + srtp("SRTP_AES128_CM_SHA1_80", .aesCM80))
    let session = try DTLSSession(
      identity: Identities.a, role: .server, fingerprints: [OpenSSLTool.fingerprint(certificate.pem, .sha256)])
    #expect(endpoint.drive(session) { session.keys != nil })
    #expect(peer.prints("-----END CERTIFICATE-----"))
    for expected in Identities.a.fingerprints { #expect(try OpenSSLTool.fingerprint(peer.text(), expected.hash) == expected) }
    let read = try OpenSSLTool.run(["x509", "-noout", "-text", "-dates", "-dateopt", "iso_8601"], input: peer.text())
    for words in ["Version: 3", "prime256v1", "ecdsa-with-SHA256", "Issuer: CN = WebRTC", "Subject: CN = WebRTC"] {
      #expect(read.contains(words))
    }
    func date(_ days: Double) -> String {
      String((Identities.now + .seconds(days * 86_400)).rfc3339.prefix(19).replacing("T", with: " ")) + "Z"
    }
    #expect(read.contains("notBefore=" + date(-1)))
    #expect(read.contains("notAfter=" + date(366)))
  }
}

/// The exporter's output as RFC 5764 §4.2 orders it, in hexadecimal, put together from our keys.
private func exported(_ keys: DTLSKeys, weAreClient: Bool) -> String {
  let (client, server) = weAreClient ? (keys.ours.exposed, keys.theirs.exposed) : (keys.theirs.exposed, keys.ours.exposed)
  let n = keys.suite.keyBytes
  let bytes = client[..<n] + server[..<n] + client[n...] + server[n...]
  return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// Against GnuTLS' command-line tools, over UDP: a stack that shares no code with ours.
@Suite(.enabled(if: OpenSSLTool.hasGnuTLS, "the commands of openssl and gnutls-bin are not installed"), .serialized)
struct GnuTLSTests {
  private func arguments(_ certificate: PeerCertificate, _ port: UInt16) -> [String] {
    [
      "--udp", "-p", "\(port)", "--x509certfile", certificate.certificate, "--x509keyfile", certificate.key, "--srtp-profiles",
      "SRTP_AES128_CM_HMAC_SHA1_80", "--keymatexport", "EXTRACTOR-dtls_srtp", "--keymatexportsize", "60",
    ]
  }

  @Test(arguments: PeerCertificate.Key.allCases) func `we serve its client: same keys, its data ignored, its end seen`(
    key: PeerCertificate.Key
  ) throws {
    let certificate = try PeerCertificate(key)
    let endpoint = Endpoint()
    let peer = try ToolPeer("gnutls-cli", arguments(certificate, endpoint.port) + ["--insecure", "127.0.0.1"])
    let session = try DTLSSession(
      identity: Identities.a, role: .server, fingerprints: [OpenSSLTool.fingerprint(certificate.pem, .sha256)])
    #expect(endpoint.drive(session) { !session.isHandshaking })
    let keys = try #require(session.keys)
    #expect(keys.suite == .aesCM80)
    #expect(peer.prints("Key material: \(exported(keys, weAreClient: false))"))
    #expect(peer.prints("Handshake was completed"))
    try peer.type("hello")
    #expect(endpoint.drive(session) { session.counters.applicationRecords > 0 })
    #expect(session.counters.applicationBytes == 6)
    try peer.endInput()
    #expect(endpoint.drive(session) { session.isClosed })
  }

  @Test(arguments: PeerCertificate.Key.allCases) func `we are the client of its server, which asks for a cookie first`(
    key: PeerCertificate.Key
  ) throws {
    let certificate = try PeerCertificate(key)
    // A port that was free a moment ago: the server takes none of its own choice.
    let port = Endpoint().port
    let peer = try ToolPeer("gnutls-serv", arguments(certificate, port) + ["--require-client-cert", "--echo"])
    #expect(peer.prints("IPv4 0.0.0.0 port \(port)...done"))
    let endpoint = Endpoint()
    endpoint.aim(at: port)
    let session = try DTLSSession(
      identity: Identities.a, role: .client, fingerprints: [OpenSSLTool.fingerprint(certificate.pem, .sha256)])
    #expect(endpoint.drive(session) { !session.isHandshaking })
    #expect(try #require(session.keys).suite == .aesCM80)
    #expect(session.cipherSuite?.hasPrefix("TLS_ECDHE_\(key.rawValue.uppercased())_WITH_") == true)
  }
}
