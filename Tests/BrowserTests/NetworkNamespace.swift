import Foundation

/// A network of the test's own: a namespace with one interface, whose other end is the machine's. It goes with the last reference.
final class NetworkNamespace {
  /// Why none can be made here; nil where one can.
  static let problem: String? = {
    do {
      _ = try NetworkNamespace()
      return nil
    } catch {
      return "no network namespace can be made here (it needs root and iproute2): \(error)"
    }
  }()

  let name: String
  /// The address in the namespace, and the machine's own that is reached from there.
  let inside: String
  let outside: String
  private static let ip = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"].first { FileManager.default.isExecutableFile(atPath: $0) } ?? "ip"

  init() throws {
    let tag = String(UUID().uuidString.prefix(6)).lowercased()
    name = "tapedeck-\(tag)"
    // Of the range that is for tests between networks, and nobody's else (RFC 2544): four addresses, two of them for hosts.
    let block = "198.\(Int.random(in: 18...19)).\(Int.random(in: 0...255))."
    let first = Int.random(in: 0...63) * 4
    outside = block + "\(first + 1)"
    inside = block + "\(first + 2)"
    try run(["netns", "add", name])
    try run(["link", "add", "tdo\(tag)", "type", "veth", "peer", "name", "tdi\(tag)"])
    try run(["link", "set", "tdi\(tag)", "netns", name])
    try run(["addr", "add", outside + "/30", "dev", "tdo\(tag)"])
    try run(["link", "set", "tdo\(tag)", "up"])
    try run(["-n", name, "addr", "add", inside + "/30", "dev", "tdi\(tag)"])
    try run(["-n", name, "link", "set", "lo", "up"])
    try run(["-n", name, "link", "set", "tdi\(tag)", "up"])
    try run(["-n", name, "route", "add", "default", "via", outside])
  }

  /// The interfaces go with the namespace.
  deinit { _ = try? Command.run([NetworkNamespace.ip, "netns", "del", name]) }

  private func run(_ words: [String]) throws { try Command.run([NetworkNamespace.ip] + words) }

  /// The command that runs a program in here.
  func command(_ words: [String]) -> [String] { [NetworkNamespace.ip, "netns", "exec", name] + words }
}
