import Ground
import Glibc
import JSON
import Replay

extension FuzzTarget {
  /// The first byte chooses the link layer, the next two how many bytes more the frame had on the wire.
  static let frame = FuzzTarget(
    name: "frame", maximumBytes: 256,
    seeds: { sources in
      // A capture file's frames, each behind its 16 bytes of time and length.
      var out: [[UInt8]] = []
      for capture in sources.captures where capture.file.count > 200 {
        let frame = capture.file[40..<140]
        for link in 0..<UInt8(LinkLayer.allCases.count) { out.append([link, 0xff, 0xff] + frame) }
      }
      return out
    }
  ) { bytes in
    guard bytes.count >= 3 else { return }
    let link = LinkLayer.allCases[Int(bytes[0]) % LinkLayer.allCases.count]
    let captured = Array(bytes[3...])
    let wire = captured.count + (Int(bytes[1]) << 8 | Int(bytes[2]))
    do throws(NotUDP) {
      let frame = try UDPFrame(parsing: captured.span, link: link, wireBytes: wire)
      require(frame.payload.lowerBound >= 28 && frame.payload.upperBound <= captured.count, "payload inside the frame")
    } catch {
      require(error != .cut || wire > captured.count, "only a capture that cut frames cuts them")
    }
  }

  /// A whole capture file, as `tapedeck inspect` reads it.
  static let capture = FuzzTarget(
    name: "capture", maximumBytes: 16_384,
    seeds: { $0.captures.flatMap { capture in [2_000, 12_000].map { Array(capture.file.prefix($0)) } } }
  ) { bytes in
    let path = scratch.fill(bytes)
    do throws(CaptureError) {
      let inspection = try CaptureInspection(of: path, hints: CaptureHints())
      require(inspection.datagrams * 28 <= bytes.count, "no more datagrams than bytes")
      require((try? JSONValue(parsing: inspection.json.bytes())) != nil, "the inspection as JSON")
      require(inspection.lines.allSatisfy { !$0.contains("\n") }, "lines are lines")
    } catch {
      require(!error.description.contains("\n"), "an error is one line")
    }
  }
  private static let scratch = ScratchFile()
}

/// A file in memory that is named like any other.
private final class ScratchFile: Sendable {
  private let descriptor: CInt

  init() {
    let name = "/tapedeck-fuzz-\(getpid())"
    descriptor = unsafe shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0o600)
    _ = unsafe shm_unlink(name)
  }

  /// Puts the bytes in place of what was there; answers the file's path.
  func fill(_ bytes: [UInt8]) -> String {
    require(ftruncate(descriptor, 0) == 0, "the scratch file is there")
    require(unsafe pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, "the scratch file takes \(bytes.count) bytes")
    return "/proc/self/fd/\(descriptor)"
  }
}
