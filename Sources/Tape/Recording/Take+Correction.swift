import Correction
import Ground
import Jitter
import RTP
import Track

/// What forward error correction gives back.
extension Take {
  /// How long a missing packet is not asked for where the sender's correction may bring it: that follows the picture it protects.
  static let correctionGrace = TimeSpan.milliseconds(10)

  /// Begins to rebuild a track's packets where its sender makes forward error correction, and ends it where it makes none.
  func expectCorrection(_ number: Int) {
    if tracks[number].specification.correction == .flexfec {
      sources[tracks[number].source].legs[tracks[number].leg].hasCorrectionStreams = true
    }
    guard let scheme = tracks[number].specification.correction else {
      tracks[number].corrector = nil
      return
    }
    guard tracks[number].corrector?.scheme != scheme else { return }
    var corrector = ForwardErrorCorrector(scheme)
    corrector.extensions = tracks[number].receiver.extensions
    tracks[number].corrector = corrector
  }

  /// Takes in a packet of correction that comes as a stream of its own (flexfec-03); false where it is none.
  func takesCorrection(
    _ packet: RTPPacket, _ datagram: Span<UInt8>, _ source: TakeSource, _ leg: SourceLeg, at arrival: Instant
  ) -> Bool {
    // Asked of the leg first: looking at each track costs, and comes with every packet.
    guard leg.hasCorrectionStreams, leg.tracks.contains(where: { tracks[$0].specification.isCorrected(by: packet) }) else { return false }
    noteTransportNumber(packet, datagram, leg, at: arrival)
    source.count(.forwardErrorCorrection)
    guard !packet.isPaddingOnly,
      let read = try? RTPCorrection(parsing: packet.payloadStart..<packet.payloadEnd, of: datagram, as: .flexfec),
      let number = leg.tracks.first(where: { tracks[$0].specification.isCorrected(by: packet) && tracks[$0].receiver.ssrc == read.ssrc })
    else { return true }
    try? tracks[number].corrector?.receive(correction: packet, datagram)
    rebuild(number, at: arrival)
    if tracks[number].settlingSince != nil { noteSettling(number, at: arrival) }
    return true
  }

  /// Takes in what can be rebuilt of a track's lost packets.
  func rebuild(_ number: Int, at arrival: Instant) {
    guard let ssrc = tracks[number].receiver.ssrc else { return }
    var storage: [UInt8] = []
    swap(&storage, &rebuilt)
    defer { swap(&storage, &rebuilt) }
    storage.removeAll(keepingCapacity: true)
    var hasRebuilt = false
    while tracks[number].corrector?.popRebuilt(of: ssrc, into: &storage) ?? false {
      if admitRebuilt(storage.span, number, at: arrival) { hasRebuilt = true }
      storage.removeAll(keepingCapacity: true)
    }
    tracks[number].followCorrection()
    if hasRebuilt { collect(number, at: arrival) }
  }

  private func admitRebuilt(_ datagram: Span<UInt8>, _ number: Int, at arrival: Instant) -> Bool {
    guard let packet = try? RTPPacket(parsing: datagram), tracks[number].specification.carries(packet.payloadType),
      receiveRepaired(packet, datagram, number, from: .correction, at: arrival)
    else { return false }
    tracks[number].nack?.withdraw(packet.sequenceNumber)
    return true
  }
}

extension TakeTrack {
  /// What correction may bring back is asked for a little later.
  mutating func followCorrection() {
    nack?.grace = corrector?.isProven ?? false ? Take.correctionGrace : .zero
  }

  /// Shows the corrector a packet of the track's numbers; answers whether lost ones may be known now. Correction that cannot be read is
  /// counted as what it is, in its turn.
  mutating func follow(_ packet: RTPPacket, _ datagram: Span<UInt8>) -> Bool {
    if packet.payloadType == receiver.correctionType {
      if !packet.isPaddingOnly { try? corrector?.receive(correction: packet, datagram) }
    } else {
      corrector?.receive(packet, datagram)
    }
    return corrector?.mayRebuild ?? false
  }
}
