import Codecs
import Ground

/// The parameter sets of an H.264 stream as they came last, by their ids.
struct H264ParameterSets: Sendable {
  private struct Sequence: Sendable {
    var bytes: [UInt8]
    var set: H264SequenceParameterSet
  }
  private struct Picture: Sendable {
    var bytes: [UInt8]
    var sequenceID: Int
  }
  /// No real set is larger, so that what is kept is bounded.
  private static let largest = 4096

  private var sequences: [Int: Sequence] = [:]
  private var pictures: [Int: Picture] = [:]

  /// Keeps a NAL unit of type 7 or 8; false where it is none that can be read.
  mutating func take(_ unit: Span<UInt8>) -> Bool {
    guard unit.count <= H264ParameterSets.largest, unit.count > 0 else { return false }
    if unit[0] & 0x1f == H264UnitType.sequenceParameterSet {
      guard let set = try? H264SequenceParameterSet(parsing: unit) else { return false }
      if let old = sequences[set.id], H264ParameterSets.equal(old.bytes.span, unit) { return true }
      // What referred to another set of the same id says nothing any more.
      if sequences[set.id] != nil { pictures = pictures.filter { $0.value.sequenceID != set.id } }
      sequences[set.id] = Sequence(bytes: H264ParameterSets.copy(unit), set: set)
      return true
    }
    guard let set = try? H264PictureParameterSet(parsing: unit) else { return false }
    if let old = pictures[set.id], H264ParameterSets.equal(old.bytes.span, unit) { return true }
    pictures[set.id] = Picture(bytes: H264ParameterSets.copy(unit), sequenceID: set.sequenceID)
    return true
  }

  /// The sequence parameter set that a picture parameter set refers to, where both are known.
  func sequence(ofPicture id: Int) -> H264SequenceParameterSet? {
    pictures[id].flatMap { sequences[$0.sequenceID]?.set }
  }

  /// The units of the sequence parameter set of that id and of all picture parameter sets that refer to it, but those that `isThere` names:
  /// each behind a length of 4 bytes.
  func prefix(sequenceID: Int, isThere: (_ type: UInt8, _ id: Int) -> Bool) -> [UInt8] {
    var out: [UInt8] = []
    if let sequence = sequences[sequenceID], !isThere(H264UnitType.sequenceParameterSet, sequenceID) {
      out.appendU32(UInt32(sequence.bytes.count))
      out += sequence.bytes
    }
    for (id, picture) in pictures.sorted(by: { $0.key < $1.key })
    where picture.sequenceID == sequenceID && !isThere(H264UnitType.pictureParameterSet, id) {
      out.appendU32(UInt32(picture.bytes.count))
      out += picture.bytes
    }
    return out
  }

  private static func copy(_ unit: Span<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(copying: unit, 0..<unit.count)
    return bytes
  }

  private static func equal(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    for i in a.indices where a[i] != b[i] { return false }
    return true
  }
}
