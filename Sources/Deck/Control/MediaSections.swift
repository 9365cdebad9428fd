/// The m-lines of a session description, as far as offer and answer are compared by them (RFC 8866 §5.14). What is malformed is left to
/// the recorder, which reads the whole.
enum MediaSections {
  struct Section: Equatable {
    /// From 0.
    var index: Int
    var kind: String
    /// With port 0: rejected, or in an offer, nothing offered, unless the section is `bundle-only`.
    var isOff: Bool
    /// Whether its own or the session's direction lets media come from the describer's side; `sendrecv` is the default.
    var sends: Bool
  }

  static func read(_ description: String) -> [Section] {
    var sections: [Section] = []
    var sessionSends = true
    for line in description.split(whereSeparator: \.isNewline) {
      if line.hasPrefix("m=") {
        let words = line.dropFirst(2).split(separator: " ")
        sections.append(
          Section(index: sections.count, kind: String(words.first ?? ""), isOff: words.count > 1 && words[1] == "0", sends: sessionSends))
      } else if let sends = ["a=sendrecv": true, "a=sendonly": true, "a=recvonly": false, "a=inactive": false][line] {
        if sections.isEmpty { sessionSends = sends } else { sections[sections.count - 1].sends = sends }
      } else if line == "a=bundle-only", !sections.isEmpty {
        // An offer gives such a section port 0, to be used all the same (RFC 9143 §6).
        sections[sections.count - 1].isOff = false
      }
    }
    return sections
  }

  /// Whether the description has sections of sound or picture, and none of them sends: it is no publisher's (RFC 9725 §4.2).
  static func sendsNothing(_ offer: String) -> Bool {
    let sections = read(offer).filter { ["audio", "video"].contains($0.kind) }
    return !sections.isEmpty && sections.allSatisfy { $0.isOff || !$0.sends }
  }

  /// The first section of sound or picture that was offered and that the answer rejects.
  static func firstRejected(offer: String, answer: String) -> Section? {
    let answered = read(answer)
    return read(offer).first { section in
      ["audio", "video"].contains(section.kind) && !section.isOff && (section.index >= answered.count || answered[section.index].isOff)
    }
  }
}
