import Ground
import Testing

/// A secret is in no text, however its owner is printed.
@Suite struct RedactedTests {
  private struct Owner {
    var name = "door"
    var key = Redacted("SECRET")
  }

  @Test func nothingShows() {
    let key = Redacted("SECRET")
    var dumped = ""
    dump(Owner(), to: &dumped)
    let texts = [
      "\(key)", String(describing: key), String(reflecting: key), "\(Optional(key) as Any)", "\([key])", "\(["k": key])", "\(Owner())",
      String(reflecting: Owner()), dumped,
    ]
    for text in texts { #expect(!text.contains("SECRET"), "\(text.count) characters") }
    #expect("\(key)" == "…")
    #expect(key.exposed == "SECRET")
    #expect(key == Redacted("SECRET") && key != Redacted("other"))
  }
}
