extension Array where Element == UInt8 {
  /// Appends a copy of `bytes[range]`: one memory copy, and no allocation where the capacity suffices. The range must lie in the span.
  public mutating func append(copying bytes: Span<UInt8>, _ range: Range<Int>) {
    unsafe bytes.extracting(range).withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }
}
