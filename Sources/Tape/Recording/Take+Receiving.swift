import Codecs
package import Ground
import Jitter
package import Peer
import RTCP
import RTP
import Timeline
import Track

extension Take {
  /// Takes in one datagram that reached a leg's socket. It is decrypted in place. Answers whether a WebRTC peer has proved itself by it:
  /// by a check or an answer that authenticates, or by media that does.
  @discardableResult package func receive(
    _ datagram: inout MutableSpan<UInt8>, from address: SocketAddress, to local: SocketAddress = SocketAddress(ipv4: 0, port: 0),
    source sourceNumber: Int, leg legNumber: Int, port: PeerPort, at arrival: Instant
  ) -> Bool {
    let source = sources[sourceNumber]
    guard !hasStopped, !source.isRemoved else { return false }
    source.datagramsReceived += 1
    return read(&datagram, from: address, to: local, source: sourceNumber, leg: legNumber, port: port, at: arrival)
  }

  private func read(
    _ datagram: inout MutableSpan<UInt8>, from address: SocketAddress, to local: SocketAddress, source sourceNumber: Int,
    leg legNumber: Int, port: PeerPort, at arrival: Instant
  ) -> Bool {
    let source = sources[sourceNumber]
    let leg = source.legs[legNumber]
    switch leg.receive(&datagram, from: address, to: local, on: port, at: arrival) {
    case .discarded(let cause):
      source.count(SourceDiscard(cause))
      return false
    case .transport:
      source.transportDatagrams += 1
      if let peer = leg.webrtc { follow(peer, sourceNumber, legNumber, at: arrival) }
      // DTLS proves itself to DTLS alone.
      return datagram[0] < 4
    case .early: return false
    case .rtcp(let count): receiveRTCP(datagram.span.extracting(0..<count), source, leg, at: arrival)
    case .rtp(let packet, let count):
      receiveRTP(packet, datagram.span.extracting(0..<count), from: address, source, leg, at: arrival)
    }
    return leg.webrtc != nil
  }

  /// Takes in what came before a peer's keys, as of when it came, once it can be read; counts it where it never can.
  func readEarly(_ peer: WebRTCPeer, _ source: Int, _ leg: Int) {
    for item in peer.takeEarly() {
      guard peer.hasKeys, sources[source].legs[leg].webrtc === peer else {
        sources[source].count(.beforeKeys)
        continue
      }
      var bytes = item.bytes
      var span = bytes.mutableSpan
      _ = read(&span, from: item.remote, to: item.local, source: source, leg: leg, port: .rtp, at: item.arrival)
    }
  }

  /// A datagram was longer than any buffer for one.
  package func receiveOversized(source: Int) {
    sources[source].datagramsReceived += 1
    sources[source].count(.oversized)
  }

  private func receiveRTP(
    _ packet: RTPPacket, _ datagram: Span<UInt8>, from address: SocketAddress, _ source: TakeSource, _ leg: SourceLeg,
    at arrival: Instant
  ) {
    guard let number = track(for: packet, datagram, source, leg, at: arrival) else { return }
    leg.latch(address, at: arrival)
    if !source.isConnected { source.isConnected = true }
    deliver(packet, datagram, to: number, at: arrival)
  }

  private func deliver(_ packet: RTPPacket, _ datagram: Span<UInt8>, to number: Int, at arrival: Instant) {
    if tracks[number].isWrapped(packet) {
      deliverWrapped(packet, datagram, to: number, at: arrival)
    } else {
      deliverBare(packet, datagram, to: number, at: arrival)
    }
  }

  /// A packet whose payload is the track's own.
  func deliverBare(_ packet: RTPPacket, _ datagram: Span<UInt8>, to number: Int, at arrival: Instant) {
    lastPacketAt = arrival
    let participant = tracks[number].participant
    if tracks[number].isStalled {
      tracks[number].isStalled = false
      tell("track.resumed", at: arrival, trackFields(number))
    }
    let receipt = tracks[number].receive(
      packet, datagram: datagram, at: arrival, clock: &participants[participant].clock, pool: pool)
    if receipt.begins { start(number, at: arrival) }
    if receipt.hasOutput { collect(number, at: arrival) }
    if receipt.mayRebuild { rebuild(number, at: arrival) }
    if receipt.isSettling { noteSettling(number, at: arrival) }
  }

  /// Keeps the books of whose clock is being learnt: the file's order, the timeline's zero and the live presentation wait for them.
  func noteSettling(_ number: Int, at now: Instant) {
    let participant = tracks[number].participant
    let clock = tracks[number].receiver.clockIndex
    if !tracks[number].isLearning() {
      guard participants[participant].isBeingLearnt(clock), !tracks[number].hasEnded else { return }
      tracks[number].settlingSince = now
      participants[participant].interleaver.expect(lane: tracks[number].lane, true)
    } else {
      let isOver = participants[participant].isSettled(clock) && tracks[number].receiver.packetsWaiting == 0
      guard isOver || tracks[number].hasEnded else { return }
      tracks[number].settlingSince = nil
      participants[participant].interleaver.expect(lane: tracks[number].lane, false)
    }
  }

  /// The first payload of a track.
  private func start(_ number: Int, at now: Instant) {
    let participant = tracks[number].participant
    tracks[number].hasStarted = true
    tracks[number].firstPacketAt = now
    if !participants[participant].hasJoined || participants[participant].leftAt != nil {
      if !participants[participant].hasJoined { participants[participant].joinedAt = now }
      participants[participant].hasJoined = true
      participants[participant].leftAt = nil
      tell("participant.joined", at: now, [EventField("participant", participants[participant].id)])
    }
    var fields = trackFields(number)
    if let former = continueFormer(number, at: now) { fields.append(EventField("continues", tracks[former].id)) }
    fields.append(EventField("codec", tracks[number].specification.codec.rawValue))
    if let ssrc = tracks[number].receiver.ssrc { fields.append(EventField("ssrc", Int64(ssrc.value))) }
    tell("track.started", at: now, fields)
    askForPart(number, at: now)
    if tracks[number].specification.kind == .video {
      // Nobody asks the publisher for us: without this there may never be a picture.
      if !tracks[number].receiver.hasKeyFrame { tracks[number].receiver.needKeyFrame(at: now) }
      requestKeyFrames(at: now)
    }
  }

  /// Which track a packet belongs to: by SSRC, else by payload type where the track has no SSRC yet. Counts what belongs to none.
  private func track(
    for packet: RTPPacket, _ datagram: Span<UInt8>, _ source: TakeSource, _ leg: SourceLeg, at arrival: Instant
  ) -> Int? {
    guard !takesCorrection(packet, datagram, source, leg, at: arrival) else { return nil }
    if leg.webrtc != nil { return sessionTrack(for: packet, datagram, source, leg, at: arrival) }
    for number in leg.tracks {
      switch tracks[number].claim(packet) {
      case .none: continue
      case .own:
        // What was sent before the change to another codec, and comes after its first packets, does not speak against it.
        if !(tracks[number].candidate?.isAfter(packet) ?? false) { dropCandidate(number) }
        return number
      case .change(let next): return considerNewCodec(next, packet, datagram, track: number, source, at: arrival)
      case .repetition: repair(packet, datagram, number, source, at: arrival)
      case .unknownPayloadType: source.count(.unknownPayloadType)
      }
      return nil
    }
    if let repaired = repairedTrack(packet, leg) {
      repair(packet, datagram, repaired, source, at: arrival)
      return nil
    }
    var taken: Int?
    for number in leg.tracks where tracks[number].specification.carries(packet.payloadType) && !tracks[number].hasEnded {
      if tracks[number].receiver.ssrc == nil {
        tracks[number].receiver.latch(packet.ssrc)
        return number
      }
      if !tracks[number].declaredSSRC, taken == nil { taken = number }
    }
    if taken == nil, let (number, next) = unusedTrack(packet.payloadType, leg) {
      tracks[number].receiver.latch(packet.ssrc)
      return considerNewCodec(next, packet, datagram, track: number, source, at: arrival)
    }
    guard let taken else {
      let isKnownType = leg.tracks.contains { tracks[$0].specification.carries(packet.payloadType) }
      source.count(isKnownType ? .unknownSSRC : .unknownPayloadType)
      return nil
    }
    return considerNewSSRC(packet, datagram, track: taken, at: arrival)
  }

  /// The track whose packets a retransmission repeats (RFC 4588); nil where the packet is none.
  private func repairedTrack(_ packet: RTPPacket, _ leg: SourceLeg) -> Int? {
    let number = leg.tracks.first { number in
      guard !tracks[number].hasEnded, let rtx = tracks[number].specification.rtx else { return false }
      return rtx.ssrc.map { $0 == packet.ssrc } ?? tracks[number].specification.repairs(packet.payloadType)
    }
    return number ?? leg.tracks.first { !tracks[$0].hasEnded && tracks[$0].specification.repairs(packet.payloadType) }
  }

  /// A publisher that left and came back has another SSRC. It is believed once three packets of it came and none of the old one in
  /// between; those packets are kept and delivered then.
  func considerNewSSRC(_ packet: RTPPacket, _ datagram: Span<UInt8>, track: Int, at arrival: Instant) -> Int? {
    if tracks[track].candidate?.ssrc != packet.ssrc {
      dropCandidate(track)
      tracks[track].candidate = SSRCCandidate(ssrc: packet.ssrc)
    }
    guard (tracks[track].candidate?.packets.count ?? 0) + 1 >= SSRCCandidate.needed else {
      var copy: [UInt8] = []
      copy.append(copying: datagram, 0..<datagram.count)
      tracks[track].candidate?.packets.append((copy, arrival))
      return nil
    }
    let kept = tracks[track].candidate?.packets ?? []
    tracks[track].candidate = nil
    let participant = tracks[track].participant
    tracks[track].forgetNumbers()
    tracks[track].receiver.changeSSRC(to: packet.ssrc, at: arrival, clock: &participants[participant].clock, pool: pool)
    collect(track, at: arrival)
    deliver(kept, to: track)
    return track
  }

  /// What was kept until it was known whose it is.
  func deliver(_ kept: [(datagram: [UInt8], arrival: Instant)], to track: Int) {
    for item in kept {
      let bytes = item.datagram.span
      if let earlier = try? RTPPacket(parsing: bytes) { deliver(earlier, bytes, to: track, at: item.arrival) }
    }
  }

  /// The track's own SSRC still sends, or ends: what another one sent in its place is no part of it.
  func dropCandidate(_ number: Int) {
    guard tracks[number].candidate != nil, let candidate = tracks[number].candidate.take() else { return }
    for item in candidate.packets { tracks[number].receiver.refuse(.foreignSSRC, bytes: item.datagram.count) }
  }

  private func receiveRTCP(_ datagram: Span<UInt8>, _ source: TakeSource, _ leg: SourceLeg, at arrival: Instant) {
    var reader = RTCPReader()
    do {
      while let packet = try reader.next(in: datagram) {
        switch packet {
        case .senderReport(let report):
          for number in leg.tracks where tracks[number].receiver.ssrc == report.ssrc && !tracks[number].leavesClock {
            let participant = tracks[number].participant
            tracks[number].receiver.receive(report, at: arrival, clock: &participants[participant].clock)
            tellCorrections(participant, at: arrival)
          }
        case .goodbye, .receiverReport, .cname, .feedback, .other: break
        }
      }
    } catch {
      source.count(.malformedRTCP)
      return
    }
    source.rtcpDatagrams += 1
  }
}
