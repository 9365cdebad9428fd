import Foundation
import Ground
import Impairment
import JSON
import Replay
import Synchronization
import Testing

/// Captures replayed through an impairment.
@Suite(.serialized) struct ImpairedReplayTests {
  private func options(_ name: String, _ text: String, _ folder: ScratchFolder) throws -> FileReplay.Options {
    var options = FileReplay.Options(capture: Captures.committedPath(name), folder: folder.path("out"))
    options.impairment = try ImpairmentSpecification(text)
    return options
  }

  @Test func theReportTellsWhatWasImpairedAndTheSameSeedGivesTheSameBytes() throws {
    var files: [[UInt8]] = []
    for seed in ["7", "7", "8"] {
      let folder = try ScratchFolder()
      var lines: [String] = []
      let options = try options("chr-vp8-l1t3", "loss=10%,from=1s,nack=on,seed=\(seed)", folder)
      #expect(FileReplay.run(options, output: { lines += $0.split(separator: "\n").map(String.init) }, errors: { lines.append($0) }) == 0)
      let last = try #require(lines.last)
      #expect(last.hasPrefix("impaired: ") && last.contains(" datagrams lost (video ") && last.contains(" asked for again, "))
      files.append(Array(try Data(contentsOf: URL(filePath: folder.path("out/recording.webm")))))
    }
    #expect(files[0] == files[1])
    let folder = try ScratchFolder()
    var options = try options("chr-vp8-l1t3", "loss=10%,duplicate=50%", folder)
    options.json = true
    var text = ""
    #expect(FileReplay.run(options, output: { text += $0 }, errors: { text += $0 }) == 0)
    let json = try JSONValue(parsing: Array(text.utf8))
    #expect(json["impairment"]?["video"]?["lost"]?.integerValue ?? 0 > 10)
    #expect(json["impairment"]?["video"]?["duplicated"]?.integerValue ?? 0 > 100)
  }

  @Test func whatSRTPProtectsIsNotRewritten() throws {
    let folder = try ScratchFolder()
    var lines: [String] = []
    let options = try options("jan-vp8-opus-srtp.enc", "drift=100ppm", folder)
    #expect(FileReplay.run(options, output: { _ in }, errors: { lines.append($0) }) == 1)
    #expect(
      lines == [
        "\(options.capture): the capture is encrypted: drift, stall, freeze, jump, sr-offset and sr-absurd change what SRTP protects"
      ])
  }

  @Test func theWireIsImpairedAndANACKIsAnswered() throws {
    let socket = try UDPSocket(binding: SocketAddress(ip: "127.0.0.1", port: 0)!)
    var options = WireReplay.Options(capture: Captures.committedPath("jan-audio-dtx"), target: socket.address)
    options.speed = 20
    options.json = true
    options.impairment = try ImpairmentSpecification("loss=10%,nack=on,rtt=100ms,seed=5")
    let ending = Ending()
    let wanted = options
    let thread = Thread {
      var text = ""
      let code = WireReplay.run(wanted, output: { text += $0 }, errors: { text += $0 })
      ending.value.withLock { $0 = (code, text) }
    }
    thread.start()
    var received: [UInt16] = []
    while ending.value.withLock({ $0 == nil }) || socket.waitForData(milliseconds: 50) {
      guard socket.waitForData(milliseconds: 5) else { continue }
      socket.receive { datagram, source in
        guard datagram.count > 12 else { return }
        let number = UInt16(datagram[2]) << 8 | UInt16(datagram[3])
        if let last = received.last, number == last &+ 2 {
          let missing = last &+ 1
          var nack: [UInt8] = [0x81, 205, 0, 3, 0, 0, 0, 9]
          for i in 8..<12 { nack.append(datagram[i]) }
          nack += [UInt8(missing >> 8), UInt8(missing & 255), 0, 0]
          try? socket.send(nack.span, to: source)
        }
        received.append(number)
      }
    }
    let ended = try #require(ending.value.withLock { $0 })
    let json = try JSONValue(parsing: Array(ended.text.utf8))
    #expect(ended.code == 0)
    let (lost, repeated) = (json["impairment"]?["audio"]?["lost"]?.integerValue ?? 0, json["impairment"]?["repeated"]?.integerValue ?? 0)
    #expect(lost > 10 && repeated > 5)
    #expect(Int64(received.count) == 350 + repeated - lost)
    #expect(json["packets"]?.integerValue == Int64(received.count))
  }

  private final class Ending: Sendable {
    let value = Mutex<(code: Int32, text: String)?>(nil)
  }
}
