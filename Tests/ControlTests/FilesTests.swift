import Control
import Foundation
import Testing

@Suite struct FilesTests {
  private func deck(_ files: [String: String]) throws -> Served {
    let deck = try Served()
    deck.recorder.add("r")
    for (path, text) in files { try deck.write(path, Array(text.utf8)) }
    return deck
  }

  @Test(arguments: [
    ("recording.webm", "video/webm", "no-cache"), ("hls/master.m3u8", "application/vnd.apple.mpegurl", "no-store"),
    ("hls/v/1.m4s", "video/mp4", "no-cache"), ("hls/v/init.mp4", "video/mp4", "no-cache"),
    ("metadata.json", "application/json", "no-cache"),
    ("timeline.jsonl", "application/jsonl", "no-cache"), ("transcript.vtt", "text/vtt; charset=utf-8", "no-cache"),
    ("thumbnail.JPG", "image/jpeg", "no-cache"), ("odd", "application/octet-stream", "no-cache"),
  ])
  func filesHaveTheirType(path: String, type: String, cache: String) throws {
    let deck = try deck([path: "0123456789"])
    let answer = try deck.ask("GET", "/v1/recordings/r/files/\(path)?x=1")
    #expect(answer.status == 200)
    #expect(answer.text == "0123456789")
    #expect(answer.headers["content-type"] == type)
    #expect(answer.headers["cache-control"] == cache)
    #expect(answer.headers["accept-ranges"] == "bytes")
    let head = try deck.ask("HEAD", "/v1/recordings/r/files/\(path)", headers: ["Range: bytes=0-1"])
    #expect(head.status == 200)
    #expect(head.headers["content-length"] == "10")
    if path.hasPrefix("hls/") { #expect(try deck.ask("GET", "/v1/recordings/r/\(path)").text == "0123456789") }
  }

  @Test(
    arguments: [
      ("bytes=0-", 206, "bytes 0-9/10", "0123456789"), ("bytes=2-4", 206, "bytes 2-4/10", "234"), ("bytes=9-9", 206, "bytes 9-9/10", "9"),
      ("bytes=5-100", 206, "bytes 5-9/10", "56789"), ("bytes=-3", 206, "bytes 7-9/10", "789"),
      ("bytes=-30", 206, "bytes 0-9/10", "0123456789"),
      ("Bytes= 1 - 2", 206, "bytes 1-2/10", "12"), ("bytes=0-99999999999999999999", 206, "bytes 0-9/10", "0123456789"),
      ("bytes=10-", 416, "bytes */10", nil), ("bytes=-0", 416, "bytes */10", nil), ("bytes=99999999999999999999-", 416, "bytes */10", nil),
      ("bytes=4-2", 200, nil, "0123456789"), ("bytes=0-1,3-4", 200, nil, "0123456789"), ("bytes=-", 200, nil, "0123456789"),
      ("bytes=a-b", 200, nil, "0123456789"), ("bytes=--1", 200, nil, "0123456789"), ("items=0-1", 200, nil, "0123456789"),
      ("", 200, nil, "0123456789"),
    ] as [(String, Int, String?, String?)])
  func rangesAreHonoured(range: String, status: Int, content: String?, text: String?) throws {
    let deck = try deck(["f": "0123456789"])
    let answer = try deck.ask("GET", "/v1/recordings/r/files/f", headers: ["Range: \(range)"])
    #expect(answer.status == status)
    #expect(answer.headers["content-range"] == content)
    if let text { #expect(answer.text == text) } else { #expect(answer.errorField == "Range") }
  }

  @Test func aVersionIsKnownByItsTag() throws {
    let deck = try deck(["f": "0123456789"])
    let first = try deck.ask("GET", "/v1/recordings/r/files/f")
    let tag = try #require(first.headers["etag"])
    let date = try #require(first.headers["last-modified"])
    #expect(date.hasSuffix(" GMT") && date.count == 29)
    func ask(_ headers: String...) throws -> Answer { try deck.ask("GET", "/v1/recordings/r/files/f", headers: headers) }
    #expect(try ask("If-None-Match: \(tag)").status == 304)
    #expect(try ask("If-None-Match: \"x\", W/\(tag)").status == 304)
    #expect(try ask("If-None-Match: *").status == 304)
    #expect(try ask("If-None-Match: \"x\"").status == 200)
    #expect(try ask("Range: bytes=0-1", "If-Range: \(tag)").status == 206)
    #expect(try ask("Range: bytes=0-1", "If-Range: \(date)").status == 206)
    #expect(try ask("Range: bytes=0-1", "If-Range: \"x\"").status == 200)
    // A file that has grown is another version, and its first part is still there.
    try deck.write("f", Array("0123456789abc".utf8))
    #expect(try ask("If-None-Match: \(tag)").text == "0123456789abc")
    #expect(try ask("Range: bytes=0-1", "If-Range: \(tag)").status == 200)
  }

  @Test func aFilesDateIsWrittenAsHTTPDoes() throws {
    let deck = try deck(["f": "x"])
    for (seconds, text) in [(784_111_777.25, "Sun, 06 Nov 1994 08:49:37 GMT"), (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT")] {
      let date = Date(timeIntervalSince1970: seconds)
      try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: deck.recorder.folderPath + "/f")
      #expect(try deck.ask("GET", "/v1/recordings/r/files/f").headers["last-modified"] == text)
    }
  }

  @Test func anEmptyFileAndALargeOneArriveWhole() throws {
    let deck = try deck(["empty": ""])
    let empty = try deck.ask("GET", "/v1/recordings/r/files/empty")
    #expect(empty.status == 200 && empty.body.isEmpty)
    #expect(try deck.ask("GET", "/v1/recordings/r/files/empty", headers: ["Range: bytes=0-"]).status == 416)
    let large = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    try deck.write("large.webm", large)
    #expect(try deck.ask("GET", "/v1/recordings/r/files/large.webm").body == large)
    #expect(
      try deck.ask("GET", "/v1/recordings/r/files/large.webm", headers: ["Range: bytes=1000001-4000000"]).body
        == Array(large[1_000_001...4_000_000]))
  }

  @Test func aClientThatLeavesInTheMiddleHarmsNobody() throws {
    let deck = try deck([:])
    try deck.write("large.webm", [UInt8](repeating: 7, count: 8_000_000))
    for _ in 0..<20 {
      let client = try deck.connect()
      client.request("GET", "/v1/recordings/r/files/large.webm")
      #expect(try client.head().status == 200)
    }
    #expect(try deck.ask("GET", "/healthz").status == 200)
    deck.server.stop()
    #expect(deck.log.filter { !$0.isComplete }.count == 20)
  }

  @Test func namesAreDecodedOnce() throws {
    let deck = try deck(["recording-a%2Fb.webm": "x", "é +.vtt": "y"])
    #expect(try deck.ask("GET", "/v1/recordings/r/files/recording-a%252Fb.webm").text == "x")
    #expect(try deck.ask("GET", "/v1/recordings/r/files/%C3%A9%20+.vtt").text == "y")
  }

  @Test(arguments: [
    "files/../secret", "files/%2e%2e/secret", "files/hls/../../secret", "files//secret", "files/..%2fsecret", "files/%2Fetc%2Fpasswd",
    "files/link", "files/linked/secret", "files/hls", "files/", "files/hls/", "files/.hidden", "files/none", "files/recording.webm/x",
    "files/pipe",
    "files/a%00b", "files/%", "hls/..", "hls/../recording.webm", "hls/%2e%2e/recording.webm",
    "files/\(String(repeating: "a/", count: 2000))b",
    "files/\(String(repeating: "a", count: 5000))",
  ])
  func nothingOutsideTheFolderIsServed(path: String) throws {
    let deck = try deck(["recording.webm": "x", "hls/master.m3u8": "x", ".hidden": "x", "secret": "x"])
    let files = deck.recorder.folderPath
    // `files/secret` is one level up from what the recorder names as its folder.
    let manager = FileManager.default
    try manager.createDirectory(atPath: deck.folder + "/outside", withIntermediateDirectories: true)
    try Data("top".utf8).write(to: URL(fileURLWithPath: deck.folder + "/outside/secret"))
    try Data("top".utf8).write(to: URL(fileURLWithPath: deck.folder + "/secret"))
    try manager.removeItem(atPath: files + "/secret")
    try manager.createSymbolicLink(atPath: files + "/link", withDestinationPath: deck.folder + "/secret")
    try manager.createSymbolicLink(atPath: files + "/linked", withDestinationPath: deck.folder + "/outside")
    #expect(unsafe mkfifo(files + "/pipe", 0o600) == 0)
    let answer = try deck.ask("GET", "/v1/recordings/r/\(path)")
    #expect(answer.status == 404)
    #expect(answer.errorCode == "notFound")
  }
}
