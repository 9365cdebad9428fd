import Ground
import SRTP

extension FuzzTarget {
  /// The first byte chooses the suite, the second whether it is RTP or RTCP, and what is done: unprotect the rest as it came; or protect it, change
  /// some of it where the third byte says so, and unprotect that.
  static let srtp = FuzzTarget(
    name: "srtp", maximumBytes: 512,
    seeds: { sources in
      let encrypted = sources.captures.filter { $0.name.hasSuffix(".enc") }.flatMap { $0.datagrams.prefix(20) }
      let plain = sources.rtp().prefix(40)
      var out: [[UInt8]] = []
      for suite in 0..<UInt8(CryptoSuite.allCases.count) {
        for item in encrypted { out.append([suite, 0] + item.bytes.prefix(300)) }
        for packet in plain { out += [[suite, 2, 0, 0, 0] + packet, [suite, 2, 1, 0, 9] + packet] }
        for packet in sources.rtcp() { out.append([suite, 3, 0, 0, 0] + packet) }
      }
      return out
    }
  ) { bytes in
    SRTPSession.prepare()
    var input = InputReader(bytes)
    let suite = CryptoSuite.allCases[Int(input.u8()) % CryptoSuite.allCases.count]
    let mode = input.u8()
    let key = [UInt8](1...UInt8(suite.keyAndSaltBytes))
    guard let inbound = try? SRTPSession(suite: suite, key: key, direction: .inbound) else { fatalError("no session for \(suite)") }
    let isRTCP = mode & 1 != 0
    guard mode & 2 != 0 else {
      var packet = input.rest()
      if let count = unprotect(&packet, inbound, isRTCP) { require(count <= packet.count, "no packet grows") }
      return
    }
    guard let outbound = try? SRTPSession(suite: suite, key: key, direction: .outbound) else { fatalError("no session for \(suite)") }
    let changes = input.u8()
    let place = input.u16()
    let plain = input.rest()
    var packet = plain
    do throws(SRTPError) {
      if isRTCP { try outbound.protectRTCP(&packet) } else { try outbound.protectRTP(&packet) }
    } catch {
      return
    }
    require(packet.count > plain.count && packet.count <= plain.count + SRTPSession.maximumTrailerBytes, "protection adds its trailer")
    let sent = packet
    if changes != 0 {
      packet[place % packet.count] ^= changes
      // 32 bits of tag can be met by chance.
      if unprotect(&packet, inbound, isRTCP) != nil { require(suite == .aesCM32, "a forged packet passed") }
      packet = sent
    }
    guard let count = unprotect(&packet, inbound, isRTCP) else { fatalError("a good packet was refused") }
    require(packet.prefix(count).elementsEqual(plain), "what was sent arrives")
    packet = sent
    require(unprotect(&packet, inbound, isRTCP) == nil, "a packet passes once")
  }

  private static func unprotect(_ packet: inout [UInt8], _ session: SRTPSession, _ isRTCP: Bool) -> Int? {
    var bytes = packet.mutableSpan
    do throws(SRTPError) {
      return isRTCP ? try session.unprotectRTCP(&bytes) : try session.unprotectRTP(&bytes)
    } catch {
      return nil
    }
  }
}
