extension EncodedFrame {
  /// What a key frame of `codec` tells of its track, for containers that hold it in a header of their own (MP4); nil where it cannot be read, and
  /// for codecs that tell nothing there.
  package func format(_ codec: Codec) -> TrackFormat? {
    let bytes = bytes.span
    var size = size
    let configuration: [UInt8]?
    switch codec {
    case .h264, .h265, .av1: configuration = codec.configuration(ofKeyFrame: bytes)
    case .vp9:
      var header = try? VP9FrameHeader(parsing: bytes, from: 0, to: bytes.count, slots: VP9Slots())
      guard header?.isKey == true else { return nil }
      // Of several layers the frame tells the largest one's size, its first header the smallest one's.
      size = size ?? header?.size
      header?.size = size
      configuration = header.flatMap { VP9Configuration($0)?.bytes }
    case .opus, .multiopus, .pcmu, .pcma, .g722, .l16, .vp8, .aac: return nil
    }
    guard let size, let configuration else { return nil }
    var format = TrackFormat(codec: codec, size: size, configuration: configuration)
    format.rotation = rotation
    return format
  }
}
