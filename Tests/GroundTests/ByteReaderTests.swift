import Ground
import Seeded
import Testing

/// The cursor never leaves its bounds, and says where it stood when it would have.
@Suite struct ByteReaderTests {
  /// What a sequence of reads answered; the error stands for the read that failed.
  private func read(_ bytes: [UInt8], from: Int = 0, to: Int? = nil, _ widths: [Int]) -> [Result<UInt32, WireError>] {
    var reader = ByteReader(bytes.span, from: from, to: to ?? bytes.count)
    var out: [Result<UInt32, WireError>] = []
    for width in widths {
      let before = reader.offset
      do throws(WireError) {
        switch width {
        case 1: out.append(.success(UInt32(try reader.u8())))
        case 2: out.append(.success(UInt32(try reader.u16())))
        default: out.append(.success(try reader.u32()))
        }
        #expect(reader.offset == before + width)
      } catch {
        out.append(.failure(error))
        #expect(reader.offset == before)
      }
      #expect(reader.remaining == (to ?? bytes.count) - reader.offset && reader.remaining >= 0)
    }
    return out
  }

  @Test func bigEndian() {
    #expect(read([1, 2, 3, 4, 5, 6, 7], [1, 2, 4]) == [.success(1), .success(0x0203), .success(0x0405_0607)])
    #expect(read(Array(repeating: 0xff, count: 7), [4, 2, 1]) == [.success(.max), .success(0xffff), .success(0xff)])
  }

  @Test func everyReadAtEveryEnd() {
    for count in 0...6 {
      for at in 0...count {
        for width in [1, 2, 4] {
          let answer = read(Array(0..<UInt8(count)), from: at, [width])[0]
          if at + width <= count {
            #expect((try? answer.get()) != nil)
          } else {
            #expect(answer == .failure(.truncated(needed: at + width, have: count)))
          }
        }
      }
    }
  }

  /// A read that fails takes nothing, so a shorter one may follow.
  @Test func aFailedReadStays() {
    #expect(
      read([9, 8, 7], [4, 2, 2, 1, 1])
        == [
          .failure(.truncated(needed: 4, have: 3)), .success(0x0908), .failure(.truncated(needed: 4, have: 3)), .success(7),
          .failure(.truncated(needed: 4, have: 3)),
        ])
  }

  /// What lies behind the end, although it is in the span, is not read.
  @Test func aPartOfTheBytes() {
    #expect(
      read([1, 2, 3, 4, 5, 6], from: 2, to: 4, [4, 2, 1])
        == [.failure(.truncated(needed: 6, have: 4)), .success(0x0304), .failure(.truncated(needed: 5, have: 4))])
  }

  @Test(arguments: [(0, 0), (3, 3), (4, nil), (-1, nil), (.max, nil), (.min, nil)] as [(Int, Int?)])
  func skips(_ count: Int, _ offset: Int?) throws {
    let bytes: [UInt8] = [1, 2, 3, 4]
    var reader = ByteReader(bytes.span)
    _ = try reader.u8()
    var error: WireError?
    do throws(WireError) { try reader.skip(count) } catch let thrown { error = thrown }
    #expect(error == (offset == nil ? .truncated(needed: 1 &+ count, have: 4) : nil))
    #expect(reader.offset == 1 + (offset ?? 0))
  }

  @Test func randomReadsAgreeWithTheBytes() {
    var random = SeededGenerator(7)
    for _ in 0..<3000 {
      let bytes = random.bytes(random.pick(0...20))
      var at = 0
      let widths = (0..<12).map { _ in [1, 2, 4][random.pick(0...2)] }
      for (width, answer) in zip(widths, read(bytes, widths)) {
        guard at + width <= bytes.count else {
          #expect(answer == .failure(.truncated(needed: at + width, have: bytes.count)))
          continue
        }
        #expect(answer == .success(bytes[at..<at + width].reduce(0) { $0 << 8 | UInt32($1) }))
        at += width
      }
    }
  }

  @Test func writingAndReadingAgree() {
    var random = SeededGenerator(8)
    for _ in 0..<500 {
      let value = random.next()
      var bytes: [UInt8] = [0xee]
      bytes.appendU64(value)
      bytes.appendU32(UInt32(truncatingIfNeeded: value))
      bytes.appendU16(UInt16(truncatingIfNeeded: value))
      #expect(bytes.count == 15)
      let (u64, u32, u24, u16) = (bytes.span.u64(at: 1), bytes.span.u32(at: 9), bytes.span.u24(at: 10), bytes.span.u16(at: 13))
      #expect(u64 == value)
      #expect(u32 == UInt32(truncatingIfNeeded: value))
      #expect(u24 == UInt32(truncatingIfNeeded: value) & 0xff_ffff)
      #expect(u16 == UInt16(truncatingIfNeeded: value))
    }
  }

  @Test func appendingACopy() {
    let source: [UInt8] = [1, 2, 3, 4, 5]
    var bytes: [UInt8] = [9]
    bytes.append(copying: source.span, 1..<4)
    bytes.append(copying: source.span, 5..<5)
    bytes.append(copying: source.span, 0..<5)
    #expect(bytes == [9, 2, 3, 4, 1, 2, 3, 4, 5])
    bytes.append(copying: [UInt8]().span, 0..<0)
    #expect(bytes.count == 9)
  }
}
