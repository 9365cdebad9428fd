package import Codecs

/// Which of the last pictures are on tape, by their ids, and what group they repeat.
package struct VP9PictureHistory: Sendable {
  private struct Picture: Sendable {
    var id: Int64
    /// Bit n for spatial layer n; none where the picture is not on tape.
    var layers: UInt8
    var temporalLayer: UInt8
    var isSwitchingPoint: Bool
  }

  /// More than a difference can reach.
  private static let length = 256
  private var pictures: [Picture] = []
  /// The last picture's id, counted on where it went round; nil without one.
  private var last: Int64?
  private var lastIsExtended = false
  private var group: [VP9ScalabilityStructure.Picture] = []
  /// The id of the picture that the group began with.
  private var groupStart: Int64 = 0
  /// The picture that is being judged.
  private var current: Int64?

  package init() {}

  /// Without pictures, with the group.
  package var emptied: VP9PictureHistory {
    var history = self
    for index in history.pictures.indices { history.pictures[index].layers = 0 }
    return history
  }

  /// Whether a picture's id follows the last one's.
  package func isNext(_ descriptor: VP9PayloadDescriptor) -> Bool {
    guard let last, let id = descriptor.pictureID, descriptor.isExtendedPictureID == lastIsExtended else { return false }
    return Int64(id) == (last + 1) & (descriptor.isExtendedPictureID ? 0x7fff : 0x7f)
  }

  /// Makes a picture the one that is judged.
  package mutating func turn(to descriptor: VP9PayloadDescriptor) { current = extended(descriptor) }

  private func extended(_ descriptor: VP9PayloadDescriptor) -> Int64? {
    guard let id = descriptor.pictureID else { return nil }
    guard let last, descriptor.isExtendedPictureID == lastIsExtended else { return Int64(id) }
    let round: Int64 = descriptor.isExtendedPictureID ? 0x8000 : 0x80
    var step = (Int64(id) - last) & (round - 1)
    if step >= round / 2 { step -= round }
    return last + step
  }

  /// The picture is on tape.
  package mutating func add(_ layers: [VP9Assembler.Layer], _ descriptor: VP9PayloadDescriptor) {
    var mask: UInt8 = 0
    for layer in layers { mask |= 1 << layer.descriptor.spatialLayer }
    put(descriptor, mask)
    // The structure comes with the first packet of a picture's lowest layer.
    if let structure = descriptor.structure {
      group = structure.group
      groupStart = last ?? 0
    }
  }

  /// The picture came and is not on tape.
  package mutating func skip(_ descriptor: VP9PayloadDescriptor) { put(descriptor, 0) }

  private mutating func put(_ descriptor: VP9PayloadDescriptor, _ layers: UInt8) {
    guard let id = extended(descriptor) else {
      // Pictures without ids cannot be told apart from those before them.
      self = VP9PictureHistory()
      return
    }
    if last != nil, descriptor.isExtendedPictureID != lastIsExtended { pictures.removeAll(keepingCapacity: true) }
    if pictures.isEmpty {
      pictures = Array(
        repeating: Picture(id: -1, layers: 0, temporalLayer: 0, isSwitchingPoint: false), count: VP9PictureHistory.length)
    }
    pictures[Int(id & 0xff)] = Picture(
      id: id, layers: layers, temporalLayer: descriptor.temporalLayer, isSwitchingPoint: descriptor.isSwitchingPoint)
    last = id
    lastIsExtended = descriptor.isExtendedPictureID
  }

  private func picture(_ id: Int64) -> Picture? {
    guard !pictures.isEmpty else { return nil }
    let found = pictures[Int(id & 0xff)]
    return found.id == id && found.layers != 0 ? found : nil
  }

  /// Whether the picture so many ids before the one that is judged is on tape with the same spatial layer.
  package func holds(_ descriptor: VP9PayloadDescriptor, before difference: UInt8) -> Bool {
    guard let current, let picture = picture(current - Int64(difference)) else { return false }
    return picture.layers & 1 << descriptor.spatialLayer != 0
  }

  /// The same in non-flexible mode, where `group` also names pictures of higher temporal layers that a switching point between excludes.
  package func holds(
    _ descriptor: VP9PayloadDescriptor, before difference: UInt8, in group: VP9ScalabilityStructure.Picture
  ) -> Bool {
    if holds(descriptor, before: difference) { return true }
    guard let current, let layer = groupLayer(current - Int64(difference)) else { return false }
    for distance in 1..<max(1, Int64(difference)) {
      if let between = picture(current - distance), between.isSwitchingPoint, between.temporalLayer < group.temporalLayer,
        layer > between.temporalLayer
      {
        return true
      }
    }
    return false
  }

  /// What the group says of a picture; nil without a group, or where it says something else than the picture itself.
  package func groupPicture(_ descriptor: VP9PayloadDescriptor) -> VP9ScalabilityStructure.Picture? {
    guard let current, !group.isEmpty else { return nil }
    let picture = group[index(current)]
    return !descriptor.hasLayer || picture.temporalLayer == descriptor.temporalLayer ? picture : nil
  }

  private func groupLayer(_ id: Int64) -> UInt8? { group.isEmpty ? nil : group[index(id)].temporalLayer }

  private func index(_ id: Int64) -> Int {
    let count = Int64(group.count)
    return Int(((id - groupStart) % count + count) % count)
  }
}
