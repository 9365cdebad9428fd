extension SessionDescription {
  /// Reads a description. Lines end in CRLF or LF. `o=`, `s=` and `t=`, which RFC 8866 requires, may be missing: hand-written
  /// descriptions of plain RTP often lack them. A line's type must be known; an attribute's name need not be.
  package init(parsing text: String) throws(SDPError) {
    try self.init(parsing: Array(text.utf8))
  }

  /// The same from a file's or a body's bytes.
  package init(parsing bytes: [UInt8]) throws(SDPError) {
    guard bytes.count <= SessionDescription.maximumBytes else { throw SDPError(line: 0, reason: .tooLong(bytes: bytes.count)) }
    var builder = Builder()
    var number = 0
    for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
      number += 1
      var content = line
      if content.last == 13 { content.removeLast() }
      // Some senders end with an empty line; empty lines elsewhere do no harm either.
      if content.isEmpty { continue }
      do throws(SDPError.Reason) {
        guard number <= SessionDescription.maximumLines else { throw .tooManyLines }
        guard content.count <= SessionDescription.maximumLineBytes else { throw .lineTooLong(bytes: content.count) }
        guard let text = String(validating: content, as: UTF8.self) else { throw .notText }
        try builder.add(text[...])
      } catch {
        throw SDPError(line: number, reason: error)
      }
    }
    guard builder.sawVersion else { throw SDPError(line: 1, reason: .notVersionZero) }
    self = builder.description
    otherLines = SessionDescription.inOrder(otherLines, SessionDescription.sessionOrder)
    for i in media.indices { media[i].otherLines = SessionDescription.inOrder(media[i].otherLines, SessionDescription.mediaOrder) }
  }

  /// The types of the other lines in the groups that RFC 8866 §5 writes apart: before and after `c=`, before and after `b=`.
  private static let sessionOrder = ["iuep", "b", "trzk"]
  private static let mediaOrder = ["i", "bk"]

  /// The lines as `text` will write them, whatever order they came in.
  private static func inOrder(_ lines: [OtherLine], _ groups: [String]) -> [OtherLine] {
    groups.flatMap { group in lines.filter { group.contains($0.type) } }
  }

  /// The description as text, in the order of RFC 8866 §5, with CRLF.
  package var text: String {
    var out = "v=0\r\n"
    func add(_ type: Character, _ value: String) { out += "\(type)=\(value)\r\n" }
    func add(_ lines: [OtherLine], _ group: String) {
      for line in lines where group.contains(line.type) { add(line.type, line.value) }
    }
    add("o", "\(origin.username) \(origin.sessionID) \(origin.sessionVersion) \(origin.connection.text)")
    add("s", name)
    let groups = SessionDescription.sessionOrder
    add(otherLines, groups[0])
    if let connection { add("c", connection.text) }
    add(otherLines, groups[1])
    add(otherLines, groups[2])
    for attribute in attributes { add("a", attribute.text) }
    for section in media {
      let port = "\(section.port)" + (section.portCount.map { "/\($0)" } ?? "")
      add("m", ([section.kind, port, section.transport] + section.formats).joined(separator: " "))
      add(section.otherLines, SessionDescription.mediaOrder[0])
      for connection in section.connections { add("c", connection.text) }
      add(section.otherLines, SessionDescription.mediaOrder[1])
      for attribute in section.attributes { add("a", attribute.text) }
    }
    return out
  }

  /// A description that grows line by line.
  private struct Builder {
    var description = SessionDescription(otherLines: [])
    var sawVersion = false
    private var sawOrigin = false
    private var sawName = false

    mutating func add(_ line: Substring) throws(SDPError.Reason) {
      let utf8 = line.utf8
      guard utf8.count >= 2, let type = line.first, type.isASCII, type.isLetter, utf8.dropFirst().first == 61 else {
        throw sawVersion ? .notAField : .notVersionZero
      }
      let value = line[utf8.index(line.startIndex, offsetBy: 2)...]
      guard sawVersion else {
        guard type == "v", value == "0" else { throw .notVersionZero }
        sawVersion = true
        return
      }
      if type == "m" {
        guard let section = MediaDescription(value) else { throw .malformed(field: "m=", expected: "KIND PORT TRANSPORT FORMAT …") }
        description.media.append(section)
      } else if description.media.isEmpty {
        try addToSession(type, value)
      } else {
        try addToMedia(type, value)
      }
    }

    private mutating func addToSession(_ type: Character, _ value: Substring) throws(SDPError.Reason) {
      switch type {
      case "o":
        guard !sawOrigin else { throw .misplaced(type: type) }
        guard let origin = Origin(value) else { throw .malformed(field: "o=", expected: "USER ID VERSION IN IP4|IP6 ADDRESS") }
        description.origin = origin
        sawOrigin = true
      case "s":
        guard !sawName else { throw .misplaced(type: type) }
        description.name = String(value)
        sawName = true
      case "c":
        guard description.connection == nil else { throw .misplaced(type: type) }
        description.connection = try SessionDescription.connection(value)
      case "a": description.attributes.append(try Attribute(parsing: value))
      case "i", "u", "e", "p", "b", "t", "r", "z", "k": description.otherLines.append(OtherLine(type: type, value: String(value)))
      default: throw .misplaced(type: type)
      }
    }

    private mutating func addToMedia(_ type: Character, _ value: Substring) throws(SDPError.Reason) {
      let last = description.media.count - 1
      switch type {
      case "c": description.media[last].connections.append(try SessionDescription.connection(value))
      case "a": description.media[last].attributes.append(try Attribute(parsing: value))
      case "i", "b", "k": description.media[last].otherLines.append(OtherLine(type: type, value: String(value)))
      default: throw .misplaced(type: type)
      }
    }
  }

  private static func connection(_ value: Substring) throws(SDPError.Reason) -> ConnectionData {
    guard let connection = ConnectionData(value) else { throw .malformed(field: "c=", expected: "IN IP4|IP6 ADDRESS") }
    return connection
  }
}

extension Origin {
  fileprivate init?(_ value: Substring) {
    let parts = value.split(separator: " ", maxSplits: 3)
    guard parts.count == 4, let connection = ConnectionData(parts[3]),
      [parts[1], parts[2]].allSatisfy({ $0.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } })
    else { return nil }
    self.init(
      username: String(parts[0]), sessionID: String(parts[1]), sessionVersion: String(parts[2]), connection: connection)
  }
}

extension MediaDescription {
  fileprivate init?(_ value: Substring) {
    let parts = value.split(separator: " ")
    guard parts.count >= 4, SDPText.isToken(parts[0]) else { return nil }
    let ports = parts[1].split(separator: "/", omittingEmptySubsequences: false)
    guard ports.count <= 2, let port: UInt16 = SDPText.number(ports[0]) else { return nil }
    var count: Int?
    if ports.count == 2 {
      guard let n: UInt16 = SDPText.number(ports[1]), n > 0 else { return nil }
      count = Int(n)
    }
    self.init(
      kind: String(parts[0]), port: port, portCount: count, transport: String(parts[2]), formats: parts[3...].map(String.init))
  }
}
