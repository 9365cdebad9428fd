import Foundation
import Ground
import Seeded
import Testing

/// Identifiers of any characters as names of files, and no two as the same one.
@Suite struct PathComponentTests {
  @Test(arguments: [
    ("", "%"), (".", "%2E"), ("..", "%2E."), ("...", "%2E.."), (".hidden", "%2Ehidden"), ("a.b", "a.b"), ("a.", "a."),
    ("/", "%2F"), ("a/b", "a%2Fb"), ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"), ("\0", "%00"), ("a\0b", "a%00b"),
    (" ", "%20"), ("\n", "%0A"), ("%", "%25"), ("%2F", "%252F"), ("~", "%7E"), ("-rf", "-rf"), ("*?\"<>|:\\", "%2A%3F%22%3C%3E%7C%3A%5C"),
    ("Room_7-b", "Room_7-b"), ("\u{e9}", "%C3%A9"), ("e\u{301}", "e%CC%81"), ("\u{1F3BC}", "%F0%9F%8E%BC"), ("\u{202E}x", "%E2%80%AEx"),
  ]) func encodes(_ identifier: String, _ component: String) {
    #expect(PathComponent.encode(identifier) == component)
  }

  /// Safe on its own, and readable back by whoever knows percent encoding, unless it was too long.
  private func check(_ identifier: String) -> String {
    let component = PathComponent.encode(identifier)
    #expect(!component.isEmpty && component.utf8.count <= 120 && component.first != ".")
    #expect(
      component.utf8.allSatisfy {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0
          || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || "%-_.".utf8.contains($0)
      })
    if !component.contains("%-"), !identifier.isEmpty {
      #expect(component.removingPercentEncoding.map { Array($0.utf8) } == Array(identifier.utf8))
    }
    return component
  }

  @Test func everyCharacterOfOneByteAndOfTwo() {
    var seen: Set<String> = [check("")]
    for first in 0..<128 {
      let a = String(UnicodeScalar(UInt8(first)))
      #expect(seen.insert(check(a)).inserted)
      for second in 0..<128 { #expect(seen.insert(check(a + String(UnicodeScalar(UInt8(second))))).inserted) }
    }
  }

  /// Long ones that differ anywhere, in their ends above all, and those at the edge of what is kept whole.
  @Test func longOnes() {
    var seen: [String: String] = [:]
    func add(_ identifier: String) {
      let component = check(identifier)
      #expect(seen.updateValue(identifier, forKey: component) == nil)
    }
    for count in 100...300 {
      add(String(repeating: "a", count: count))
      add(String(repeating: "/", count: count))
      add(String(repeating: "\u{1F3BC}", count: count))
    }
    for at in 0..<400 {
      var letters = Array(repeating: Character("x"), count: 400)
      letters[at] = "y"
      add(String(letters))
    }
    #expect(PathComponent.encode(String(repeating: "a", count: 120)) == String(repeating: "a", count: 120))
    #expect(PathComponent.encode(String(repeating: "a", count: 121)).contains("%-"))
    // Whatever was cut, no escape is cut in two.
    for lead in 0...3 {
      let component = PathComponent.encode(String(repeating: "a", count: lead) + String(repeating: "/", count: 100))
      #expect(component.prefix { $0 != "-" }.dropLast().description.removingPercentEncoding != nil)
    }
    // A megabyte is no more than a long one.
    #expect(check(String(repeating: "room", count: 1 << 18)).utf8.count <= 120)
  }

  @Test func randomOnes() {
    var random = SeededGenerator(5)
    let alphabet: [Character] = [".", "/", "%", "-", "2", "E", "a", "A", "\0", "\u{e9}", "\u{1F3BC}", "\n", "_"]
    var seen: [String: [UInt8]] = [:]
    for _ in 0..<20_000 {
      let identifier = String((0..<random.pick(0...60)).map { _ in alphabet[random.pick(0...alphabet.count - 1)] })
      let component = check(identifier)
      if let other = seen.updateValue(Array(identifier.utf8), forKey: component) { #expect(other == Array(identifier.utf8)) }
    }
  }

  /// A component names an entry of its folder and nothing else, on a real file system.
  @Test func onDisk() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "components-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let identifiers = [
      "", ".", "..", "../..", "/", "/etc", "a\0b", "x/y", "%", "con", "\u{e9}", "e\u{301}", String(repeating: "\u{1F3BC}", count: 200), "a",
      "A",
    ]
    for identifier in identifiers {
      try Data(identifier.utf8).write(to: URL(filePath: folder.path + "/" + PathComponent.encode(identifier)))
    }
    #expect(Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)) == Set(identifiers.map(PathComponent.encode)))
    for identifier in identifiers {
      #expect(try Data(contentsOf: URL(filePath: folder.path + "/" + PathComponent.encode(identifier))) == Data(identifier.utf8))
    }
  }
}
