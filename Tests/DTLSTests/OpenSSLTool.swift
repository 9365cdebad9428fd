import DTLS
import Foundation

/// OpenSSL's own command line: certificates for it to show, and it as a peer over UDP.
enum OpenSSLTool {
  static let isInstalled = FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")
  /// GnuTLS' commands, whose certificates this tool makes.
  static let hasGnuTLS = isInstalled && FileManager.default.isExecutableFile(atPath: "/usr/bin/gnutls-cli")

  /// Runs a command to its end and answers what it printed.
  static func run(_ arguments: [String], input: String = "") throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/openssl")
    process.arguments = arguments
    let (toIt, fromIt) = (Pipe(), Pipe())
    process.standardInput = toIt
    process.standardOutput = fromIt
    process.standardError = FileHandle.nullDevice
    try process.run()
    try toIt.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try toIt.fileHandleForWriting.close()
    let printed = try fromIt.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: printed, as: UTF8.self)
  }

  /// The fingerprint of a certificate in PEM, as this tool computes it.
  static func fingerprint(_ pem: String, _ hash: DTLSHash) throws -> DTLSFingerprint {
    let printed = try run(["x509", "-noout", "-fingerprint", "-" + hash.rawValue.replacing("-", with: "")], input: pem)
    let value = printed.split(separator: "=").last?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    return try DTLSFingerprint(parsing: hash.rawValue + " " + value)
  }
}

/// A key and a self-signed certificate in a folder that goes with them.
final class PeerCertificate {
  enum Key: String, CaseIterable { case ecdsa, rsa }
  private let folder: URL
  let pem: String
  /// Files in PEM.
  var certificate: String { folder.appending(path: "c.pem").path }
  var key: String { folder.appending(path: "k.pem").path }

  init(_ key: Key) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "dtls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let kind = key == .rsa ? ["rsa:2048"] : ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    let (certificate, secret) = (folder.appending(path: "c.pem"), folder.appending(path: "k.pem"))
    _ = try OpenSSLTool.run(
      ["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=peer", "-keyout", secret.path, "-out", certificate.path, "-newkey"] + kind)
    pem = try String(contentsOf: certificate, encoding: .utf8)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }
}
