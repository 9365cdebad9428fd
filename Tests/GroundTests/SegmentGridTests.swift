import Ground
import Testing

@Suite struct SegmentGridTests {
  private func boundaries(_ grid: SegmentGrid, from start: Double, count: Int) -> [Double] {
    var out: [Double] = []
    var at = MediaTime(nanoseconds: Int64(start * 1e9))
    for _ in 0..<count {
      at = grid.boundary(after: at)
      out.append(at.seconds)
    }
    return out
  }

  @Test func boundariesAreMultiples() {
    #expect(boundaries(SegmentGrid(segment: .seconds(4)), from: 0, count: 3) == [4, 8, 12])
    #expect(boundaries(SegmentGrid(segment: .seconds(4)), from: 3723.5, count: 2) == [3724, 3728])
  }

  /// Zero is a boundary too: what begins before it ends there.
  @Test func beforeZero() {
    #expect(boundaries(SegmentGrid(segment: .seconds(4)), from: -9.5, count: 4) == [-8, -4, 0, 4])
    #expect(boundaries(SegmentGrid(segment: .seconds(4)), from: -0.001, count: 2) == [0, 4])
  }

  @Test func aShortStartComesFirst() {
    let grid = SegmentGrid(segment: .seconds(4), shortStart: .zero)
    #expect(boundaries(grid, from: 0, count: 5) == [1, 2, 4, 8, 12])
    #expect(grid.longest(from: .zero) == .seconds(1))
    #expect(grid.longest(from: MediaTime(nanoseconds: 2_000_000_000)) == .seconds(4))
    // From anywhere, and never longer than a segment may be.
    let late = SegmentGrid(segment: .seconds(4), shortStart: MediaTime(nanoseconds: 62_500_000_000))
    #expect(boundaries(late, from: 62.5, count: 4) == [63.5, 64.5, 68, 72])
    #expect(boundaries(SegmentGrid(segment: .seconds(1), shortStart: .zero), from: 0, count: 4) == [1, 2, 3, 4])
  }
}
