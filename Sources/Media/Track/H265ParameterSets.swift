import Codecs
import Ground

/// The parameter sets of an H.265 stream as they came last.
struct H265ParameterSets: Sendable {
  /// A set by its unit's type and its id.
  struct Key: Hashable, Comparable, Sendable {
    var type: UInt8
    var id: Int
    static func < (a: Key, b: Key) -> Bool { (a.type, a.id) < (b.type, b.id) }
  }
  private struct Entry: Sendable {
    var bytes: [UInt8]
    /// The id of the set that it refers to.
    var parent = 0
    var sequence: H265SequenceParameterSet?
  }
  /// No real set is larger, so that what is kept is bounded.
  private static let largest = 4096

  private var entries: [Key: Entry] = [:]

  /// What a NAL unit of a parameter set is called; nil where it is none that can be read.
  static func key(_ unit: Span<UInt8>) -> Key? { read(unit)?.key }

  private static func read(_ unit: Span<UInt8>) -> (key: Key, entry: Entry)? {
    guard unit.count > 2, unit.count <= largest else { return nil }
    let type = H265UnitType.of(unit[0])
    var entry = Entry(bytes: [])
    let id: Int
    switch type {
    case H265UnitType.videoParameterSet: id = Int(unit[2] >> 4)
    case H265UnitType.sequenceParameterSet:
      guard let set = try? H265SequenceParameterSet(parsing: unit) else { return nil }
      (id, entry.parent, entry.sequence) = (set.id, set.videoSetID, set)
    case H265UnitType.pictureParameterSet:
      guard let set = try? H265PictureParameterSet(parsing: unit) else { return nil }
      (id, entry.parent) = (set.id, set.sequenceID)
    default: return nil
    }
    entry.bytes.append(copying: unit, 0..<unit.count)
    return (Key(type: type, id: id), entry)
  }

  /// Keeps a NAL unit of type 32 to 34; false where it is none that can be read.
  mutating func take(_ unit: Span<UInt8>) -> Bool {
    guard let (key, entry) = H265ParameterSets.read(unit) else { return false }
    let old = entries.updateValue(entry, forKey: key)
    if let old, old.bytes != entry.bytes, key.type == H265UnitType.sequenceParameterSet {
      // What referred to another set of the same id says nothing any more.
      entries = entries.filter { $0.key.type != H265UnitType.pictureParameterSet || $0.value.parent != key.id }
    }
    return true
  }

  /// The sequence parameter set that a picture parameter set refers to, where both are known.
  func sequence(ofPicture id: Int) -> H265SequenceParameterSet? {
    let picture = entries[Key(type: H265UnitType.pictureParameterSet, id: id)]
    return picture.flatMap { entries[Key(type: H265UnitType.sequenceParameterSet, id: $0.parent)]?.sequence }
  }

  /// The units of a sequence parameter set, of the one that it refers to, and of all that refer to it, but those in `there`: each behind a
  /// length of 4 bytes.
  func prefix(_ sequence: H265SequenceParameterSet, without there: Set<Key>) -> [UInt8] {
    var out: [UInt8] = []
    for (key, entry) in entries.sorted(by: { $0.key < $1.key }) where !there.contains(key) {
      let isWanted =
        switch key.type {
        case H265UnitType.videoParameterSet: key.id == sequence.videoSetID
        case H265UnitType.sequenceParameterSet: key.id == sequence.id
        default: entry.parent == sequence.id
        }
      guard isWanted else { continue }
      out.appendU32(UInt32(entry.bytes.count))
      out += entry.bytes
    }
    return out
  }
}
