import Codecs
import Ground
import RTP
import Timeline
import Track

extension FuzzTarget {
  /// Payloads, each with its length before it, of a stream that has decoding order numbers if the first byte is odd.
  static let h265 = FuzzTarget(name: "h265", maximumBytes: 768, seeds: { $0.payloads(96, longest: 255).map { [0, UInt8($0.count)] + $0 } })
  {
    bytes in
    guard let flags = bytes.first else { return }
    let hasOrderNumbers = flags & 1 == 1
    let pool = BufferPool()
    var clock = ParticipantClock()
    let index = clock.addTrack(isAudio: false, rate: Codec.h265.clockRate)
    var receiver = TrackReceiver(codec: .h265, clockIndex: index, ssrc: SSRC(1), hasOrderNumbers: hasOrderNumbers)
    var at = 1
    var number: UInt16 = 0
    while at < bytes.count {
      let end = min(bytes.count, at + 1 + Int(bytes[at]))
      let payload = Array(bytes[at + 1..<end])
      at = end
      read(payload, hasOrderNumbers)
      // Four packets to a timestamp, the last one marked.
      number &+= 1
      let fields = RTPHeaderFields(
        payloadType: PayloadType(96), marker: number % 4 == 0, sequenceNumber: SequenceNumber(number),
        timestamp: RTPTimestamp(UInt32(number / 4) * 3000), ssrc: SSRC(1))
      let datagram = fields.packet(payload: payload)
      guard let packet = try? RTPPacket(parsing: datagram.span) else { continue }
      let now = Instant(nanoseconds: UInt64(number) * 10_000_000)
      receiver.receive(packet, datagram: datagram.span, at: now, clock: &clock, pool: pool)
    }
    receiver.finish(clock: &clock, pool: pool)
    while let output = receiver.popOutput() {
      guard case .frame(let frame) = output else { continue }
      var read = 0
      while H264AccessUnit.nextUnit(frame.bytes.span, at: &read) != nil {}
      require(read == frame.bytes.count, "lengths lead to the end")
      require(!frame.isKey || frame.size != nil, "a key frame tells its size")
    }
    require(receiver.packetsPending == 0 && receiver.keptBytes == 0, "nothing is kept at the end")
  }

  private static func read(_ bytes: [UInt8], _ hasOrderNumbers: Bool) {
    let span = bytes.span
    if let payload = try? H265Payload(parsing: span, from: 0, to: bytes.count, hasOrderNumbers: hasOrderNumbers) {
      require(payload.type < 49 && payload.body.upperBound == bytes.count && payload.head & 0x8000 == 0, "a unit, or several")
      var at = payload.body.lowerBound
      while payload.kind == .aggregate, let unit = payload.nextUnit(span, at: &at) {
        require(unit.count >= 2 && unit.upperBound == at && at <= bytes.count, "units follow each other inside")
      }
      require(payload.kind != .aggregate || at == bytes.count, "nothing is left of an aggregate")
    }
    if let set = try? H265SequenceParameterSet(parsing: span) {
      require((1...65_535).contains(set.size.width) && (1...65_535).contains(set.size.height), "a size that containers can say")
      require(set.profile.count == 12 && (8...16).contains(set.lumaBits) && (1...7).contains(set.temporalLayers), "fields in range")
    }
    if let picture = try? H265PictureParameterSet(parsing: span) {
      require((0...63).contains(picture.id) && (0...15).contains(picture.sequenceID), "ids in range")
    }
    if let record = H265AccessUnit.configuration(ofKeyFrame: span) {
      require(record.count > 23 && record[0] == 1 && record[22] == 3, "an hvcC with sets of each kind")
      require(H265AccessUnit.codecName(record)?.hasPrefix("hvc1.") == true, "a name for playlists")
    }
  }
}
