import Ground
import Replay
import Testing

@Suite struct UDPFrameTests {
  private static let payload: [UInt8] = Array(1...20)
  private static let datagram4 = Frames.udp(payload, from: Frames.a4, to: Frames.b4)
  private static let datagram6 = Frames.udp(payload, from: Frames.a6, to: Frames.b6)
  private static let packet4 = Frames.ipv4(datagram4)
  private static let packet6 = Frames.ipv6(datagram6)
  /// Next header, length in 8-byte units after the first, six bytes of a padding option.
  private static let destinationOptions: [UInt8] = [17, 0, 1, 4, 0, 0, 0, 0]
  private static let routing: [UInt8] = [60, 0, 0, 0, 0, 0, 0, 0]
  private static let authentication: [UInt8] = [17, 4, 0, 0] + [UInt8](repeating: 0, count: 20)

  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var link: LinkLayer
    var frame: [UInt8]
    var wireBytes: Int?
    var want: Result<[UInt8], NotUDP> = .success(UDPFrameTests.payload)
    var testDescription: String { name }
  }

  static let whole: [Case] = [
    Case(name: "ethernet, IPv4", link: .ethernet, frame: Frames.ethernet(packet4, type: 0x0800)),
    Case(name: "ethernet, IPv6", link: .ethernet, frame: Frames.ethernet(packet6, type: 0x86dd)),
    Case(name: "one VLAN tag", link: .ethernet, frame: Frames.ethernet(packet4, type: 0x0800, tags: [0x8100])),
    Case(name: "two VLAN tags", link: .ethernet, frame: Frames.ethernet(packet6, type: 0x86dd, tags: [0x88a8, 0x8100])),
    Case(name: "padding of short frames", link: .ethernet, frame: Frames.ethernet(packet4, type: 0x0800) + [0, 0, 0, 0]),
    Case(name: "cooked", link: .linuxCooked, frame: Frames.cooked(packet4, type: 0x0800)),
    Case(name: "cooked 2", link: .linuxCooked2, frame: Frames.cooked2(packet6, type: 0x86dd)),
    Case(name: "raw IPv4", link: .rawIP, frame: packet4),
    Case(name: "raw IPv6", link: .rawIP, frame: packet6),
    Case(name: "loopback, little-endian", link: .loopback, frame: Frames.loopback(packet4, family: [2, 0, 0, 0])),
    Case(name: "loopback, big-endian", link: .loopback, frame: Frames.loopback(packet6, family: [0, 0, 0, 30])),
    Case(name: "IPv4 options", link: .rawIP, frame: Frames.ipv4(datagram4, options: [1, 1, 1, 0])),
    Case(name: "do not fragment", link: .rawIP, frame: Frames.ipv4(datagram4, fragment: 0x4000)),
    Case(name: "IPv4 without length", link: .rawIP, frame: Frames.ipv4(datagram4, length: 0)),
    Case(
      name: "UDP without length", link: .rawIP, frame: Frames.ipv4(Frames.udp(payload, from: Frames.a4, to: Frames.b4, length: 0))),
    Case(name: "IPv6 without length", link: .rawIP, frame: Frames.ipv6(datagram6, length: 0)),
    Case(name: "destination options", link: .rawIP, frame: Frames.ipv6(destinationOptions + datagram6, next: 60)),
    Case(name: "routing and options", link: .rawIP, frame: Frames.ipv6(routing + destinationOptions + datagram6, next: 43)),
    Case(name: "authentication", link: .rawIP, frame: Frames.ipv6(authentication + datagram6, next: 51)),
    Case(name: "atomic fragment", link: .rawIP, frame: Frames.ipv6([17, 0, 0, 0, 0, 0, 0, 1] + datagram6, next: 44)),
  ]

  static let broken: [Case] = [
    Case(name: "ARP", link: .ethernet, frame: Frames.ethernet(packet4, type: 0x0806), want: .failure(.notIP)),
    Case(name: "cooked ARP", link: .linuxCooked, frame: Frames.cooked(packet4, type: 0x0806), want: .failure(.notIP)),
    Case(name: "another family", link: .loopback, frame: Frames.loopback(packet4, family: [7, 0, 0, 0]), want: .failure(.notIP)),
    Case(name: "TCP", link: .rawIP, frame: Frames.ipv4(datagram4, transportProtocol: 6), want: .failure(.notUDP)),
    Case(name: "ICMPv6", link: .rawIP, frame: Frames.ipv6(datagram6, next: 58), want: .failure(.notUDP)),
    Case(name: "first fragment", link: .rawIP, frame: Frames.ipv4(datagram4, fragment: 0x2000), want: .failure(.fragment)),
    Case(name: "last fragment", link: .rawIP, frame: Frames.ipv4(datagram4, fragment: 0x0010), want: .failure(.fragment)),
    Case(
      name: "IPv6 fragment", link: .rawIP, frame: Frames.ipv6([17, 0, 0, 1, 0, 0, 0, 1] + datagram6, next: 44),
      want: .failure(.fragment)),
    Case(
      name: "cut by the capture", link: .rawIP, frame: Array(packet4.dropLast(4)), wireBytes: packet4.count, want: .failure(.cut)),
    Case(
      name: "cut in the header", link: .ethernet, frame: [2, 2, 2, 2, 2], wireBytes: 60, want: .failure(.cut)),
    Case(name: "shorter than it says", link: .rawIP, frame: Array(packet4.dropLast(4)), want: .failure(.malformed)),
    Case(name: "version 5", link: .rawIP, frame: [0x55] + packet4.dropFirst(), want: .failure(.malformed)),
    Case(name: "header of 4 words", link: .rawIP, frame: [0x44] + packet4.dropFirst(), want: .failure(.malformed)),
    Case(name: "IP shorter than its header", link: .rawIP, frame: Frames.ipv4(datagram4, length: 19), want: .failure(.malformed)),
    Case(
      name: "UDP shorter than its header", link: .rawIP,
      frame: Frames.ipv4(Frames.udp(payload, from: Frames.a4, to: Frames.b4, length: 7)), want: .failure(.malformed)),
    Case(
      name: "UDP longer than IP", link: .rawIP,
      frame: Frames.ipv4(Frames.udp(payload, from: Frames.a4, to: Frames.b4, length: 29)), want: .failure(.malformed)),
    Case(name: "endless options", link: .rawIP, frame: Frames.ipv6([17, 255, 0, 0, 0, 0, 0, 0], next: 60), want: .failure(.malformed)),
    Case(name: "nothing", link: .ethernet, frame: [], want: .failure(.malformed)),
  ]

  @Test(arguments: whole + broken)
  func readsFrames(_ test: Case) {
    let wireBytes = test.wireBytes ?? test.frame.count
    do throws(NotUDP) {
      let frame = try UDPFrame(parsing: test.frame.span, link: test.link, wireBytes: wireBytes)
      #expect(Result.success(Array(test.frame[frame.payload])) == test.want)
      let isIPv4 = frame.source.isIPv4
      #expect(frame.source == (isIPv4 ? Frames.a4 : Frames.a6))
      #expect(frame.destination == (isIPv4 ? Frames.b4 : Frames.b6))
    } catch {
      #expect(Result.failure(error) == test.want)
    }
  }

  /// Whatever is left of a frame, and whatever one of its bytes becomes, is read within its bounds or refused.
  @Test(arguments: whole)
  func damageNeverTraps(_ test: Case) {
    for count in 0..<test.frame.count {
      let prefix = Array(test.frame[..<count])
      let uncut = Result { try UDPFrame(parsing: prefix.span, link: test.link, wireBytes: count) }
      if case .success(let frame) = uncut { #expect(frame.payload.upperBound <= count) }
      // With the whole frame's length known, what is missing is the capture's doing.
      let cut = Result { try UDPFrame(parsing: prefix.span, link: test.link, wireBytes: test.frame.count + 1) }
      if case .failure(let error) = cut { #expect(error as? NotUDP == .cut) }
    }
    for at in test.frame.indices {
      for bit in 0..<8 {
        var flipped = test.frame
        flipped[at] ^= 1 << UInt8(bit)
        guard let frame = try? UDPFrame(parsing: flipped.span, link: test.link, wireBytes: flipped.count) else { continue }
        #expect(frame.payload.upperBound <= flipped.count)
      }
    }
  }
}
