import CLibAV
import Codecs

/// Owns libswscale's context for pictures of one size to be scaled to one other.
@safe struct Scaler: ~Copyable {
  let source: PictureSize
  let target: PictureSize
  private let context: OpaquePointer

  /// Throws `cannotOpen` where the library cannot scale between these sizes.
  init(from source: PictureSize, to target: PictureSize) throws(TranscodeError) {
    av_log_set_level(AV_LOG_QUIET)
    // Bilinear over the whole area that a target pixel covers: the usual filter for shrinking camera pictures in real time.
    let context = unsafe sws_getContext(
      Int32(source.width), Int32(source.height), AV_PIX_FMT_YUV420P, Int32(target.width), Int32(target.height), AV_PIX_FMT_YUV420P,
      Int32(SWS_BILINEAR), nil, nil, nil)
    guard let context = unsafe context else { throw .cannotOpen(.scaler, code: 0) }
    self.source = source
    self.target = target
    unsafe self.context = context
  }

  /// Scales `picture`, which has the size `source`, into `result`, which takes the size `target`.
  func scale(_ picture: Picture, into result: inout Picture) {
    precondition(picture.size == source)
    result.resize(to: target)
    let from = picture.planes
    let to = result.planes
    unsafe picture.bytes.withUnsafeBufferPointer { input in
      unsafe result.bytes.withUnsafeMutableBufferPointer { output in
        guard let input = input.baseAddress, let output = output.baseAddress else { return }
        let inputs: [UnsafePointer<UInt8>?] = unsafe [input + from[0].offset, input + from[1].offset, input + from[2].offset, nil]
        let outputs: [UnsafeMutablePointer<UInt8>?] = unsafe [output + to[0].offset, output + to[1].offset, output + to[2].offset, nil]
        let inputStrides = [Int32(from[0].stride), Int32(from[1].stride), Int32(from[2].stride), 0]
        let outputStrides = [Int32(to[0].stride), Int32(to[1].stride), Int32(to[2].stride), 0]
        _ = unsafe sws_scale(context, inputs, inputStrides, 0, Int32(source.height), outputs, outputStrides)
      }
    }
  }

  deinit { unsafe sws_freeContext(context) }
}
