import Codecs

extension Picture {
  /// Makes this the upright picture of one that has to be turned clockwise by `rotation`.
  mutating func turn(_ source: Picture, by rotation: PictureRotation) {
    resize(to: rotation.upright(source.size))
    for index in 0..<3 { turn(source, by: rotation, from: source.planes[index], to: planes[index]) }
  }

  private mutating func turn(_ source: Picture, by rotation: PictureRotation, from: Plane, to: Plane) {
    // Where the pixel comes from that is shown at column 0 of row 0, and how that place moves with each column and each row.
    let last = from.offset + (from.height - 1) * from.stride
    let (start, perColumn, perRow) =
      switch rotation {
      case .none: (from.offset, 1, from.stride)
      case .quarter: (last, -from.stride, 1)
      case .half: (last + from.width - 1, -1, -from.stride)
      case .threeQuarters: (from.offset + from.width - 1, from.stride, -1)
      }
    let input = source.bytes.span
    var output = bytes.mutableSpan
    for row in 0..<to.height {
      var at = start + row * perRow
      let line = to.offset + row * to.stride
      for column in 0..<to.width {
        output[line + column] = input[at]
        at += perColumn
      }
    }
  }

  /// Puts a picture into the middle of this one, which has its size or a larger one, and black around it.
  mutating func letterbox(_ source: Picture) {
    self = Picture(black: size)
    let input = source.bytes.span
    // Even places, where a pixel of colour begins.
    let left = (size.width - source.size.width) / 4 * 2
    let top = (size.height - source.size.height) / 4 * 2
    for index in 0..<3 {
      let from = source.planes[index]
      let to = planes[index]
      let shift = index == 0 ? 1 : 2
      var output = bytes.mutableSpan
      for row in 0..<min(from.height, to.height - top / shift) {
        let start = to.offset + (row + top / shift) * to.stride + left / shift
        for column in 0..<min(from.width, to.width - left / shift) {
          output[start + column] = input[from.offset + row * from.stride + column]
        }
      }
    }
  }
}
