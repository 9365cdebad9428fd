/// The m-lines of a session description, as far as offer and answer are compared by them (RFC 8866 §5.14). What is malformed is left to
/// the recorder, which reads the whole.
enum MediaSections {
  struct Section: Equatable {
    /// From 0.
    var index: Int
    var kind: String
    /// With port 0: rejected, or in an offer, nothing offered, unless the section is `bundle-only`.
    var isOff: Bool
  }

  static func read(_ description: String) -> [Section] {
    var sections: [Section] = []
    for line in description.split(whereSeparator: \.isNewline) {
      if line.hasPrefix("m=") {
        let words = line.dropFirst(2).split(separator: " ")
        sections.append(Section(index: sections.count, kind: String(words.first ?? ""), isOff: words.count > 1 && words[1] == "0"))
      } else if line == "a=bundle-only", !sections.isEmpty {
        // An offer gives such a section port 0, to be used all the same (RFC 9143 §6).
        sections[sections.count - 1].isOff = false
      }
    }
    return sections
  }

  /// The first section of sound or picture that was offered and that the answer rejects.
  static func firstRejected(offer: String, answer: String) -> Section? {
    let answered = read(answer)
    return read(offer).first { section in
      ["audio", "video"].contains(section.kind) && !section.isOff && (section.index >= answered.count || answered[section.index].isOff)
    }
  }
}
