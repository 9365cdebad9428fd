package import Codecs
package import Ground

/// How a track's pictures change on the way: where each size and each rotation begins. The first `capacity` changes are kept, all are
/// counted.
package struct PictureIndex: Sendable, Equatable {
  package static let capacity = 256
  package struct Entry: Sendable, Equatable {
    package var start: MediaTime
    /// As coded, before it is turned.
    package var size: PictureSize
    package var rotation: PictureRotation
  }
  package private(set) var entries: [Entry] = []
  package private(set) var count = 0
  private var last: (size: PictureSize, rotation: PictureRotation)?

  package init() {}

  package static func == (a: PictureIndex, b: PictureIndex) -> Bool { a.entries == b.entries && a.count == b.count }

  mutating func note(_ size: PictureSize, _ rotation: PictureRotation, at time: MediaTime) {
    if let last, last == (size, rotation) { return }
    last = (size, rotation)
    count += 1
    if entries.count < PictureIndex.capacity { entries.append(Entry(start: time, size: size, rotation: rotation)) }
  }
}
