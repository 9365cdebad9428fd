import Seeded

/// A picture as a VP8 encoder makes it: what it needs of those before it, and what it leaves for those after it.
struct VP8Picture {
  var index: Int
  var isKey: Bool
  /// nil where the stream has no temporal layers.
  var layer: UInt8?
  var isSync = false
  var isNonReference = false
  /// By reference buffer that it predicts from (last, golden, alternate): the index of the picture that lies there.
  var references: [Int: Int] = [:]
  /// The picture whose probabilities it goes on from.
  var entropy: Int?
  /// Buffers that it replaces.
  var updates: Set<Int> = []
  var updatesEntropy = true
  var pictureID = 0
  var tl0: UInt8 = 0
}

/// Makes random pictures that keep RFC 7741's rules: a frame refers to no higher layer; a layer-sync frame refers to its base-layer frame
/// alone, and nothing after it to an upper-layer frame from before that; nothing refers to a non-reference frame.
struct VP8Encoder {
  private struct Content {
    var index: Int
    var layer: UInt8
    /// No later picture may refer to it any more.
    var isForbidden = false
  }

  let layers: UInt8
  private var random: SeededGenerator
  private var count = 0
  private var buffers: [Content] = []
  private var base = 0
  private var entropyOwner = 0
  private var pictureID: Int
  private var tl0: UInt8

  /// `layers` 0: none.
  init(layers: UInt8, seed: UInt64) {
    self.layers = layers
    random = SeededGenerator(seed)
    pictureID = Int.random(in: 0...0x7fff, using: &random)
    tl0 = UInt8.random(in: 0...255, using: &random)
  }

  mutating func next(isKey: Bool = false) -> VP8Picture {
    var picture = VP8Picture(index: count, isKey: isKey || count == 0)
    if picture.isKey {
      picture.layer = layers > 0 ? 0 : nil
      picture.updates = [0, 1, 2]
    } else if layers > 1 {
      makeLayered(&picture)
    } else {
      makeFlat(&picture)
    }
    if picture.layer ?? 0 == 0 {
      tl0 &+= 1
      if !picture.isNonReference { base = count }
    }
    if !picture.isKey { picture.entropy = entropyOwner }
    if picture.updatesEntropy { entropyOwner = count }
    let content = Content(index: count, layer: picture.layer ?? 0)
    if picture.isKey {
      buffers = [content, content, content]
    } else {
      for buffer in picture.updates { buffers[buffer] = content }
    }
    pictureID += 1
    picture.pictureID = pictureID
    picture.tl0 = tl0
    count += 1
    return picture
  }

  private mutating func makeFlat(_ picture: inout VP8Picture) {
    picture.layer = layers > 0 ? 0 : nil
    for buffer in 0..<3 where buffer == 0 || random.unit() < 0.3 { picture.references[buffer] = buffers[buffer].index }
    if layers == 0, random.unit() < 0.2 {
      picture.isNonReference = true
      picture.updatesEntropy = false
    } else {
      picture.updates = [0]
      for buffer in 1..<3 where random.unit() < 0.15 { picture.updates.insert(buffer) }
    }
  }

  private mutating func makeLayered(_ picture: inout VP8Picture) {
    let layer: UInt8
    if random.unit() < 0.1 {
      layer = UInt8.random(in: 0..<layers, using: &random)
    } else {
      layer = (layers == 2 ? [0, 1] : layers == 3 ? [0, 2, 1, 2] : [0, 3, 2, 3, 1, 3, 2, 3])[count % (1 << (Int(layers) - 1))]
    }
    picture.layer = layer
    picture.references[0] = buffers[0].index
    for buffer in 1..<3 where random.unit() < 0.6 {
      if buffers[buffer].layer <= layer, !buffers[buffer].isForbidden { picture.references[buffer] = buffers[buffer].index }
    }
    if layer == 0 {
      picture.updates = [0]
      for buffer in 1..<3 where random.unit() < 0.1 { picture.updates.insert(buffer) }
      return
    }
    picture.updatesEntropy = false
    if picture.references.values.allSatisfy({ $0 == base }), random.unit() < 0.8 {
      picture.isSync = true
      for buffer in 1..<3 where buffers[buffer].layer > 0 && buffers[buffer].index < base { buffers[buffer].isForbidden = true }
    }
    for buffer in 1..<3 where random.unit() < 0.5 { picture.updates.insert(buffer) }
    picture.isNonReference = picture.updates.isEmpty
  }
}

/// A decoder that is given some of the pictures: which of them it gets right.
struct VP8Decoder {
  /// The picture that lies in each buffer, and whose probabilities are in use.
  private var buffers: [Int?] = [nil, nil, nil]
  private var entropy: Int?

  /// Takes in a picture; answers whether all that it needs is there.
  mutating func decode(_ picture: VP8Picture) -> Bool {
    let isRight =
      picture.isKey || (picture.entropy == entropy && picture.references.allSatisfy { buffers[$0.key] == $0.value })
    for buffer in picture.updates { buffers[buffer] = isRight ? picture.index : nil }
    if picture.updatesEntropy { entropy = isRight ? picture.index : nil }
    return isRight
  }
}
