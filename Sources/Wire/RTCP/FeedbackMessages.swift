package import Ground

extension RTCPWriter {
  /// Asks for the packets of `media` that are missing (RFC 4585 §6.2.1). `lost` rises, wrapping; at most `nackEntries` pairs of a number
  /// and a mask are written, and how many numbers they hold is answered.
  ///
  ///     |              PID              |              BLP              |
  package mutating func negativeAcknowledgement(from ssrc: SSRC, media: SSRC, lost: [SequenceNumber]) -> Int {
    var entries: [(first: SequenceNumber, mask: UInt16)] = []
    var taken = 0
    for number in lost {
      if let last = entries.last {
        let distance = number.distance(after: last.first)
        if (1...16).contains(distance) {
          entries[entries.count - 1].mask |= 1 << UInt16(distance - 1)
          taken += 1
          continue
        }
      }
      guard entries.count < RTCPWriter.nackEntries else { break }
      entries.append((number, 0))
      taken += 1
    }
    guard !entries.isEmpty else { return 0 }
    feedbackHead(packetType: 205, format: 1, words: 2 + entries.count, from: ssrc, media: media)
    for entry in entries { append(word: UInt32(entry.first.value) << 16 | UInt32(entry.mask)) }
    return taken
  }

  /// The most entries of one negative acknowledgement: more would not fit a datagram.
  package static var nackEntries: Int { 250 }

  /// Commands a key frame of `media` (RFC 5104 §4.3.1). `command` is another number for each new command, and the same for a repeated one.
  package mutating func fullIntraRequest(from ssrc: SSRC, media: SSRC, command: UInt8) {
    feedbackHead(packetType: 206, format: 4, words: 4, from: ssrc, media: SSRC(0))
    append(word: media.value)
    append(word: UInt32(command) << 24)
  }

  /// Tells how many bits a second may be sent of `streams` together (draft-alvestrand-rmcat-remb-03 §2.2). At most 64 streams are named.
  ///
  ///     |  Unique identifier 'R' 'E' 'M' 'B'                            |
  ///     |  Num SSRC     | BR Exp    |  BR Mantissa                      |
  package mutating func receiverEstimatedMaximumBitrate(from ssrc: SSRC, bitsPerSecond: UInt64, streams: [SSRC]) {
    let named = streams.prefix(64)
    var exponent: UInt32 = 0
    var mantissa = bitsPerSecond
    while mantissa > 0x3_ffff {
      mantissa >>= 1
      exponent += 1
    }
    feedbackHead(packetType: 206, format: 15, words: 4 + named.count, from: ssrc, media: SSRC(0))
    append(word: 0x5245_4d42)
    append(word: UInt32(named.count) << 24 | exponent << 18 | UInt32(mantissa))
    for stream in named { append(word: stream.value) }
  }

  /// Tells when the packets of a transport came (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1). `arrivals`: in quarters of a
  /// millisecond of any clock that stays the same, from the packet numbered `base` on, nil for one that did not come; the last one came.
  /// Answers of how many packets it tells: fewer where an arrival lies more than 8 s from the one before it, or where a datagram is full.
  ///
  ///     |      base sequence number     |      packet status count      |
  ///     |                 reference time                | fb pkt. count |
  ///     |          packet chunk         |         packet chunk          |
  ///     |         packet chunk          |  recv delta   |  recv delta   |
  package mutating func transportFeedback(
    from ssrc: SSRC, media: SSRC, base: UInt16, arrivals: ArraySlice<Int64?>, count: UInt8
  ) -> Int {
    guard let first = arrivals.first(where: { $0 != nil }) ?? nil else { return 0 }
    let reference = first >> 8
    var symbols: [UInt8] = []
    var deltas: [UInt8] = []
    var last = reference << 8
    for arrival in arrivals {
      guard symbols.count < RTCPWriter.feedbackPackets else { break }
      guard let arrival else {
        symbols.append(0)
        continue
      }
      let delta = arrival - last
      if (0...255).contains(delta) {
        symbols.append(1)
        deltas.append(UInt8(delta))
      } else {
        guard let large = Int16(exactly: delta) else { break }
        symbols.append(2)
        deltas.appendU16(UInt16(bitPattern: large))
      }
      last = arrival
    }
    var content = RTCPWriter.chunks(symbols[...])
    content.append(contentsOf: deltas)
    let padding = (4 - content.count % 4) % 4
    feedbackHead(packetType: 205, format: 15, words: 4 + (content.count + padding) / 4, from: ssrc, media: media, isPadded: padding > 0)
    append(word: UInt32(base) << 16 | UInt32(symbols.count))
    append(word: UInt32(truncatingIfNeeded: reference) << 8 | UInt32(count))
    append(contentsOf: content)
    if padding > 0 {
      append(contentsOf: [UInt8](repeating: 0, count: padding - 1))
      append(contentsOf: [UInt8(padding)])
    }
    return symbols.count
  }

  /// The most packets of which one transport feedback tells.
  package static var feedbackPackets: Int { 400 }

  /// Status chunks (§3.1.3, §3.1.4): runs where many alike follow each other, else vectors of one or two bits a packet.
  private static func chunks(_ symbols: ArraySlice<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    var left = symbols
    while let symbol = left.first {
      let run = left.prefix { $0 == symbol }.count
      let vector = left.prefix(14)
      if run >= 14 || run == left.count {
        let taken = min(run, 0x1fff)
        out.appendU16(UInt16(symbol) << 13 | UInt16(taken))
        left = left.dropFirst(taken)
      } else if vector.allSatisfy({ $0 < 2 }) {
        var chunk: UInt16 = 0x8000
        for (index, value) in vector.enumerated() { chunk |= UInt16(value) << UInt16(13 - index) }
        out.appendU16(chunk)
        left = left.dropFirst(14)
      } else {
        var chunk: UInt16 = 0xc000
        for (index, value) in left.prefix(7).enumerated() { chunk |= UInt16(value) << UInt16(12 - 2 * index) }
        out.appendU16(chunk)
        left = left.dropFirst(7)
      }
    }
    return out
  }

  private mutating func feedbackHead(
    packetType: UInt8, format: UInt8, words: Int, from ssrc: SSRC, media: SSRC, isPadded: Bool = false
  ) {
    append(contentsOf: [0x80 | (isPadded ? 0x20 : 0) | format, packetType])
    append(half: UInt16(words))
    append(word: ssrc.value)
    append(word: media.value)
  }
}
