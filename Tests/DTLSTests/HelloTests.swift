import DTLS
import Ground
import Seeded
import Testing

@Suite struct HelloTests {
  /// What a flight of whole records carries: the types of its handshake messages, each once, and the bytes of all their fragments.
  private static func messages(_ datagrams: [[UInt8]]) -> [UInt8] {
    var types: [UInt8] = []
    for datagram in datagrams {
      var at = 0
      while at + 25 <= datagram.count {
        if datagram[at] == 22, types.last != datagram[at + 13] { types.append(datagram[at + 13]) }
        at += 13 + Int(datagram[at + 11]) << 8 + Int(datagram[at + 12])
      }
    }
    return types
  }

  /// ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone (RFC 6347 §4.2.4).
  private static let flight: [UInt8] = [2, 11, 12, 13, 14]

  private func server() throws -> DTLSSession {
    try DTLSSession(identity: Identities.a, role: .server, fingerprints: [Identities.b.sha256])
  }

  @Test(arguments: CapturedHello.allCases, [false, true])
  func `a real peer's hello, whatever order its datagrams come in, is answered with a whole flight`(hello: CapturedHello, swapped: Bool)
    throws
  {
    let session = try server()
    let datagrams = swapped ? hello.datagrams.reversed() : hello.datagrams
    for (i, datagram) in datagrams.enumerated() {
      #expect(session.popOutgoing() == nil)
      session.receive(datagram, at: .milliseconds(UInt64(1 + i)))
    }
    let answer = session.takeAll()
    #expect(answer.count == 1)
    #expect(HelloTests.messages(answer) == HelloTests.flight)
    #expect(session.isHandshaking)
    #expect(session.counters.datagramsRefused == 0)
    let hello = try #require(answer.first)
    // The version it settles on stands in the record and in the ServerHello: DTLS 1.2.
    #expect(hello[1...2] == [0xfe, 0xfd])
    #expect(hello[25...26] == [0xfe, 0xfd])
    // use_srtp in it, with one profile and no MKI (RFC 5764 §4.1.1); the strongest that all three offer.
    let extensionBytes: [UInt8] = [0, 14, 0, 5, 0, 2, 0, 8, 0]
    #expect((0..<hello.count - extensionBytes.count).contains { Array(hello[$0..<$0 + extensionBytes.count]) == extensionBytes })
  }

  @Test func `a part of a hello alone is waited for, and its repetition completes it`() throws {
    let session = try server()
    let datagrams = CapturedHello.chromium.datagrams
    for i in UInt64(1)...20 { session.receive(datagrams[0], at: .milliseconds(i)) }
    #expect(session.takeAll().isEmpty)
    #expect(session.nextDeadline == nil)
    session.receive(datagrams[1], at: .milliseconds(30))
    #expect(HelloTests.messages(session.takeAll()) == HelloTests.flight)
    #expect(session.nextDeadline == .milliseconds(130))
  }

  @Test func `a hello of fifty fragments, in any order, is put together`() throws {
    let small = try refragmented(CapturedHello.firefox.datagrams, bytes: 30)
    // Fewer than the 64 records that a replay window is wide (RFC 6347 §4.1.2.6): older ones are replays.
    #expect(small.count == 49)
    var random = SeededGenerator(4)
    let session = try server()
    for fragment in small.shuffled(using: &random) { session.receive(fragment, at: .milliseconds(1)) }
    #expect(HelloTests.messages(session.takeAll()) == HelloTests.flight)
  }

  /// The hello again, `bytes` of it to a record, with new record numbers.
  private func refragmented(_ datagrams: [[UInt8]], bytes: Int) throws -> [[UInt8]] {
    var body: [UInt8] = []
    for datagram in datagrams { body += datagram[25...] }
    let header = Array(datagrams[0][13..<19])
    return stride(from: 0, to: body.count, by: bytes).enumerated().map { number, at in
      let part = body[at..<min(at + bytes, body.count)]
      let length = part.count + 12
      return [22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, UInt8(number >> 8), UInt8(number & 255), UInt8(length >> 8), UInt8(length & 255)]
        + header + [0, UInt8(at >> 8), UInt8(at & 255), 0, UInt8(part.count >> 8), UInt8(part.count & 255)] + part
    }
  }
}
