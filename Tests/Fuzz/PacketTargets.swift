import COpus
import CVPX
import Codecs
import Ground
import RTCP
import RTP

extension FuzzTarget {
  static let rtp = FuzzTarget(name: "rtp", maximumBytes: 512, seeds: { $0.rtp() }) { bytes in
    guard let packet = try? RTPPacket(parsing: bytes.span) else { return }
    require(12 <= packet.payloadStart && packet.payloadStart <= packet.payloadEnd && packet.payloadEnd <= bytes.count, "payload inside")
    require(packet.extensionStart <= packet.extensionEnd && packet.extensionEnd <= packet.payloadStart, "extensions before the payload")
    var fields = RTPHeaderFields(
      payloadType: packet.payloadType, marker: packet.marker, sequenceNumber: packet.sequenceNumber, timestamp: packet.timestamp,
      ssrc: packet.ssrc)
    for i in 0..<packet.csrcCount { fields.csrcs.append(SSRC(bytes.span.u32(at: 12 + 4 * i))) }
    fields.extensions = elements(packet, bytes)
    for (id, value) in fields.extensions {
      let found = packet.extensionValue(id: id, in: bytes.span).map { Array(bytes[$0]) }
      require(found == fields.extensions.first { $0.id == id }?.value, "an element is found by its id: \(value)")
    }
    let written = fields.packet(payload: Array(bytes[packet.payloadStart..<packet.payloadEnd]))
    guard let again = try? RTPPacket(parsing: written.span) else { fatalError("what was written is not read") }
    require(again.payloadCount == packet.payloadCount && again.csrcCount == packet.csrcCount, "written and read")
    let elements = elements(again, written)
    require(elements.map(\.id) == fields.extensions.map(\.id), "elements written and read")
    require(elements.map(\.value) == fields.extensions.map(\.value), "values written and read")
  }

  private static func elements(_ packet: RTPPacket, _ bytes: [UInt8]) -> [(id: UInt8, value: [UInt8])] {
    var out: [(id: UInt8, value: [UInt8])] = []
    var walk = RTPExtensionElements(packet)
    var end = packet.extensionStart
    while let element = walk.next(in: bytes.span) {
      require(element.id != 0, "id 0 is padding, or ends the walk (RFC 8285 §4.2)")
      require(element.value.lowerBound > end && element.value.upperBound <= packet.extensionEnd, "elements inside, in order")
      end = element.value.upperBound
      out.append((element.id, Array(bytes[element.value])))
    }
    return out
  }

  static let red = FuzzTarget(name: "red", maximumBytes: 512, seeds: { $0.payloads(63, longest: 200) }) { bytes in
    let fields = RTPHeaderFields(
      payloadType: PayloadType(63), sequenceNumber: SequenceNumber(1), timestamp: RTPTimestamp(5), ssrc: SSRC(1))
    let datagram = fields.packet(payload: bytes)
    guard let packet = try? RTPPacket(parsing: datagram.span), let blocks = try? RTPRedundancy(parsing: packet, in: datagram.span) else {
      return
    }
    var end = packet.payloadStart + blocks.redundantCount * 4 + 1
    for index in 0..<blocks.redundantCount {
      let block = blocks.block(index, in: datagram.span)
      require(block.range.lowerBound == end && block.age < 1 << 14 && block.range.count < 1 << 10, "blocks lie behind each other")
      end = block.range.upperBound
      var written: [UInt8] = []
      blocks.writePacket(repeatedBy: block, of: packet, in: datagram.span, number: SequenceNumber(0), into: &written)
      guard let again = try? RTPPacket(parsing: written.span) else { fatalError("what was written is not read") }
      require(again.payloadCount == block.range.count && again.payloadType == block.payloadType, "a block is a packet's payload")
    }
    require(blocks.primary == end..<packet.payloadEnd, "the rest is the primary block")
    var written: [UInt8] = []
    blocks.writePrimary(of: packet, in: datagram.span, into: &written)
    guard let bare = try? RTPPacket(parsing: written.span) else { fatalError("what was written is not read") }
    require(bare.payloadCount == blocks.primary.count && bare.sequenceNumber == packet.sequenceNumber, "the primary block alone")
  }

  static let rtcp = FuzzTarget(name: "rtcp", maximumBytes: 1024, seeds: { $0.rtcp() }) { bytes in
    var reader = RTCPReader()
    var told = 0
    do throws(WireError) {
      while let packet = try reader.next(in: bytes.span) {
        told += 1
        require(told <= bytes.count / 4, "no more packets than words")
        switch packet {
        case .senderReport(let report):
          var writer = RTCPWriter()
          writer.senderReport(report)
          var again = RTCPReader()
          require((try? again.next(in: writer.bytes.span)) == .senderReport(report), "a report written and read")
          let time = NTPTimestamp(nanoseconds: report.ntp.nanoseconds).nanoseconds
          require(abs(time - report.ntp.nanoseconds) <= 1, "NTP time to the nanosecond")
        case .cname(_, let range): require(range.lowerBound >= 10 && range.upperBound <= bytes.count, "a name inside")
        case .receiverReport, .goodbye, .feedback, .other: break
        }
      }
    } catch {}
  }

  static let vp8 = FuzzTarget(name: "vp8", maximumBytes: 256, seeds: { $0.payloads(96, longest: 40).map { [0, 0] + $0 } }) { bytes in
    guard bytes.count >= 2 else { return }
    let start = 2 + Int(bytes[0]) % 8
    let end = bytes.count - Int(bytes[1]) % 8
    guard let descriptor = try? VP8PayloadDescriptor(parsing: bytes.span, from: start, to: end) else { return }
    require((1...6).contains(descriptor.count) && start + descriptor.count < end, "a descriptor leaves a byte of the frame")
    require((descriptor.pictureID ?? 0) <= (descriptor.isExtendedPictureID ? 0x7fff : 0x7f), "picture id of 7 or 15 bits")
    require(descriptor.partitionIndex < 8 && (descriptor.temporalLayer ?? 0) < 4 && (descriptor.keyIndex ?? 0) < 32, "fields in range")
    let frame = Array(bytes[start + descriptor.count..<end])
    let header = try? VP8FrameHeader(parsing: frame.span)
    if let header {
      require(header.isKey == (header.size != nil), "key frames have a size, others none")
      require(header.firstPartitionBytes < 1 << 19, "19 bits of partition size")
    }
    // libvpx must see the same size in each key frame that it takes for one.
    var info = vpx_codec_stream_info_t()
    info.sz = UInt32(MemoryLayout<vpx_codec_stream_info_t>.size)
    let status = unsafe vpx_codec_peek_stream_info(vpx_codec_vp8_dx(), frame, UInt32(frame.count), &info)
    if status == VPX_CODEC_OK, info.is_kf != 0 {
      require(header?.size == PictureSize(width: Int(info.w), height: Int(info.h)), "libvpx reads \(info.w)x\(info.h)")
    }
  }

  static let vp9 = FuzzTarget(name: "vp9", maximumBytes: 256, seeds: { $0.payloads(98, longest: 60) + $0.payloads(96, longest: 60) }) {
    bytes in
    var start = 0
    if let descriptor = try? VP9PayloadDescriptor(parsing: bytes.span, from: 0, to: bytes.count) {
      require(descriptor.count > 0 && descriptor.count < bytes.count, "a descriptor leaves a byte of the frame")
      require((descriptor.pictureID ?? 0) <= (descriptor.isExtendedPictureID ? 0x7fff : 0x7f), "picture id of 7 or 15 bits")
      require(descriptor.differences.count <= 3 && descriptor.spatialLayer < 8 && descriptor.temporalLayer < 8, "fields in range")
      for index in 0..<descriptor.differences.count { require(descriptor.differences[index] > 0, "no picture refers to itself") }
      start = descriptor.count
    }
    let frame = Array(bytes[start...])
    guard !frame.isEmpty else { return }
    var slots = VP9Slots()
    try? VP9Superframe.forEachFrame(frame.span, from: 0, to: frame.count) { (range) throws(WireError) in
      require(!range.isEmpty && range.lowerBound >= 0 && range.upperBound <= frame.count, "a frame inside")
      let header = try VP9FrameHeader(parsing: frame.span, from: range.lowerBound, to: range.upperBound, slots: slots)
      slots.receive(header)
      var hidden: [UInt8] = []
      guard VP9Superframe.appendHidden(frame.span, range, header, to: &hidden) else {
        require(hidden.isEmpty, "nothing is put out of what cannot be hidden")
        return
      }
      let again = try VP9FrameHeader(parsing: hidden.span, from: 0, to: hidden.count, slots: slots)
      require(!again.isShown && again.isKey == header.isKey && again.refreshedSlots == header.refreshedSlots, "a frame that is only hidden")
      require(hidden.count - range.count == 0 || hidden.count - range.count == 1, "a byte more at most")
    }
    // libvpx must see the same size in each key frame that it takes for one.
    guard frame.count >= 20 else { return }
    let header = try? VP9FrameHeader(parsing: frame.span, from: 0, to: frame.count, slots: VP9Slots())
    var info = vpx_codec_stream_info_t()
    info.sz = UInt32(MemoryLayout<vpx_codec_stream_info_t>.size)
    let status = unsafe vpx_codec_peek_stream_info(vpx_codec_vp9_dx(), frame, UInt32(frame.count), &info)
    if status == VPX_CODEC_OK, info.is_kf != 0, info.w <= 16_384, info.h <= 16_384, info.w > 0 {
      require(header?.size == PictureSize(width: Int(info.w), height: Int(info.h)), "libvpx reads \(info.w)x\(info.h)")
    }
  }

  static let opus = FuzzTarget(name: "opus", maximumBytes: 256, seeds: { $0.payloads(111, longest: 100) }) { bytes in
    let packet = try? OpusPacket(parsing: bytes.span)
    if let packet {
      require((1...48).contains(packet.frameCount) && (120...5760).contains(packet.samples), "at most 120 ms in 48 frames")
      require(packet.duration.nanoseconds == Int64(packet.samples) * 1_000_000_000 / 48_000, "duration of its samples")
    }
    // What libopus takes apart, ours must read alike.
    guard !bytes.isEmpty else { return }
    var sizes = [Int16](repeating: 0, count: 48)
    let frames = unsafe opus_packet_parse(bytes, Int32(bytes.count), nil, nil, &sizes, nil)
    guard frames > 0 else { return }
    require(packet?.frameCount == Int(frames), "libopus reads \(frames) frames")
    require(packet?.samples == Int(unsafe opus_packet_get_nb_samples(bytes, Int32(bytes.count), 48_000)), "libopus's samples")
  }
}
