import DTLS
import Ground
import Seeded
import Testing

@Suite struct HostileTests {
  @Test func `what is not DTLS is counted and costs nothing more`() throws {
    let session = try DTLSSession(identity: Identities.a, role: .server, fingerprints: [Identities.b.sha256])
    let hello = CapturedHello.janus.datagrams[0]
    var refused: [[UInt8]] = [[], [22], Array(hello.prefix(12)), Array(hello.dropLast())]
    for (at, value) in [(0, UInt8(19)), (0, 24), (0, 0x80), (1, 3), (3, 1), (4, 2), (11, 0x7f)] {
      var changed = hello
      changed[at] = value
      refused.append(changed)
    }
    for datagram in refused { session.receive(datagram, at: .milliseconds(1)) }
    #expect(session.isHandshaking)
    #expect(session.takeAll().isEmpty)
    #expect(session.counters.datagramsRefused == refused.count)
    session.receive(hello, at: .milliseconds(2))
    #expect(session.takeAll().count == 1)
  }

  @Test(arguments: UInt64(1)...8) func `random and damaged datagrams leave an established session as it was`(seed: UInt64) throws {
    let pair = try Pair()
    pair.run()
    let keys = try #require(pair.server.keys)
    let material = pair.sent.client + pair.sent.server + CapturedHello.chromium.datagrams
    var random = SeededGenerator(seed)
    for i in 0..<4_000 {
      let datagram = i % 4 == 0 ? random.bytes(random.pick(0...1500)) : random.damaged(material[random.pick(0...material.count - 1)])
      let target = i % 2 == 0 ? pair.server : pair.client
      target.receive(datagram, at: pair.now)
      while target.popOutgoing() != nil {}
    }
    #expect(pair.server.keys === keys)
    #expect(pair.client.keys != nil)
    #expect(pair.client.nextDeadline == nil)
    #expect(pair.server.counters.applicationRecords == 0)
    // And both still understand each other.
    pair.client.close()
    pair.settle()
    #expect(pair.server.isClosed)
  }

  @Test(arguments: UInt64(1)...4) func `random and damaged datagrams end a handshake with an error or not at all`(seed: UInt64) throws {
    let material = CapturedHello.allCases.flatMap(\.datagrams) + (try recorded())
    var random = SeededGenerator(seed)
    var failures = 0
    for round in 0..<30 {
      let session = try DTLSSession(
        identity: Identities.a, role: round % 2 == 0 ? .server : .client, fingerprints: [Identities.b.sha256])
      session.start(at: .milliseconds(1))
      for i in 0..<60 {
        let datagram = i % 8 == 0 ? random.bytes(random.pick(0...1500)) : random.damaged(material[random.pick(0...material.count - 1)])
        session.receive(datagram, at: .milliseconds(UInt64(2 + i)))
        while session.popOutgoing() != nil {}
      }
      #expect(session.keys == nil)
      if session.failure != nil {
        failures += 1
        #expect(session.nextDeadline == nil)
      }
    }
    #expect(failures > 0)
  }

  @Test func `encrypted records before their time are not hoarded`() throws {
    let session = try DTLSSession(identity: Identities.a, role: .server, fingerprints: [Identities.b.sha256])
    for datagram in CapturedHello.chromium.datagrams { session.receive(datagram, at: .milliseconds(1)) }
    _ = session.takeAll()
    var random = SeededGenerator(9)
    for number in 0..<200 {
      session.receive(
        [22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, UInt8(number >> 8), UInt8(number & 255), 0, 48] + random.bytes(48), at: .milliseconds(2))
    }
    #expect(session.isHandshaking)
    #expect(session.counters.datagramsRefused == 200 - 32)
  }

  private func recorded() throws -> [[UInt8]] {
    let pair = try Pair()
    pair.run()
    return pair.sent.client + pair.sent.server
  }
}

@Suite struct FingerprintTests {
  private static let bytes = (0..<32).map { String(0xa0 + $0, radix: 16) }.joined(separator: ":")

  @Test func `an attribute's value is read and written`() throws {
    for text in ["sha-256 \(FingerprintTests.bytes)", "SHA-256 \(FingerprintTests.bytes.uppercased())"] {
      let read = try DTLSFingerprint(parsing: text)
      #expect(read.hash == .sha256)
      #expect(read.bytes == (0xa0..<0xc0).map { UInt8($0) })
      #expect(read.description == "sha-256 \(FingerprintTests.bytes.uppercased())")
    }
    for made in Identities.a.fingerprints { #expect(try DTLSFingerprint(parsing: made.description) == made) }
  }

  @Test(arguments: ["sha-1", "md5", "sha-224", "shake256"]) func `other hashes are refused by name`(hash: String) {
    #expect(throws: DTLSError.unsupportedHash(hash)) { try DTLSFingerprint(parsing: "\(hash) AA:BB") }
  }

  @Test(arguments: [
    "", "sha-256", "sha-256 ", "sha-256 AA:BB", "sha-256 \(bytes):00", "sha-512 \(bytes)", "sha-256 \(bytes.dropLast(2))GG",
    "sha-256 \(bytes.dropLast(2))+f", "sha-256 \(bytes.dropLast(1))", "sha-256 \(bytes.replacing(":", with: ""))", "sha-256 \(bytes) more",
  ])
  func `broken ones are refused`(text: String) {
    #expect(throws: DTLSError.badFingerprint(text)) { try DTLSFingerprint(parsing: text) }
  }

  @Test func `a fingerprint has its hash's length`() {
    #expect(throws: DTLSError.self) { try DTLSFingerprint(hash: .sha384, bytes: [1, 2, 3]) }
  }

  @Test func `every identity is another`() throws {
    #expect(Identities.a.sha256 != Identities.b.sha256)
    #expect(Identities.a.fingerprints.map(\.hash) == [.sha256, .sha384, .sha512])
  }
}
