import DeckRig
import Foundation

/// A process as `/proc` shows it.
struct Proc {
  private let path: String
  init(_ pid: Int32) { path = "/proc/\(pid)" }

  private var descriptors: [String] {
    Disk.names(path + "/fd").compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: path + "/fd/" + $0) }
  }
  /// Open file descriptors.
  var files: Int { descriptors.count }
  /// UDP sockets: those that media comes in on.
  var sockets: Int {
    let inodes = Set(
      (Disk.text(path + "/net/udp") + Disk.text(path + "/net/udp6")).split(separator: "\n").compactMap { line -> String? in
        let fields = line.split(separator: " ")
        return fields.count > 9 ? String(fields[9]) : nil
      })
    return descriptors.filter { $0.hasPrefix("socket:[") && inodes.contains(String($0.dropFirst(8).dropLast())) }.count
  }
  /// Datagrams that the kernel dropped, for want of room, of those that came to a UDP port.
  func drops(port: UInt16) -> Int {
    let place = ":" + String(port, radix: 16).uppercased()
    return (Disk.text(path + "/net/udp") + Disk.text(path + "/net/udp6")).split(separator: "\n").reduce(0) { sum, line in
      let fields = line.split(separator: " ")
      guard fields.count > 12, fields[1].hasSuffix(place) else { return sum }
      return sum + (Int(fields[12]) ?? 0)
    }
  }
  var threads: Int { Disk.names(path + "/task").count }
  /// Resident memory in kilobytes.
  var resident: Int {
    let line = Disk.text(path + "/status").split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return Int(line.filter(\.isNumber)) ?? 0
  }
}
