import Glibc

/// The process's environment variables.
enum Environment {
  /// All of them, read once; of a name given twice, the first, as `getenv` has it.
  static let all: [String: String] = {
    var out: [String: String] = [:]
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
      let pair = unsafe String(cString: text)
      if let equals = pair.firstIndex(of: "=") {
        let name = String(pair[..<equals])
        if out[name] == nil { out[name] = String(pair[pair.index(after: equals)...]) }
      }
      unsafe entry += 1
    }
    return out
  }()
}
