import Mux

/// Reads a finished WebM file's blocks, without help from the writer's own reader.
enum WebMBlocks {
  /// Requires that the blocks of each track rise in time from zero on and lie end to end; answers how many there are.
  static func check(_ file: [UInt8]) -> Int {
    let plan = try? WebMRecovery.plan(length: Int64(file.count)) { offset, count in
      Array(file[Int(offset)..<min(file.count, Int(offset) + count)])
    }
    require(plan?.isFinished == true, "the file is finished")
    var last: [UInt8: Int] = [:]
    var blocks = 0
    var clusterTime = 0
    var at = 0
    while at < file.count {
      let (id, afterID) = identifier(file, at)
      let (size, start) = length(file, afterID)
      switch id {
      case 0x1853_8067, 0x1F43_B675: at = start  // segment, cluster: go in
      case 0xE7:
        clusterTime = file[start..<start + size].reduce(0) { $0 << 8 | Int($1) }
        at = start + size
      case 0xA3:
        let track = file[start]
        let time = clusterTime + Int(Int16(bitPattern: UInt16(file[start + 1]) << 8 | UInt16(file[start + 2])))
        require(time >= 0 && time > last[track] ?? -1, "blocks rise in time")
        last[track] = time
        blocks += 1
        at = start + size
      default: at = start + size
      }
    }
    require(at == file.count, "elements lie end to end")
    return blocks
  }

  private static func identifier(_ file: [UInt8], _ at: Int) -> (UInt32, Int) {
    let count = file[at].leadingZeroBitCount + 1
    require(count <= 4 && at + count < file.count, "an element begins at \(at)")
    return (file[at..<at + count].reduce(0) { $0 << 8 | UInt32($1) }, at + count)
  }

  private static func length(_ file: [UInt8], _ at: Int) -> (Int, Int) {
    let count = file[at].leadingZeroBitCount + 1
    require(count <= 8 && at + count <= file.count, "an element has a size at \(at)")
    var value = Int(file[at]) & (0xff >> count)
    for byte in file[at + 1..<at + count] { value = value << 8 | Int(byte) }
    require(at + count + value <= file.count, "the element at \(at) lies in the file")
    return (value, at + count)
  }
}
