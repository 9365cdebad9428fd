import Codecs

/// One uncompressed picture: 8-bit Y'CbCr 4:2:0, BT.601 of limited range, as VP8 and the browsers that send it mean it.
struct Picture: Sendable {
  /// Where a plane lies in `bytes`.
  struct Plane: Sendable, Hashable {
    var offset: Int
    var width: Int
    var height: Int
    var stride: Int
  }
  private(set) var size: PictureSize
  /// Luma, then the two of chroma, which have half the rows and columns, rounded up.
  private(set) var planes: [3 of Plane]
  var bytes: [UInt8]

  /// A black picture.
  init(black size: PictureSize) {
    self.size = size
    planes = Picture.layout(size)
    bytes = [UInt8](repeating: 16, count: planes[1].offset)
    bytes.append(contentsOf: repeatElement(128, count: planes[2].offset + planes[2].stride * planes[2].height - bytes.count))
  }

  /// Makes this a picture of another size; what it shows is then undefined until it is written.
  mutating func resize(to size: PictureSize) {
    guard size != self.size else { return }
    self = Picture(black: size)
  }

  private static func layout(_ size: PictureSize) -> [3 of Plane] {
    // Rows begin at multiples of 32 bytes: the scaler's vector code wants it.
    func stride(_ width: Int) -> Int { (width + 31) & ~31 }
    let luma = Plane(offset: 0, width: size.width, height: size.height, stride: stride(size.width))
    let width = (size.width + 1) / 2
    let height = (size.height + 1) / 2
    let first = Plane(offset: luma.stride * luma.height, width: width, height: height, stride: stride(width))
    let second = Plane(offset: first.offset + first.stride * height, width: width, height: height, stride: first.stride)
    return [luma, first, second]
  }
}
