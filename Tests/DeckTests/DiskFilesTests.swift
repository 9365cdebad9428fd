import DeckRig
import Foundation
import Ground
import Loop
import Recording
import Testing

/// What the tape's files on disk can do besides being appended to.
@Suite struct DiskFilesTests {
  @Test func aPartOfAFileIsCopiedBehindIt() throws {
    let scratch = try Scratch()
    let files = DiskFiles(folder: scratch.path)
    let bytes = (0..<900_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
    try files.write("file", at: 0, bytes.span)
    // More than is copied at once, and to where the file does not reach yet.
    try files.copy("file", 1_000..<801_000, to: 950_000)
    files.close("file")
    let found = [UInt8](try Data(contentsOf: URL(filePath: scratch.path + "/file")))
    #expect(found == bytes + [UInt8](repeating: 0, count: 50_000) + bytes[1_000..<801_000])
    #expect(throws: TapeFileError.self) { try files.copy("file", 1_740_000..<1_760_000, to: 1_800_000) }
    #expect(throws: TapeFileError.self) { try files.copy("none", 0..<1, to: 1) }
  }
}
