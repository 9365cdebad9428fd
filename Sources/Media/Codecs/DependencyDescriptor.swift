package import Ground

/// What a sender says of all frames of a stream: the templates that each frame's descriptor names one of (AV1 RTP payload format 1.0, A.8.2).
package struct DependencyStructure: Sendable, Equatable {
  /// The id of the first template; ids go round at 64.
  private let offset: Int
  let targets: Int
  let chains: Int
  /// By how many frame numbers those that a frame refers to lie back, for each template.
  private var differences: [[Int]] = []

  /// No more templates have ids.
  private static let mostTemplates = 64
  /// A frame refers to at most seven others; a sender that says more says nothing.
  static let mostDifferences = 16

  init(_ reader: inout AV1BitReader) throws(WireError) {
    offset = Int(reader.bits(6))
    targets = Int(reader.bits(5)) + 1
    var count = 1
    var spatialLayers = 1
    var next = reader.bits(2)
    while next != 3 {
      guard !reader.isOver, count < DependencyStructure.mostTemplates else { throw .badValue }
      if next == 2 { spatialLayers += 1 }
      count += 1
      next = reader.bits(2)
    }
    // How much each frame matters to each decode target.
    for _ in 0..<count * targets { _ = reader.bits(2) }
    for _ in 0..<count {
      var found: [Int] = []
      while reader.flag() {
        found.append(Int(reader.bits(4)) + 1)
        guard found.count <= DependencyStructure.mostDifferences else { throw .badValue }
      }
      differences.append(found)
    }
    chains = Int(reader.nonSymmetric(UInt32(targets) + 1))
    if chains > 0 {
      for _ in 0..<targets { _ = reader.nonSymmetric(UInt32(chains)) }
      for _ in 0..<count * chains { _ = reader.bits(4) }
    }
    if reader.flag() { for _ in 0..<spatialLayers { _ = reader.bits(32) } }
    guard !reader.isOver else { throw .badLength }
  }

  func differences(template id: Int) -> [Int]? {
    let index = (id + 64 - offset) % 64
    return index < differences.count ? differences[index] : nil
  }
}

/// What a packet says of its frame: the frame's number, and those that it refers to (AV1 RTP payload format 1.0, appendix A).
///
///     |S|E| template, 6 | frame number, 16 | and, where there is more: |structure|active|targets|differences|chains| flags, and what they announce
package struct DependencyDescriptor: Sendable, Equatable {
  /// The packet is its frame's first, its last.
  package let startsFrame: Bool
  package let endsFrame: Bool
  /// Goes up by one from frame to frame; goes round.
  package let frameNumber: UInt16
  /// How many frames back those lie that it refers to.
  package let differences: [Int]

  /// Reads the header extension's value. `structure`: the one that came last; one that comes here takes its place. Throws on what ends early,
  /// and where the structure is missing or has no such template.
  package init(parsing value: Span<UInt8>, structure: inout DependencyStructure?) throws(WireError) {
    guard value.count >= 3 else { throw .truncated(needed: 3, have: value.count) }
    var reader = AV1BitReader(value)
    startsFrame = reader.flag()
    endsFrame = reader.flag()
    let template = Int(reader.bits(6))
    frameNumber = UInt16(reader.bits(16))
    var current = structure
    var flags: UInt32 = 0
    if value.count > 3 {
      flags = reader.bits(5)
      if flags & 16 != 0 { current = try DependencyStructure(&reader) }
    }
    guard let current, var differences = current.differences(template: template) else { throw .badValue }
    if flags & 8 != 0 { for _ in 0..<current.targets { _ = reader.flag() } }
    if flags & 4 != 0 { for _ in 0..<current.targets { _ = reader.bits(2) } }
    if flags & 2 != 0 {
      differences = []
      var size = Int(reader.bits(2))
      while size > 0 {
        differences.append(Int(reader.bits(4 * size)) + 1)
        guard differences.count <= DependencyStructure.mostDifferences else { throw .badValue }
        size = Int(reader.bits(2))
      }
    }
    if flags & 1 != 0 { for _ in 0..<current.chains { _ = reader.bits(8) } }
    guard !reader.isOver else { throw .badLength }
    self.differences = differences
    structure = current
  }
}
