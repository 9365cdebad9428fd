import Codecs
import DTLS
import Ground
import ICE
import Peer
import Recording
import Testing

/// A recording whose peers have all gone ends by itself where it was asked to.
@Suite struct TakeDepartureTests {
  private func rig(_ seconds: Double?) throws -> (Rig, SimulatedPeer) {
    var limits = Limits()
    limits.departureTimeoutSeconds = seconds
    let rig = Rig(limits: limits)
    let peer = try SimulatedPeer(rig)
    peer.run(to: 500)
    #expect(peer.state == .connected)
    return (rig, peer)
  }

  @Test func afterAFarewellTheGraceRuns() throws {
    let (rig, peer) = try rig(3)
    peer.farewell(1000)
    peer.run(to: 3900)
    #expect(peer.state == .closed)
    #expect(rig.take.limitReached == nil)
    // Who has left is not answered any more, and nothing is kept for it.
    let ours = try #require(rig.take.peer(source: 0, leg: 0))
    #expect(!ours.hasKeys && ours.selectedPair == nil && ours.nextDeadline == nil && ours.iceState == .closed)
    #expect(!rig.sent.contains { $0.at > Rig.at(1500) })
    peer.run(to: 4200)
    #expect(rig.take.limitReached == .departureTimeoutSeconds)
    #expect(rig.events("limit.reached").count == 1)
  }

  @Test func whoGivesNoSignHasGone() throws {
    let (rig, peer) = try rig(3)
    peer.run(to: 20_000, isSilent: true)
    #expect(peer.state == .disconnected)
    #expect(rig.take.limitReached == nil)
    peer.run(to: 40_000, isSilent: true)
    #expect(peer.state == .failed)
    #expect(rig.take.limitReached == .departureTimeoutSeconds)
  }

  @Test func whoNeverConnectsHasGoneToo() throws {
    let rig = Rig(
      limits: {
        var limits = Limits()
        limits.departureTimeoutSeconds = 1
        return limits
      }())
    let peer = try SimulatedPeer(rig, fingerprint: try DTLSIdentity(at: Rig.wall).sha256)
    peer.run(to: 2500)
    #expect(peer.state == .failed)
    #expect(rig.take.limitReached == .departureTimeoutSeconds)
  }

  @Test func whoComesMeanwhileKeepsItGoing() throws {
    let (rig, peer) = try rig(3)
    peer.farewell(1000)
    peer.run(to: 3000)
    let next = rig.take.addSource(id: "s2", SourceSpecification(tracks: []))
    try rig.addLeg([Sender.audio().specification], source: next)
    // A sender of plain RTP never says that it leaves: it has to be removed.
    peer.run(to: 30_000)
    #expect(rig.take.limitReached == nil)
    rig.take.removeSource(next, at: rig.now)
    peer.run(to: 32_900)
    #expect(rig.take.limitReached == nil)
    peer.run(to: 33_200)
    #expect(rig.take.limitReached == .departureTimeoutSeconds)
  }

  @Test func withoutTheLimitItGoesOn() throws {
    let (rig, peer) = try rig(nil)
    peer.farewell(1000)
    peer.run(to: 60_000)
    #expect(rig.take.limitReached == nil)
  }
}
