import Ground
import Recording

/// Answers for files: whole or a range, with what caches and players need to know of them (RFC 9110 §13, §14).
enum FileAnswer {
  static func make(folder: String, path: [String], _ request: Request) -> Response {
    guard let file = OpenFile(folder: folder, path: path) else {
      return Response(ControlError(.notFound, "the recording has no file \(Shown.cut(path.joined(separator: "/")))"))
    }
    let version = Version(file)
    let headers: [(name: String, value: String)] = [
      ("ETag", version.tag), ("Last-Modified", version.modified), ("Accept-Ranges", "bytes"),
      // A playlist is rewritten while it is live and must never come from a cache; all else is checked by its ETag.
      ("Cache-Control", path.last?.hasSuffix(".m3u8") == true ? "no-store" : "no-cache"),
    ]
    var response: Response
    if version.isKnown(to: request) {
      response = Response(304, body: .bytes([]))
    } else {
      response = body(file, version, request)
      if case .file = response.body { response.headers.append(("Content-Type", contentType(of: path.last ?? ""))) }
    }
    response.headers += headers
    return response
  }

  private static func body(_ file: OpenFile, _ version: Version, _ request: Request) -> Response {
    let whole = Response(200, body: .file(file, offset: 0, count: file.size))
    // A range is only defined for GET, and only for the version that the client already has a part of.
    guard request.method == "GET", let header = request.headers["Range"] else { return whole }
    if let condition = request.headers["If-Range"], condition != version.tag, condition != version.modified { return whole }
    switch ByteRange(header, size: file.size) {
    case .all: return whole
    case .part(let first, let last):
      return Response(206, body: .file(file, offset: first, count: last - first + 1))
        .with("Content-Range", "bytes \(first)-\(last)/\(file.size)")
    case .none:
      let error = ControlError(.invalidField, "Range: \(Shown.cut(header)) lies outside the file's \(file.size) bytes", field: "Range")
      return Response(error, status: 416).with("Content-Range", "bytes */\(file.size)")
    }
  }

  static func contentType(of name: String) -> String {
    switch name.split(separator: ".").last.map({ $0.lowercased() }) {
    case "webm": "video/webm"
    case "mkv": "video/matroska"
    case "m3u8": "application/vnd.apple.mpegurl"
    case "m4s", "mp4": "video/mp4"
    case "json": "application/json"
    case "jsonl": "application/jsonl"
    case "vtt": "text/vtt; charset=utf-8"
    case "jpg", "jpeg": "image/jpeg"
    default: "application/octet-stream"
    }
  }

  /// What tells one version of a file from another.
  private struct Version {
    let tag: String
    let modified: String

    init(_ file: OpenFile) {
      let parts = [file.inode, UInt64(bitPattern: file.size), UInt64(bitPattern: file.modified.nanosecondsSinceEpoch)]
      tag = "\"" + parts.map { String($0, radix: 16) }.joined(separator: "-") + "\""
      modified = HTTPDate.text(file.modified)
    }

    /// Whether the client says that it has this version. A date counts only where it is the one that we gave: a file that grows changes
    /// within a second.
    func isKnown(to request: Request) -> Bool {
      if let tags = request.headers["If-None-Match"] {
        return tags == "*"
          || tags.split(separator: ",").contains { item in
            let tag = item.drop { $0 == " " }.prefix { $0 != " " }
            return tag == self.tag || tag == "W/" + self.tag
          }
      }
      return false
    }
  }
}
