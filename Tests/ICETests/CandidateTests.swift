import Ground
import ICE
import Testing

/// Candidates and credentials as SDP writes them.
@Suite struct CandidateTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let line: String
    let want: Result<ICECandidateReading, ICEError>
    var testDescription: String { line }
  }

  private static func host(_ foundation: String, _ priority: UInt32, _ ip: String, _ port: UInt16) -> Result<ICECandidateReading, ICEError>
  {
    .success(.candidate(ICECandidate(foundation: foundation, priority: priority, address: address(ip, port), type: .host)))
  }

  static let rows: [Row] = [
    // Chromium's, Firefox's, aiortc's and Janus' own.
    Row(
      line: "a=candidate:3726115740 1 udp 2113937151 192.0.2.2 42761 typ host generation 0 network-cost 999",
      want: host("3726115740", 2_113_937_151, "192.0.2.2", 42761)),
    Row(
      line: "candidate:360628860 1 udp 2113942271 fd00::2 44414 typ host generation 0 network-cost 999",
      want: host("360628860", 2_113_942_271, "fd00::2", 44414)),
    Row(line: "candidate:0 1 UDP 2122187007 192.0.2.2 53354 typ host\r\n", want: host("0", 2_122_187_007, "192.0.2.2", 53354)),
    Row(line: "1 1 udp 2015363327 192.0.2.2 20139 typ host", want: host("1", 2_015_363_327, "192.0.2.2", 20139)),
    Row(
      line: "candidate:2 1 udp 1686052607 203.0.113.5 61665 typ srflx raddr 10.0.0.4 rport 4242",
      want: .success(
        .candidate(
          ICECandidate(
            foundation: "2", priority: 1_686_052_607, address: address("203.0.113.5", 61665), type: .serverReflexive,
            relatedAddress: address("10.0.0.4", 4242))))),
    Row(
      line: "candidate:3 1 udp 1 203.0.113.5 61665 typ relay raddr 0.0.0.0 rport 0 generation 0 ufrag abCD network-id 1",
      want: .success(
        .candidate(
          ICECandidate(
            foundation: "3", priority: 1, address: address("203.0.113.5", 61665), type: .relayed,
            relatedAddress: SocketAddress(ipv4: 0, port: 0), usernameFragment: "abCD")))),
    Row(line: "candidate:2 1 TCP 2105458943 192.0.2.2 9 typ host tcptype active", want: .success(.disregarded(.transport))),
    Row(line: "candidate:2 1 ssltcp 2105458943 192.0.2.2 443 typ host", want: .success(.disregarded(.transport))),
    Row(line: "candidate:0 2 UDP 2122187006 192.0.2.2 37929 typ host", want: .success(.disregarded(.component))),
    Row(
      line: "candidate:1 1 udp 2113937151 5a1f9e2c-1b1c-4b6d-9f6e-0d9a3a3b1c2d.local 51000 typ host generation 0",
      want: .success(.disregarded(.name))),
    Row(line: "candidate:1 1 udp 2113937151 turn.example.org 51000 typ relay", want: .success(.disregarded(.name))),
    Row(line: "candidate:1 1 udp 5 192.0.2.2 51000 typ future", want: .success(.disregarded(.type))),
    Row(line: "candidate:1 1 udp 5 192.0.2.2 0 typ host", want: .success(.disregarded(.address))),
    Row(line: "candidate:1 1 udp 5 0.0.0.0 9 typ host", want: .success(.disregarded(.address))),
    Row(line: "candidate:1 1 udp 5 224.0.0.1 9 typ host", want: .success(.disregarded(.address))),
    Row(line: "candidate:1 1 udp 5 ff02::1 9 typ host", want: .success(.disregarded(.address))),
    Row(line: "", want: .failure(.malformedCandidate(.foundation))),
    Row(line: "candidate:", want: .failure(.malformedCandidate(.foundation))),
    Row(line: "candidate:123456789012345678901234567890123 1 udp 5 192.0.2.2 9 typ host", want: .failure(.malformedCandidate(.foundation))),
    Row(line: "candidate:1", want: .failure(.malformedCandidate(.component))),
    Row(line: "candidate:1 0 udp 5 192.0.2.2 9 typ host", want: .failure(.malformedCandidate(.component))),
    Row(line: "candidate:1 257 udp 5 192.0.2.2 9 typ host", want: .failure(.malformedCandidate(.component))),
    Row(line: "candidate:1 +1 udp 5 192.0.2.2 9 typ host", want: .failure(.malformedCandidate(.component))),
    Row(line: "candidate:1 1", want: .failure(.malformedCandidate(.transport))),
    Row(line: "candidate:1 1 udp 0 192.0.2.2 9 typ host", want: .failure(.malformedCandidate(.priority))),
    Row(line: "candidate:1 1 udp 4294967296 192.0.2.2 9 typ host", want: .failure(.malformedCandidate(.priority))),
    Row(line: "candidate:1 1 udp -5 192.0.2.2 9 typ host", want: .failure(.malformedCandidate(.priority))),
    Row(line: "candidate:1 1 udp 5", want: .failure(.malformedCandidate(.address))),
    Row(line: "candidate:1 1 udp 5 192.0.2 9 typ host", want: .failure(.malformedCandidate(.address))),
    Row(line: "candidate:1 1 udp 5 fe80::1%eth0 9 typ host", want: .failure(.malformedCandidate(.address))),
    Row(line: "candidate:1 1 udp 5 192.0.2.2 65536 typ host", want: .failure(.malformedCandidate(.port))),
    Row(line: "candidate:1 1 udp 5 192.0.2.2 x typ host", want: .failure(.malformedCandidate(.port))),
    Row(line: "candidate:1 1 udp 5 192.0.2.2 9 type host", want: .failure(.malformedCandidate(.type))),
    Row(line: "candidate:1 1 udp 5 192.0.2.2 9 typ", want: .failure(.malformedCandidate(.type))),
    Row(line: "candidate:1 1 udp 5 192.0.2.2 9 typ srflx raddr 1.2.3.4 rport 70000", want: .failure(.malformedCandidate(.relatedAddress))),
  ]

  @Test(arguments: rows) func isRead(_ row: Row) {
    let got = Result<ICECandidateReading, ICEError> { () throws(ICEError) in try ICECandidate.read(row.line) }
    #expect(got == row.want)
  }

  @Test(arguments: rows) func readsBackFromItsOwnLine(_ row: Row) throws {
    guard case .success(.candidate(let candidate)) = row.want else { return }
    #expect(candidate.line.hasPrefix("candidate:"))
    #expect(try ICECandidate.read(candidate.line) == .candidate(candidate))
  }

  @Test func ourOwnCandidates() throws {
    var configuration = ICEConfiguration(hosts: [
      ICEHost(address("192.0.2.1", 5000)), ICEHost(address("fd00::1", 5000)),
      ICEHost(address("10.0.0.1", 5001), announced: address("203.0.113.9", 7001)), ICEHost(address("192.0.2.1", 5002)),
    ])
    configuration.randomSeed = 1
    let agent = try ICEAgent(configuration: configuration, at: .zero)
    let lines = agent.localCandidates.map(\.line)
    // 126 << 24 | preference << 8 | 255; one foundation per IP address.
    #expect(
      lines == [
        "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host", "candidate:2 1 udp 2130706175 fd00::1 5000 typ host",
        "candidate:3 1 udp 2130705919 203.0.113.9 7001 typ host", "candidate:1 1 udp 2130705663 192.0.2.1 5002 typ host",
      ])
  }

  @Test func credentialsKeepTheirLengths() throws {
    func refusal(_ fragment: String, _ password: String) -> ICEError? {
      do throws(ICEError) {
        _ = try ICECredentials(usernameFragment: fragment, password: password)
        return nil
      } catch {
        return error
      }
    }
    let password = String(repeating: "p", count: 22)
    #expect(refusal("abcd", password) == nil)
    #expect(refusal(String(repeating: "u", count: 256), String(repeating: "p", count: 256)) == nil)
    #expect(refusal("abc", password) == .badUsernameFragment)
    #expect(refusal(String(repeating: "u", count: 257), password) == .badUsernameFragment)
    #expect(refusal("ab:cd", password) == .badUsernameFragment)
    #expect(refusal("ab cd", password) == .badUsernameFragment)
    #expect(refusal("äbcd", password) == .badUsernameFragment)
    #expect(refusal("abcd", String(password.dropLast())) == .badPassword)
    #expect(refusal("abcd", String(repeating: "p", count: 257)) == .badPassword)
    #expect(refusal("abcd", password + "\n") == .badPassword)
    let one = ICECredentials.random()
    let other = ICECredentials.random()
    #expect(refusal(one.usernameFragment, one.password.exposed) == nil)
    #expect(one.usernameFragment != other.usernameFragment && one.password != other.password)
    #expect("\(one)".contains(one.password.exposed) == false)
  }
}
