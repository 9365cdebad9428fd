import JSON
import Recording

/// The media types of session descriptions in requests and answers.
enum SDPMediaType {
  static let description = "application/sdp"
  /// RFC 8840 §9.
  static let fragment = "application/trickle-ice-sdpfrag"
}

extension Request {
  /// The media type of the body without its parameters, in lower case; nil where none is given.
  var mediaType: String? {
    headers["Content-Type"].map { String($0.prefix { $0 != ";" && $0 != " " && $0 != "\t" }).lowercased() }
  }

  /// A session description: the body itself where its type is `application/sdp`, else the one field of a JSON body.
  func sessionDescription(_ field: String) throws(ControlError) -> String {
    if mediaType == SDPMediaType.description { return try sessionText(field) }
    let body = try FieldReader(try json(), at: "", knowing: [field])
    return try body.require(
      field, body.string(field, length: 1...WebRTCSpecification.textLimit), "a session description (RFC 8866)")
  }

  /// The body as the text of a description or a fragment; `what` is what the refusal calls it.
  func sessionText(_ what: String) throws(ControlError) -> String {
    guard let text = String(validating: body, as: UTF8.self) else { throw .field(what, "the body is not UTF-8 text") }
    let count = text.unicodeScalars.count
    guard (1...WebRTCSpecification.textLimit).contains(count) else {
      throw count == 0
        ? .field(what, "the body is empty")
        : .field(what, "it has \(count) characters, but at most \(WebRTCSpecification.textLimit) are allowed")
    }
    return text
  }

  /// Refuses a client that takes no answer of `type` (RFC 9110 §12.5.1).
  func requireAcceptable(_ type: String) throws(ControlError) {
    guard let header = headers["Accept"] else { return }
    let kind = type.prefix { $0 != "/" } + "/*"
    let takes = header.split(separator: ",").contains { item in
      let parts = item.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
      // A weight of nothing means "not this one".
      let isRefused = parts.dropFirst().contains { $0.hasPrefix("q=0") && $0.dropFirst(3).allSatisfy { $0 == "." || $0 == "0" } }
      return !isRefused && (parts.first == type || parts.first == "*/*" || parts.first == String(kind))
    }
    if !takes {
      throw ControlError(.notAcceptable, "Accept: \(Shown.cut(header)) leaves out \(type), which is the answer", field: "Accept")
    }
  }

  /// Refuses a body of another type than `type`.
  func requireType(_ type: String) throws(ControlError) {
    guard mediaType == type else {
      let given = headers["Content-Type"].map { "\(Shown.cut($0)) is not" } ?? "none was given, but the body must be of type"
      throw ControlError(.unsupportedMediaType, "Content-Type: \(given) \(type)", field: "Content-Type")
    }
  }
}
