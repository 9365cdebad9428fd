package import Ground

/// The VP8 payload descriptor (RFC 7741 §4.2).
///
///         0 1 2 3 4 5 6 7
///        |X|R|N|S|R| PID | (required)
///     X: |I|L|T|K| RSV   | (optional)
///     I: |M| PictureID   | (optional)
///        |   PictureID   | (with M)
///     L: |   TL0PICIDX   | (optional)
///     T/K:|TID|Y| KEYIDX | (optional)
package struct VP8PayloadDescriptor: Sendable, Equatable {
  /// N: no later frame refers to this one.
  package var isNonReference: Bool
  /// S: the payload begins a partition.
  package var startsPartition: Bool
  /// PID: which of the frame's partitions the payload lies in.
  package var partitionIndex: UInt8
  /// 7 or 15 bits.
  package var pictureID: UInt16?
  /// Whether the picture id has 15 bits.
  package var isExtendedPictureID: Bool
  /// A running number of the base layer's frames: that of the last one up to this.
  package var tl0PictureIndex: UInt8?
  /// TID: 0 is the base layer.
  package var temporalLayer: UInt8?
  /// Y: the frame depends only on the base layer.
  package var isLayerSync: Bool
  /// KEYIDX, which nothing here needs.
  package var keyIndex: UInt8?
  /// How many bytes the descriptor takes: the frame's bytes follow.
  package var count: Int

  /// S with partition 0: the first packet of a frame.
  package var startsFrame: Bool { startsPartition && partitionIndex == 0 }

  /// Reads the descriptor at the beginning of `payload[start..<end]`. Throws `truncated`, and `badLength` where no byte of the frame
  /// follows.
  package init(parsing payload: Span<UInt8>, from start: Int, to end: Int) throws(WireError) {
    guard start < end, end <= payload.count else { throw .truncated(needed: 1, have: 0) }
    var at = start
    let first = payload[at]
    at += 1
    isNonReference = first & 0x20 != 0
    startsPartition = first & 0x10 != 0
    partitionIndex = first & 0x07
    pictureID = nil
    isExtendedPictureID = false
    tl0PictureIndex = nil
    temporalLayer = nil
    isLayerSync = false
    keyIndex = nil
    if first & 0x80 != 0 {
      guard at < end else { throw .truncated(needed: at + 1 - start, have: end - start) }
      let flags = payload[at]
      at += 1
      if flags & 0x80 != 0 {
        guard at < end else { throw .truncated(needed: at + 1 - start, have: end - start) }
        if payload[at] & 0x80 != 0 {
          guard at + 1 < end else { throw .truncated(needed: at + 2 - start, have: end - start) }
          pictureID = payload.u16(at: at) & 0x7fff
          isExtendedPictureID = true
          at += 2
        } else {
          pictureID = UInt16(payload[at])
          at += 1
        }
      }
      if flags & 0x40 != 0 {
        guard at < end else { throw .truncated(needed: at + 1 - start, have: end - start) }
        tl0PictureIndex = payload[at]
        at += 1
      }
      if flags & 0x30 != 0 {
        guard at < end else { throw .truncated(needed: at + 1 - start, have: end - start) }
        let byte = payload[at]
        at += 1
        if flags & 0x20 != 0 {
          temporalLayer = byte >> 6
          isLayerSync = byte & 0x20 != 0
        }
        if flags & 0x10 != 0 { keyIndex = byte & 0x1f }
      }
    }
    // A descriptor without a byte of the frame behind it is no payload (RFC 7741 §4.1).
    guard at < end else { throw .badLength }
    count = at - start
  }
}

/// The head of a VP8 frame (RFC 6386 §9.1).
package struct VP8FrameHeader: Sendable, Equatable {
  /// Whether decoding can start here.
  package var isKey: Bool
  /// show_frame: an alternate reference frame is decoded and not shown.
  package var isShown: Bool
  /// Bytes of the first partition.
  package var firstPartitionBytes: Int
  /// How many bytes of the frame lie before the first partition: 3, or 10 in a key frame. A whole frame has at least so many and those of
  /// the first partition.
  package var headBytes: Int { isKey ? 10 : 3 }
  /// Declared by key frames only.
  package var size: PictureSize?

  /// Reads 3 bytes, or 10 of a key frame. Throws on too few, and on a key frame without its start code or of no size.
  package init(parsing frame: Span<UInt8>) throws(WireError) {
    guard frame.count >= 3 else { throw .truncated(needed: 3, have: frame.count) }
    let tag = UInt32(frame[0]) | UInt32(frame[1]) << 8 | UInt32(frame[2]) << 16
    isKey = tag & 1 == 0
    isShown = tag & 0x10 != 0
    firstPartitionBytes = Int(tag >> 5)
    size = nil
    guard isKey else { return }
    guard frame.count >= 10 else { throw .truncated(needed: 10, have: frame.count) }
    guard frame[3] == 0x9d, frame[4] == 0x01, frame[5] == 0x2a else { throw .badValue }
    // 14 bits of size, 2 of upscaling that no browser sends and no player honours.
    let width = Int(frame[6]) | Int(frame[7] & 0x3f) << 8
    let height = Int(frame[8]) | Int(frame[9] & 0x3f) << 8
    guard width > 0, height > 0 else { throw .badValue }
    size = PictureSize(width: width, height: height)
  }
}
