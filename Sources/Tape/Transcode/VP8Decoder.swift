import CVPX
import Codecs

/// Owns libvpx's VP8 decoder and the picture that it decoded last.
@safe struct VP8Decoder: ~Copyable {
  private let context: UnsafeMutablePointer<vpx_codec_ctx_t>
  /// Lies in the decoder's own buffers; valid until the next frame is decoded.
  private var image: UnsafeMutablePointer<vpx_image_t>?

  /// Throws `cannotOpen`.
  init() throws(TranscodeError) {
    let context = UnsafeMutablePointer<vpx_codec_ctx_t>.allocate(capacity: 1)
    unsafe context.initialize(to: vpx_codec_ctx_t())
    // One thread: the machine is shared by many decoders, and the output must not depend on scheduling.
    var configuration = vpx_codec_dec_cfg_t(threads: 1, w: 0, h: 0)
    let code = unsafe cvpx_vp8_decoder_init(context, &configuration)
    guard code == VPX_CODEC_OK else {
      unsafe context.deallocate()
      throw .cannotOpen(.vp8Decoder, code: Int32(code.rawValue))
    }
    unsafe self.context = context
    unsafe image = nil
  }

  /// Decodes one frame. Answers the size of its picture, or nil for a frame that is not shown. After `undecodable` there is no picture to
  /// copy until a frame decodes.
  mutating func decode(_ frame: [UInt8]) throws(TranscodeError) -> PictureSize? {
    unsafe image = nil
    // An empty frame would tell libvpx that one was lost, and make it invent a picture.
    guard !frame.isEmpty else { throw .undecodable(.vp8Decoder, code: 0) }
    let code = unsafe frame.withUnsafeBufferPointer { bytes in
      unsafe vpx_codec_decode(context, bytes.baseAddress, UInt32(clamping: bytes.count), nil, 0)
    }
    guard code == VPX_CODEC_OK else { throw .undecodable(.vp8Decoder, code: Int32(code.rawValue)) }
    var iterator: vpx_codec_iter_t?
    guard let shown = unsafe vpx_codec_get_frame(context, &iterator) else { return nil }
    guard unsafe shown.pointee.fmt == VPX_IMG_FMT_I420 else { throw .undecodable(.vp8Decoder, code: 0) }
    unsafe image = shown
    return unsafe PictureSize(width: Int(shown.pointee.d_w), height: Int(shown.pointee.d_h))
  }

  /// Copies the top left of the last decoded picture, as much as `picture` has room for; answers false if there is no picture or it is
  /// smaller than that.
  func copyPicture(into picture: inout Picture) -> Bool {
    guard let image = unsafe image else { return false }
    guard unsafe Int(image.pointee.d_w) >= picture.size.width, unsafe Int(image.pointee.d_h) >= picture.size.height else { return false }
    let sources = unsafe [image.pointee.planes.0, image.pointee.planes.1, image.pointee.planes.2]
    let strides = unsafe [image.pointee.stride.0, image.pointee.stride.1, image.pointee.stride.2]
    let planes = picture.planes
    unsafe picture.bytes.withUnsafeMutableBytes { bytes in
      for index in 0..<3 {
        guard let source = unsafe sources[index], let target = bytes.baseAddress else { continue }
        let plane = planes[index]
        for row in 0..<plane.height {
          unsafe (target + plane.offset + row * plane.stride)
            .copyMemory(from: source + row * Int(strides[index]), byteCount: plane.width)
        }
      }
    }
    return true
  }

  deinit {
    unsafe vpx_codec_destroy(context)
    unsafe context.deallocate()
  }
}
