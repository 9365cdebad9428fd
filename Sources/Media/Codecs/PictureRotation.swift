/// By how much a picture must be turned, clockwise, to be upright (3GPP TS 26.114 §7.4.5). Its value is in degrees.
package enum PictureRotation: Int, Sendable, Hashable, CaseIterable {
  case none = 0
  case quarter = 90
  case half = 180
  case threeQuarters = 270

  /// The size of an upright picture that is coded with `size`.
  package func upright(_ size: PictureSize) -> PictureSize {
    self == .quarter || self == .threeQuarters ? PictureSize(width: size.height, height: size.width) : size
  }
}
