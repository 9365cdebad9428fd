import Foundation
import Ground
import Replay
import Testing

@Suite struct CaptureReaderTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private static func frame(_ payload: [UInt8]) -> [UInt8] {
    Frames.ethernet(Frames.ipv4(Frames.udp(payload, from: Frames.a4, to: Frames.b4)), type: 0x0800)
  }

  /// Everything that the reader tells, and how it ended.
  private func readAll(_ path: String) throws -> (
    datagrams: [CapturedDatagram], payloads: [[UInt8]], skipped: SkippedFrames, error: CaptureError?
  ) {
    var reader = try CaptureReader(path: path)
    var datagrams: [CapturedDatagram] = []
    var payloads: [[UInt8]] = []
    do throws(CaptureError) {
      while let datagram = try reader.next() {
        datagrams.append(datagram)
        var bytes: [UInt8] = []
        for i in reader.payload.indices { bytes.append(reader.payload[i]) }
        payloads.append(bytes)
      }
      #expect(reader.payload.count == 0)
    } catch {
      return (datagrams, payloads, reader.skipped, error)
    }
    return (datagrams, payloads, reader.skipped, nil)
  }

  private static let time: Int64 = 1_795_257_346_123_456_789
  private static let two = [(time, frame([1, 2, 3])), (time + 5_000, frame([]))]

  @Test func tellsDatagramsInOrder() throws {
    let files = [
      Frames.pcap(Self.two), Frames.pcapng(Self.two),
      Frames.pcap(Self.two.map { ($0.0, Array($0.1.dropFirst(14))) }, linkType: 101),
      Frames.pcap(Self.two.map { ($0.0, Frames.cooked(Array($0.1.dropFirst(14)), type: 0x0800)) }, linkType: 113),
      Frames.pcap(Self.two.map { ($0.0, Frames.cooked2(Array($0.1.dropFirst(14)), type: 0x0800)) }, linkType: 276),
      Frames.pcap(Self.two.map { ($0.0, [2, 0, 0, 0] + $0.1.dropFirst(14)) }, linkType: 0),
      Frames.pcap(Self.two.map { ($0.0, Array($0.1.dropFirst(14))) }, linkType: 228),
    ]
    for (i, file) in files.enumerated() {
      let read = try readAll(folder.write(file, as: "\(i).pcap"))
      #expect(read.error == nil)
      #expect(read.payloads == [[1, 2, 3], []])
      #expect(read.datagrams.map(\.time.nanosecondsSinceEpoch) == [Self.time, Self.time + 5_000])
      #expect(read.datagrams.allSatisfy { $0.flow == Flow(source: Frames.a4, destination: Frames.b4) })
      #expect(read.skipped.total == 0)
    }
  }

  @Test func microsecondsAreKept() throws {
    let read = try readAll(folder.write(Frames.pcap(Self.two, magic: 0xa1b2_c3d4), as: "us.pcap"))
    #expect(read.datagrams.map(\.time.nanosecondsSinceEpoch) == [1_795_257_346_123_456_000, 1_795_257_346_123_461_000])
  }

  @Test func countsWhatIsNoDatagram() throws {
    let frames: [(Int64, [UInt8])] = [
      (0, Frames.ethernet([0, 1], type: 0x0806)), (1, Self.frame([7])),
      (2, Frames.ethernet(Frames.ipv4([0], transportProtocol: 6), type: 0x0800)),
      (3, Frames.ethernet(Frames.ipv4([0], fragment: 0x2000), type: 0x0800)),
    ]
    let read = try readAll(folder.write(Frames.pcap(frames), as: "mixed.pcap"))
    #expect(read.payloads == [[7]])
    #expect(read.skipped[.notIP] == 1)
    #expect(read.skipped[.notUDP] == 1)
    #expect(read.skipped[.fragment] == 1)
    #expect(read.skipped.total == 3)
  }

  @Test func countsWhatTheCaptureCut() throws {
    let short = Array(Self.frame([1, 2, 3, 4]).dropLast(2))
    let read = try readAll(folder.write(Frames.pcap([(0, short)], wireBytes: short.count + 2), as: "cut.pcap"))
    #expect(read.payloads.isEmpty)
    #expect(read.skipped[.cut] == 1)
  }

  /// A file cut anywhere after its head gives the frames that are whole, then the error; cut between frames it is whole.
  @Test func aDamagedFileGivesWhatIsWhole() throws {
    let whole = Frames.pcap(Self.two)
    let ends = [24, 24 + 16 + Self.two[0].1.count, whole.count]
    for count in 24...whole.count {
      let read = try readAll(folder.write(Array(whole[..<count]), as: "damaged.pcap"))
      let frames = ends.lastIndex { $0 <= count }!
      #expect(read.payloads.count == frames)
      if ends.contains(count) {
        #expect(read.error == nil)
      } else {
        guard case .damaged(_, frames, _)? = read.error else {
          Issue.record("cut at \(count): \(String(describing: read.error))")
          continue
        }
      }
    }
  }

  @Test func whatIsNoCaptureIsRefused() throws {
    let missing = folder.path("missing.pcap")
    #expect(throws: CaptureError.cannotOpen(path: missing, reason: "No such file or directory")) { try readAll(missing) }
    let text = try folder.write("this is no capture, but long enough to be one", as: "text.pcap")
    #expect(throws: CaptureError.cannotOpen(path: text, reason: "unknown file format")) { try readAll(text) }
    let empty = try folder.write("", as: "empty.pcap")
    let error = #expect(throws: CaptureError.self) { try readAll(empty) }
    #expect(error?.description.split(separator: "\n").count == 1)
    let infrared = try folder.write(Frames.pcap([], linkType: 144), as: "irda.pcap")
    #expect(throws: CaptureError.unknownLinkLayer(path: infrared, name: "LINUX_IRDA")) { try readAll(infrared) }
  }
}
