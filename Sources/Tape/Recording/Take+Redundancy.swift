import Codecs
import Ground
import Jitter
import RTP
import Track

extension Take {
  /// Of the redundant blocks of a packet, so many of the newest are looked at: what is older came long ago or is lost for good.
  private static let maximumBlocks = 16

  /// Tells the track's receiver which payload types beside the codec's share its numbers, and lets forward error correction be made use of
  /// where the sender makes any.
  func expectWrapping(_ number: Int) {
    tracks[number].receiver.wrappingType = tracks[number].specification.red?.payloadType
    tracks[number].receiver.correctionType = tracks[number].specification.correctionType
    expectCorrection(number)
    guard tracks[number].specification.kind == .audio else { return }
    tracks[number].receiver.soundType = tracks[number].specification.payloadType
    tracks[number].receiver.otherSoundTypes = tracks[number].specification.otherTypes
  }

  /// Takes in a packet with redundancy (RFC 2198): first what its redundant blocks repeat of missing sound, so that nothing has to wait,
  /// then the primary block as the packet that it would be by itself. One whose blocks cannot be told apart keeps its type and its number,
  /// and is discarded when its turn comes.
  func deliverWrapped(_ packet: RTPPacket, _ datagram: Span<UInt8>, to number: Int, at arrival: Instant) {
    guard let blocks = open(packet, datagram, number) else { return deliverBare(packet, datagram, to: number, at: arrival) }
    var storage: [UInt8] = []
    swap(&storage, &unwrapped)
    defer { swap(&storage, &unwrapped) }
    if tracks[number].specification.kind == .audio, blocks.redundantCount > 0 {
      fill(from: blocks, packet, datagram, number, storage: &storage, at: arrival)
    }
    storage.removeAll(keepingCapacity: true)
    blocks.writePrimary(of: packet, in: datagram, into: &storage)
    let bytes = storage.span
    guard let bare = try? RTPPacket(parsing: bytes) else { return deliverBare(packet, datagram, to: number, at: arrival) }
    tracks[number].receiver.countWrapping(bytes: datagram.count - bytes.count)
    deliverBare(bare, bytes, to: number, at: arrival)
  }

  /// Takes in what was restored, wrapped or not; false where its place was filled or given up already.
  func receiveRepaired(
    _ packet: RTPPacket, _ datagram: Span<UInt8>, _ number: Int, from restoration: TrackReceiver.Restoration = .repetition,
    at arrival: Instant
  ) -> Bool {
    let participant = tracks[number].participant
    if packet.payloadType == tracks[number].specification.red?.payloadType, let blocks = open(packet, datagram, number) {
      var storage: [UInt8] = []
      swap(&storage, &unwrapped)
      defer { swap(&storage, &unwrapped) }
      storage.removeAll(keepingCapacity: true)
      blocks.writePrimary(of: packet, in: datagram, into: &storage)
      let bytes = storage.span
      if let bare = try? RTPPacket(parsing: bytes) {
        return tracks[number].receiver.receiveRestored(
          bare, datagram: bytes, from: restoration, at: arrival, clock: &participants[participant].clock, pool: pool)
      }
    }
    return tracks[number].receiver.receiveRestored(
      packet, datagram: datagram, from: restoration, at: arrival, clock: &participants[participant].clock, pool: pool)
  }

  /// The blocks of a wrapped packet; nil where they are broken, or the primary one is not the track's.
  private func open(_ packet: RTPPacket, _ datagram: Span<UInt8>, _ number: Int) -> RTPRedundancy? {
    guard let blocks = try? RTPRedundancy(parsing: packet, in: datagram) else { return nil }
    let isOwn = blocks.payloadType == tracks[number].specification.payloadType
    return isOwn || blocks.payloadType == tracks[number].specification.correctionType ? blocks : nil
  }

  /// Gives missing packets of sound back from the redundancy of one after them, newest first: each of them ends the search for the next.
  private func fill(
    from blocks: RTPRedundancy, _ packet: RTPPacket, _ datagram: Span<UInt8>, _ number: Int, storage: inout [UInt8], at arrival: Instant
  ) {
    let participant = tracks[number].participant
    var cursor = packet.sequenceNumber
    for index in stride(from: blocks.redundantCount - 1, through: max(0, blocks.redundantCount - Take.maximumBlocks), by: -1) {
      let block = blocks.block(index, in: datagram)
      guard block.age > 0, !block.range.isEmpty, block.payloadType == tracks[number].specification.payloadType else { continue }
      let timestamp = RTPTimestamp(packet.timestamp.value &- block.age)
      guard let missing = tracks[number].receiver.missingNumber(of: timestamp, before: &cursor) else { continue }
      storage.removeAll(keepingCapacity: true)
      blocks.writePacket(repeatedBy: block, of: packet, in: datagram, number: missing, into: &storage)
      let bytes = storage.span
      guard let original = try? RTPPacket(parsing: bytes),
        tracks[number].receiver.receiveRestored(
          original, datagram: bytes, from: .redundancy, at: arrival, clock: &participants[participant].clock, pool: pool)
      else { continue }
      tracks[number].nack?.withdraw(missing)
    }
  }
}
