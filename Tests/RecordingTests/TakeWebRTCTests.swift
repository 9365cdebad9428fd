import Codecs
import DTLS
import Ground
import ICE
import Peer
import RTP
import Recording
import Testing
import Track

/// A WebRTC peer's media on tape: connection, routing, repair, feedback, simulcast, farewell.
@Suite struct TakeWebRTCTests {
  private static let audioMID: [(id: UInt8, value: [UInt8])] = [(4, Array("0".utf8))]
  private static let mid: [(id: UInt8, value: [UInt8])] = [(4, Array("1".utf8))]

  /// A rig whose peer is connected, with an audio section `0` and a video section `1`.
  private func session(
    rids: [String] = [], streams: Bool = true, rtx: Bool = true, usesFIR: Bool = false, lag: Double = 0,
    feedback: (inout SessionFeedback) -> Void = { $0.transportCC = true }
  ) throws -> (Rig, SimulatedPeer) {
    let rig = Rig()
    let peer = try SimulatedPeer(rig)
    peer.lag = lag
    var audio = TrackSpecification(participant: "ada", codec: .opus, payloadType: PayloadType(111))
    audio.ssrc = nil
    var video = TrackSpecification(participant: "ada", codec: .vp8, payloadType: PayloadType(96))
    if rtx { video.rtx = RTXSpecification(payloadType: PayloadType(97)) }
    let numbers = [rig.addTrack(audio), rig.addTrack(video)]
    var told = SessionFeedback()
    told.extensions = SimulatedPeer.ids
    feedback(&told)
    rig.take.setFeedback(told, source: 0, leg: 0)
    rig.take.addSection(
      SessionSection(
        mid: "0", payloadType: PayloadType(111), rtx: nil, rids: [], streams: streams ? [(SSRC(1111), nil)] : [], tracks: [numbers[0]]),
      source: 0, leg: 0)
    var pictures = SessionSection(
      mid: "1", payloadType: PayloadType(96), rtx: PayloadType(97), rids: rids,
      streams: streams && rids.isEmpty ? [(SSRC(2222), SSRC(3333))] : [], tracks: [numbers[1]])
    pictures.usesFIR = usesFIR
    rig.take.addSection(pictures, source: 0, leg: 0)
    peer.repairs = [2222: (3333, 97)]
    guard lag == 0 else {
      while !peer.hasKeys, rig.milliseconds < 500 { peer.run(to: rig.milliseconds + 1) }
      #expect(peer.hasKeys && peer.state == .checking)
      return (rig, peer)
    }
    peer.run(to: 500)
    #expect(peer.hasKeys)
    #expect(peer.state == .connected)
    return (rig, peer)
  }

  private func discarded(_ rig: Rig, _ name: String) -> UInt64 {
    rig.snapshot.sources[0].discarded.first { $0.name == name }?.count ?? 0
  }

  /// Films and records sound from `first` to before `last`; a key frame at the start and where one is asked for.
  private func perform(
    _ peer: SimulatedPeer, audio: inout Sender, video: inout Sender, from first: Double, to last: Double,
    names: Bool = false, packets: Int = 3
  ) {
    var answered = peer.keyFrameRequests.count
    var nextPicture = first
    var isFirst = true
    for time in stride(from: first, to: last, by: 20) {
      peer.send(audio.sound(time), time, names: names ? TakeWebRTCTests.audioMID : [])
      while nextPicture < time + 20 {
        let asked = peer.keyFrameRequests.count > answered
        answered = peer.keyFrameRequests.count
        for packet in video.picture(nextPicture, isKey: isFirst || asked, packets: packets, bytes: 300) {
          peer.send(packet, nextPicture, names: names ? TakeWebRTCTests.mid : [])
        }
        isFirst = false
        nextPicture += 1000.0 / 30
      }
      peer.run(to: time + 20)
    }
  }

  // MARK: Connection

  /// GStreamer's media overtake the last message of its handshake, and the first of them is the key frame.
  @Test func mediaThatOvertakesTheHandshakeIsOnTape() throws {
    let (rig, peer) = try session(lag: 150)
    let begin = rig.milliseconds
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(peer, audio: &audio, video: &video, from: begin, to: begin + 100)
    #expect(peer.state == .checking)
    #expect(rig.snapshot.sources[0].candidatePackets == peer.sent)
    rig.checkAccounts()
    perform(peer, audio: &audio, video: &video, from: begin + 100, to: begin + 2000)
    peer.run(to: begin + 2500)
    rig.stop()
    #expect(rig.frames(0).map(Sender.index) == Array(1...100))
    #expect(rig.frames(1).map(Sender.index) == Array(1...61))
    #expect(discarded(rig, "beforeKeys") == 0)
    #expect(rig.snapshot.sources[0].candidatePackets == 0)
    // As of when it came, not of when it could be read.
    #expect(rig.times(0).prefix(5) == [0, 20, 40, 60, 80])
  }

  @Test func ofWhatComesBeforeTheKeysNoMoreIsKeptThanTheLimit() throws {
    let (rig, peer) = try session(lag: 150)
    let begin = rig.milliseconds
    var audio = Sender.audio()
    let sounds = WebRTCPeer.earlyLimit + 20
    for index in 0..<sounds { peer.send(audio.sound(begin + Double(index) / 4), begin + Double(index) / 4) }
    peer.run(to: begin + 100)
    #expect(peer.state == .checking)
    #expect(rig.snapshot.sources[0].candidatePackets == WebRTCPeer.earlyLimit)
    #expect(discarded(rig, "beforeKeys") == 20)
    peer.run(to: begin + 1000)
    #expect(peer.state == .connected)
    rig.stop()
    #expect(rig.counters(0).packetsReceived == UInt64(WebRTCPeer.earlyLimit))
  }

  @Test func withoutKeysWhatWasKeptIsCountedAndGone() throws {
    let (rig, peer) = try session(lag: 60_000)
    let begin = rig.milliseconds
    var audio = Sender.audio()
    for index in 0..<10 { peer.send(audio.sound(begin + Double(index) * 20), begin + Double(index) * 20) }
    peer.run(to: 35_000)
    #expect(peer.state == .failed)
    #expect(rig.snapshot.sources[0].candidatePackets == 0)
    #expect(discarded(rig, "beforeKeys") == 10)
    rig.stop()
  }

  @Test func aPeerConnectsAndItsMediaAreOnTape() throws {
    let (rig, peer) = try session()
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(peer, audio: &audio, video: &video, from: 500, to: 4500)
    peer.run(to: 5000)
    rig.stop()
    #expect(rig.frames(0).map(Sender.index) == Array(1...200))
    #expect(rig.frames(1).map(Sender.index) == Array(1...120))
    #expect(
      rig.events("source.state").map { $0.fields.first { $0.name == "state" }?.value } == [.string("checking"), .string("connected")])
    #expect(peer.reports >= 4)
    // Every packet was told of, in feedback that the sender asked for.
    #expect(peer.arrivalsTold == peer.sent)
    let numbers = rig.snapshot.sources[0].session
    #expect(numbers?.state == "closed")
    #expect(numbers?.suite == "AEAD_AES_256_GCM")
  }

  /// Of a peer that understands no other request, key frames are commanded, each time by another number.
  @Test func aPeerWithoutLossIndicationsIsCommanded() throws {
    let (rig, peer) = try session(rtx: false, usesFIR: true) { _ in }
    peer.repeats = false
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(peer, audio: &audio, video: &video, from: 500, to: 1500)
    peer.loss = 0.05
    perform(peer, audio: &audio, video: &video, from: 1500, to: 9500)
    peer.loss = 0
    perform(peer, audio: &audio, video: &video, from: 9500, to: 10_500)
    rig.stop()
    #expect(rig.counters(1).framesDropped > 0)
    #expect(peer.intraCommands.count >= 5)
    #expect(Set(peer.intraCommands).count == peer.intraCommands.count)
    #expect(rig.counters(1).firSent >= UInt64(peer.intraCommands.count))
    #expect(rig.counters(1).pliSent == 0)
    // Each was obeyed by a key frame that reopened the tape.
    #expect(rig.frames(1).last.map(Sender.index) == video.made)
  }

  @Test func eitherSideMayBeginTheHandshake() throws {
    let rig = Rig()
    let peer = try SimulatedPeer(rig, weAreClient: false)
    peer.run(to: 1000)
    #expect(peer.state == .connected)
    // A tenth of a second is enough for it, at 15 ms from side to side.
    #expect(rig.events("source.state").last.map { ($0.at - Rig.start).milliseconds < 250 } == true)
  }

  @Test func anotherCertificateThanTheDescriptionsFails() throws {
    let rig = Rig()
    let other = try DTLSIdentity(at: Rig.wall)
    let peer = try SimulatedPeer(rig, fingerprint: other.sha256)
    peer.run(to: 1000)
    #expect(peer.state == .failed)
    guard case .dtls(.fingerprintMismatch) = rig.take.peer(source: 0, leg: 0)?.failure else {
      Issue.record("\(String(describing: rig.take.peer(source: 0, leg: 0)?.failure))")
      return
    }
    #expect(rig.snapshot.sources[0].session?.reason?.contains("fingerprint") == true)
  }

  @Test func aPeerThatNeverComesFails() throws {
    let rig = Rig()
    let peer = try SimulatedPeer(rig)
    peer.run(to: 31_000, isSilent: true)
    #expect(peer.state == .failed)
    #expect(rig.take.peer(source: 0, leg: 0)?.failure == .noConnection)
  }

  /// Nor is it kept alive by what anybody can send in its name.
  @Test(arguments: [false, true]) func aPeerThatFallsSilentIsDisconnectedAndThenGone(_ isForged: Bool) throws {
    let (rig, peer) = try session()
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(peer, audio: &audio, video: &video, from: 500, to: 1500)
    if isForged {
      let record: [UInt8] = [23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 0, 0]
      for second in 2..<40 { peer.sendRaw(record, Double(second) * 1000, from: SimulatedPeer.theirs) }
    }
    peer.run(to: 15_000, isSilent: true)
    #expect(peer.state == .disconnected)
    peer.run(to: 40_000, isSilent: true)
    #expect(peer.state == .failed)
    #expect(rig.take.peer(source: 0, leg: 0)?.failure == .consentExpired)
    #expect(rig.events("track.ended").count == 2)
    #expect(rig.events("participant.left").count == 1)
    rig.stop()
    #expect(rig.frames(0).count == 50)
  }

  @Test func strangersAndForgeriesAreCounted() throws {
    let (rig, peer) = try session()
    var (audio, video) = (Sender.audio(), Sender.video())
    let stranger = SocketAddress(ip: "198.51.100.1", port: 9)!
    for i in 0..<50 {
      peer.sendRaw(audio.sound(500), 500 + Double(i), from: stranger)
      peer.sendRaw([22, 254, 253] + [UInt8](repeating: 0, count: 40), 500 + Double(i), from: stranger)
      peer.sendRaw([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42] + [UInt8](repeating: 7, count: 12), 500 + Double(i), from: stranger)
      // From the peer's own address, but not protected by its keys.
      peer.sendRaw(video.sound(500, bytes: 80), 500 + Double(i))
    }
    var (good, picture) = (Sender.audio(), Sender.video())
    perform(peer, audio: &good, video: &picture, from: 500, to: 2000)
    rig.stop()
    #expect(discarded(rig, "stranger") == 100)
    #expect(discarded(rig, "rejectedSTUN") == 50)
    #expect(discarded(rig, "authenticationFailed") == 50)
    #expect(rig.frames(0).count == 75)
  }

  // MARK: Routing

  @Test func unsignalledStreamsAreKnownByTheirMID() throws {
    let (rig, peer) = try session(streams: false)
    var (audio, video) = (Sender.audio(ssrc: 77), Sender.video(ssrc: 88))
    perform(peer, audio: &audio, video: &video, from: 500, to: 1000, names: true)
    // Browsers leave the names out after a while.
    for time in stride(from: 1000.0, to: 2000, by: 20) {
      peer.send(audio.sound(time), time)
      peer.run(to: time + 20)
    }
    rig.stop()
    #expect(rig.frames(0).count == 75)
    #expect(rig.frames(1).count == 15)
    #expect(rig.snapshot.tracks.map { $0.ssrc?.value } == [77, 88])
  }

  @Test func aNewSSRCThatNamesItsSectionTakesOver() throws {
    let (rig, peer) = try session()
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(peer, audio: &audio, video: &video, from: 500, to: 1500)
    var next = Sender.video(ssrc: 4444)
    for (index, time) in stride(from: 1500.0, to: 2500, by: 1000.0 / 30).enumerated() {
      for packet in next.picture(time, isKey: index == 0) { peer.send(packet, time, names: TakeWebRTCTests.mid) }
      peer.run(to: time + 30)
    }
    rig.stop()
    #expect(rig.snapshot.tracks[1].counters.ssrcChanges == 1)
    #expect(rig.frames(1).count == Int(video.made + next.made))
  }

  @Test func whatNoSectionHasIsCounted() throws {
    let (rig, peer) = try session()
    var other = Sender.audio(ssrc: 5, payloadType: 9)
    for time in stride(from: 500.0, to: 600, by: 20) { peer.send(other.sound(time), time) }
    peer.run(to: 1000)
    #expect(discarded(rig, "unknownPayloadType") == 5)
  }

  /// Before media, and between: padding and repeated packets that probe the path make no track, no loss and no frame.
  @Test func probesAreNoMedia() throws {
    let (rig, peer) = try session()
    for i in 0..<10 {
      var packet: [UInt8] = [0xa0, 97]
      packet.appendU16(UInt16(i))
      packet += [0, 0, 0, 1]
      packet.appendU32(3333)
      peer.send(packet + [UInt8](repeating: 0, count: 99) + [100], 500 + Double(i))
    }
    peer.run(to: 600)
    #expect(discarded(rig, "rtx") == 10)
    #expect(rig.snapshot.tracks[1].counters.packetsReceived == 0)
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(peer, audio: &audio, video: &video, from: 600, to: 1600)
    rig.stop()
    #expect(rig.frames(1).count == 30)
    #expect(rig.snapshot.tracks[1].counters.packetsLost == 0)
  }

  // MARK: Repair

  @Test(arguments: [0.01, 0.05, 0.2]) func lostPacketsAreAskedForAndRepeated(_ loss: Double) throws {
    let (rig, peer) = try session()
    peer.loss = loss
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(peer, audio: &audio, video: &video, from: 500, to: 20_500)
    peer.loss = 0
    perform(peer, audio: &audio, video: &video, from: 20_500, to: 21_000)
    peer.run(to: 22_000)
    rig.stop()
    let counters = rig.snapshot.tracks[1].counters
    #expect(counters.packetsRecovered > 0)
    #expect(counters.nackSent >= counters.packetsRecovered)
    #expect(counters.packetsLost == 0)
    #expect(rig.frames(1).map(Sender.index) == Array(1...UInt32(rig.frames(1).count)))
    #expect(rig.frames(1).count == Int(video.made))
    #expect(rig.events("media.gap").allSatisfy { $0.fields.contains(EventField("kind", "audio")) })
  }

  /// A sender that repeats nothing: frames are lost, but none that is written refers to a lost one.
  @Test func withoutRepetitionNothingBrokenIsWritten() throws {
    let (rig, peer) = try session()
    peer.repeats = false
    peer.loss = 0.05
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(peer, audio: &audio, video: &video, from: 500, to: 10_500)
    peer.run(to: 12_000)
    rig.stop()
    #expect(!peer.lostNumbers.isEmpty)
    let frames = rig.frames(1)
    for (a, b) in zip(frames, frames.dropFirst()) where Sender.index(b) != Sender.index(a) + 1 { #expect(b.isKey) }
    #expect(frames.count < 300)
    #expect(frames.count > 30)
  }

  @Test func theBitrateIsToldWhereThatWasAgreed() throws {
    let (_, peer) = try session { $0.remb = true }
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(peer, audio: &audio, video: &video, from: 500, to: 3500)
    #expect((2...4).contains(peer.bitrates.count))
    #expect(peer.bitrates.allSatisfy { $0 > 20_000_000 })
    #expect(peer.arrivalsTold == 0)
  }

  // MARK: Simulcast

  /// Three layers, of which the largest goes to tape as soon as its key frame comes; when it stops, the next one follows.
  @Test func theLargestLayerIsOnTape() throws {
    let (rig, peer) = try session(rids: ["q", "h", "f"], streams: false)
    var audio = Sender.audio()
    var layers = [Sender.video(ssrc: 1), Sender.video(ssrc: 2), Sender.video(ssrc: 3)]
    let sizes = [PictureSize(width: 320, height: 180), PictureSize(width: 640, height: 360), PictureSize(width: 1280, height: 720)]
    var answered = 0
    var keys = [true, true, true]
    for (index, time) in stride(from: 500.0, to: 8000, by: 1000.0 / 30).enumerated() {
      if index % 2 == 0 { peer.send(audio.sound(time), time, names: TakeWebRTCTests.audioMID) }
      for request in peer.keyFrameRequests[answered...] { if (1...3).contains(request.ssrc) { keys[Int(request.ssrc) - 1] = true } }
      answered = peer.keyFrameRequests.count
      for layer in 0..<3 {
        // The largest begins late, and ends in the middle.
        if layer == 2, time < 1000 || time > 4000 { continue }
        for packet in layers[layer].picture(time, isKey: keys[layer], packets: 1, bytes: 60, size: sizes[layer]) {
          peer.send(packet, time, names: [(4, Array("1".utf8)), (10, [UInt8(["q", "h", "f"][layer].utf8.first ?? 0)])])
        }
        keys[layer] = false
      }
      peer.run(to: time + 33)
    }
    peer.run(to: 9000)
    rig.stop()
    let frames = rig.frames(1)
    let heights = frames.compactMap { $0.size?.height }
    #expect(heights.first == 180 || heights.first == 360)
    #expect(heights.contains(720))
    #expect(heights.last == 360)
    // Between two sizes there is always a key frame, and nothing is missing for longer than a layer takes to be missed.
    let times = frames.map(\.time.milliseconds)
    #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 < 1500 })
    #expect(zip(times, times.dropFirst()).filter { $1 - $0 > 100 }.count <= 2)
    #expect(rig.snapshot.tracks[1].counters.discarded(.otherLayer) > 0)
    #expect(rig.opened.count == 1)
  }

  // MARK: Change

  @Test func aSectionThatIsRejectedEndsItsTracks() throws {
    let (rig, peer) = try session()
    var (audio, video) = (Sender.audio(), Sender.video())
    perform(peer, audio: &audio, video: &video, from: 500, to: 1500)
    rig.take.removeSection(mid: "1", source: 0, leg: 0, ends: true, at: rig.now)
    perform(peer, audio: &audio, video: &video, from: 1500, to: 2500)
    rig.stop()
    #expect(rig.events("track.ended").count == 2)
    #expect(rig.frames(0).count == 100)
    #expect(rig.frames(1).count <= 31)
    #expect(discarded(rig, "unknownPayloadType") > 0)
  }
}
