import Ground
import Testing

/// Storage comes back, and no more of it is kept than was allowed.
///
/// The allocator rounds capacities up as it likes, by some dozen bytes; so the arrays that are given have half as much room again as new ones
/// of their size, and are known by that.
@Suite struct BufferPoolTests {
  private func array(_ capacity: Int) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(capacity)
    out.append(contentsOf: [7, 7, 7])
    return out
  }

  /// How many of `count` arrays that are taken with room for `size` have been given before.
  private func taken(_ pool: BufferPool, _ count: Int, of size: Int) -> Int {
    var kept: [[UInt8]] = []
    for _ in 0..<count { kept.append(pool.take(atLeast: size)) }
    #expect(kept.allSatisfy { $0.isEmpty && $0.capacity >= size && $0.capacity < 2 * size })
    return kept.filter { $0.capacity >= size * 3 / 2 }.count
  }

  @Test(arguments: [-1, 0, 1, 127, 128, 129, 1200, 1500, 65_535, 1 << 19, (1 << 19) + 1, 3 << 20]) func thereIsRoom(_ bytes: Int) {
    let pool = BufferPool()
    let first = pool.take(atLeast: bytes)
    #expect(first.isEmpty && first.capacity >= bytes)
    pool.give(first)
    let second = pool.take(atLeast: bytes)
    #expect(second.isEmpty && second.capacity >= bytes)
  }

  @Test func whatIsGivenComesBackOnce() {
    let pool = BufferPool()
    #expect(taken(pool, 1, of: 128) == 0)
    pool.give(array(192))
    #expect(taken(pool, 1, of: 128) == 1)
    #expect(taken(pool, 1, of: 128) == 0)
  }

  /// Room for 192 is not enough for 256, and a small request does not take a picture's storage.
  @Test func sizesAreKeptApart() {
    let pool = BufferPool()
    pool.give(array(192))
    pool.give(array(98_304))
    #expect(taken(pool, 1, of: 256) == 0 && taken(pool, 1, of: 32_768) == 0 && taken(pool, 1, of: 131_072) == 0)
    #expect(taken(pool, 1, of: 128) == 1)
    #expect(taken(pool, 1, of: 65_536) == 1)
  }

  @Test func soManyAreKept() {
    let pool = BufferPool(capacity: 3)
    // What was taken makes room again.
    for _ in 0..<2 {
      for _ in 0..<10 { pool.give(array(192)) }
      #expect(taken(pool, 10, of: 128) == 3)
    }
  }

  @Test func soManyBytesAreKept() {
    let pool = BufferPool(maximumKeptBytes: 4 * 1536 + 400)
    for _ in 0..<2 {
      for _ in 0..<10 { pool.give(array(1536)) }
      #expect(taken(pool, 10, of: 1024) == 4)
    }
    // Of small ones, more.
    for _ in 0..<100 { pool.give(array(192)) }
    #expect((25...34).contains(taken(pool, 100, of: 128)))
  }

  @Test func whatIsTooLargeOrTooSmallIsFreed() {
    let pool = BufferPool(maximumBytes: 1024)
    pool.give(array(3072))
    #expect(taken(pool, 3, of: 2048) == 0)
    pool.give(array(1536))
    #expect(taken(pool, 3, of: 1024) == 1)
    // Without storage, or with less than the smallest that is asked for.
    for _ in 0..<5 {
      pool.give([])
      pool.give(array(40))
    }
    #expect(pool.take(atLeast: 0).capacity >= 128)
  }

  @Test func nothingIsKeptWhereNothingMayBe() {
    for pool in [BufferPool(capacity: 0), BufferPool(maximumKeptBytes: 0)] {
      pool.give(array(192))
      #expect(taken(pool, 2, of: 128) == 0)
    }
    let tiny = BufferPool(maximumBytes: 0)
    tiny.give(array(1536))
    #expect(taken(tiny, 1, of: 1024) == 0)
  }
}
