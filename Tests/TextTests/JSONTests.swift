import JSON
import Testing

@Suite struct JSONTests {
  @Test(
    arguments: [
      ("null", .null), (" true\n", true), ("false", false), ("0", 0), ("-0", 0), ("-12", -12), ("9223372036854775807", .integer(.max)),
      ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("1.5", 1.5),
      ("1e3", .number(1000)),
      ("-2.5E-1", .number(-0.25)), (#""""#, ""), (#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{c}\n\r\tz"), (#""\u00e9\ud83d\ude00""#, "é😀"),
      ("\"é😀\"", "é😀"), (#""\u0000""#, "\u{0}"), ("[]", []), ("[1,[2 , []]]", [1, [2, []]]), ("{}", [:]), ("\u{feff}{\"a\" : 1}", ["a": 1]),
      (#"{"z":1,"a":{"y":null,"b":[{}]}}"#, ["z": 1, "a": ["y": nil, "b": [[:]]]]),
    ] as [(String, JSONValue)])
  func readsWhatRFC8259Allows(text: String, want: JSONValue) throws {
    let value = try JSONValue(parsing: Array(text.utf8))
    #expect(value == want)
    #expect(try JSONValue(parsing: value.bytes()).text() == want.text())
    #expect(try JSONValue(parsing: value.bytes(pretty: true)).text() == want.text())
  }

  @Test(arguments: [
    ("", "line 1, column 1: a JSON value is needed, but the text is empty"),
    (" \n ", "line 2, column 2: a JSON value is needed, but the text is empty"),
    ("{", "line 1, column 2: the text ends before its }"), ("[1", "line 1, column 3: the text ends before its ]"),
    ("{\"a\":", "line 1, column 6: a value is needed, but the text ends"), ("[1,]", "line 1, column 4: a value is needed after the comma"),
    ("{\"a\":1,}", "line 1, column 8: a value is needed after the comma"), ("[1 2]", "line 1, column 4: a comma or ] is needed here"),
    ("{\n  \"é\" 1}", "line 2, column 7: a colon is needed after the name"),
    ("{a:1}", "line 1, column 2: a name in double quotes is needed here"), ("'a'", "line 1, column 1: a value is needed here"),
    ("tru", "line 1, column 1: a value is needed here"), ("truex", "line 1, column 1: a value is needed here"),
    ("1 2", "line 1, column 3: nothing may follow the value"), ("01", "line 1, column 1: a number has no leading zero"),
    ("-", "line 1, column 1: a digit is needed after the sign"), ("1.", "line 1, column 3: a digit is needed after the point"),
    ("1e", "line 1, column 3: a digit is needed in the exponent"), ("1e999", "line 1, column 1: this number is too large"),
    ("1x", "line 1, column 1: this is no number"), (".5", "line 1, column 1: a value is needed here"),
    ("+1", "line 1, column 1: a value is needed here"), ("NaN", "line 1, column 1: a value is needed here"),
    ("\"a", "line 1, column 1: this string does not end"), ("\"a\\", "line 1, column 1: this string does not end"),
    ("\"a\nb\"", "line 1, column 3: a control character in a string is written as an escape"),
    ("\"\\x41\"", "line 1, column 2: JSON has no such escape"), ("\"\\u12g4\"", "line 1, column 2: this escape needs 4 hexadecimal digits"),
    ("\"\\ud800\"", "line 1, column 2: half a surrogate pair is no character"),
    ("\"\\ud800\\u0041\"", "line 1, column 2: half a surrogate pair is no character"),
    ("\"\\udc00\"", "line 1, column 2: half a surrogate pair is no character"),
    ("{\"a\":1,\"b\":2,\"a\":3}", "line 1, column 14: this name is given twice in one object"),
    ("// no\n1", "line 1, column 1: a value is needed here"),
  ])
  func saysWhereAndWhyATextIsNone(text: String, message: String) {
    #expect(message == refusal(Array(text.utf8))?.message)
  }

  @Test func refusesWhatIsNotUTF8WhereItBegins() {
    let error = refusal(Array("{\"é\":\n\"".utf8) + [0xff, 0x22, 0x7d])
    #expect(error?.message == "line 2, column 2: the text is not UTF-8 here")
    #expect(error?.line == 2)
    #expect(error?.column == 2)
  }

  @Test func refusesNestingThatCouldExhaustAStack() throws {
    let limit = JSONValue.depthLimit
    let deepest = Array(String(repeating: "[", count: limit).utf8) + Array(String(repeating: "]", count: limit).utf8)
    #expect(throws: Never.self) { try JSONValue(parsing: deepest) }
    #expect(refusal([91] + deepest + [93])?.message == "line 1, column \(limit + 1): nested deeper than \(limit)")
    #expect(refusal(Array(String(repeating: "{\"a\":", count: 1_000_000).utf8)) != nil)
  }

  @Test(arguments: [#"{"room":"a\u00e9","n":[1,-2.5e3,true,null],"o":{"k":"v"}}"#, #"["\ud83d\ude00",{"a":{}}]"#])
  func everyPrefixIsRefusedAndNoneTraps(text: String) {
    let bytes = Array(text.utf8)
    for count in 0..<bytes.count { #expect(refusal(Array(bytes[..<count])) != nil) }
  }

  @Test(
    arguments: [
      ("// a\n{a: 1, /* b */ 'b' : [1,2,],}", ["a": 1, "b": [1, 2]]), ("{$_é9: +.5}", ["$_é9": 0.5]),
      ("[5., -0x1F, 1e2]", [.number(5), -31, .number(100)]),
      ("'it\\'s \\x41\\v\\0\\\nb\\q'", "it's A\u{b}\u{0}bq"), ("-Infinity", .number(-.infinity)), ("\u{a0}\u{c}1\u{2028}", 1),
      ("\"tab\there\"", "tab\there"),
    ] as [(String, JSONValue)])
  func readsJSON5WhereAsked(text: String, want: JSONValue) throws {
    #expect(try JSONValue(parsing: Array(text.utf8), json5: true) == want)
    #expect(refusal(Array(text.utf8)) != nil)
  }

  @Test(arguments: ["01", "0x", "/* a", "{1a: 1}", "'a\nb'", "'\\x4'", "'\\1'", ".", "+", "1..2", "nul", "{a}", "[,]", "Infinit"])
  func refusesWhatIsNoJSON5(text: String) {
    #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: Array(text.utf8), json5: true) }
  }

  @Test func writesWhatEveryReaderTakes() {
    let value: JSONValue = ["b": [1, 2.5, .number(.infinity), .number(3), true, nil], "a": "\"\\\n\u{1}é", "e": [], "o": [:]]
    #expect(value.text() == #"{"b":[1,2.5,null,3,true,null],"a":"\"\\\n\u0001é","e":[],"o":{}}"#)
    #expect(JSONValue.object([JSONField("a", [1])]).text(pretty: true) == "{\n  \"a\": [\n    1\n  ]\n}")
  }

  private func refusal(_ text: [UInt8]) -> JSONSyntaxError? {
    do throws(JSONSyntaxError) {
      _ = try JSONValue(parsing: text)
      return nil
    } catch {
      return error
    }
  }
}
