import Foundation

// What libFuzzer calls. One program holds all targets; the name under which it is started says which one runs, and `seeds` writes the
// inputs that all of them begin with:
//
//     seeds FOLDER CAPTURE.pcap…      makes FOLDER/TARGET/… and prints each target's name and longest input

private let programName = URL(filePath: CommandLine.arguments[0]).lastPathComponent

private let selected: FuzzTarget = {
  guard let target = FuzzTarget.all.first(where: { $0.name == programName }) else {
    fatalError("no fuzz target is called \(programName); there are \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
  }
  return target
}()

@c(LLVMFuzzerInitialize)
public func initialize(
  _ count: UnsafeMutablePointer<CInt>?, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>?
) -> CInt {
  guard programName == "seeds" else { return 0 }
  do {
    try writeSeeds(to: URL(filePath: CommandLine.arguments[1]), captures: Array(CommandLine.arguments.dropFirst(2)))
    exit(0)
  } catch {
    FileHandle.standardError.write(Data("seeds: \(error)\n".utf8))
    exit(1)
  }
}

@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  selected.run(unsafe Array(UnsafeBufferPointer(start: bytes, count: count)))
  return 0
}

private func writeSeeds(to folder: URL, captures: [String]) throws {
  let sources = try SeedSources(captures: captures)
  for target in FuzzTarget.all {
    let place = folder.appending(path: target.name)
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    for (number, seed) in Set(target.seeds(sources)).filter({ $0.count <= target.maximumBytes }).enumerated() {
      try Data(seed).write(to: place.appending(path: "seed-\(number)"))
    }
    print(target.name, target.maximumBytes)
  }
}
