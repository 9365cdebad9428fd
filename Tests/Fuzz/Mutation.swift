/// Changes to a file as disks, crashes and strangers make them, read from an input.
struct Mutation {
  /// Changes `file` once.
  static func apply(_ input: inout InputReader, to file: inout [UInt8]) {
    let kind = input.u8() % 9
    let place = input.place(in: file.count)
    let count = min(input.u16(), file.count - place)
    switch kind {
    case 0: file.removeSubrange(place...)
    case 1: for i in place..<file.count { file[i] = 0 }
    case 2: for i in place..<place + count { file[i] = 0 }
    case 3: file.removeSubrange(place..<place + count)
    case 4: file.insert(contentsOf: input.take(count % 64), at: place)
    case 5: file.insert(contentsOf: file[place..<place + count], at: place)
    case 6: file += file[place..<place + count]
    case 7: file += [UInt8](repeating: 0, count: count)
    default: for (i, byte) in input.take(count % 16).enumerated() where place + i < file.count { file[place + i] = byte }
    }
    // No input may grow a file without end.
    if file.count > 1 << 17 { file.removeSubrange((1 << 17)...) }
  }
}
