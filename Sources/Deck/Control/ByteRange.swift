/// What a `Range` header asks of a file (RFC 9110 §14.1.2).
enum ByteRange: Equatable {
  /// The whole file: the header is malformed, of another unit, or asks for several ranges, all of which a server may ignore.
  case all
  /// From the first to the last byte, both included.
  case part(Int64, Int64)
  /// Nothing of the file.
  case none

  init(_ header: String, size: Int64) {
    self = .all
    guard header.lowercased().hasPrefix("bytes=") else { return }
    let text = header.dropFirst(6).filter { $0 != " " && $0 != "\t" }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, !text.contains(","), ends.allSatisfy({ $0.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } }) else { return }
    // A number too large for 64 bits lies behind any file's end.
    func number(_ digits: Substring) -> Int64 { Int64(digits) ?? .max }
    switch (ends[0].isEmpty, ends[1].isEmpty) {
    case (true, true): return
    case (true, false):
      let count = min(number(ends[1]), size)
      self = count > 0 ? .part(size - count, size - 1) : .none
    case (false, let open):
      let first = number(ends[0])
      let last = open ? .max : number(ends[1])
      if last < first { return }
      self = first < size ? .part(first, min(last, size - 1)) : .none
    }
  }
}
