/// The heap, as the address sanitizer counts it.
enum Memory {
  /// Bytes that are allocated now.
  static var allocatedBytes: Int { Int(sanitizerAllocatedBytes()) }
}

@_silgen_name("__sanitizer_get_current_allocated_bytes")
private func sanitizerAllocatedBytes() -> UInt
