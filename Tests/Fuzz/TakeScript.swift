import Codecs
import Ground

/// What happens to a take, as bytes: a head of two bytes, then steps end to end.
struct TakeScript {
  /// How the recording is set up, by bits.
  struct Setup: OptionSet {
    var rawValue: UInt8
    static let srtp = Setup(rawValue: 1)
    static let rtcpPort = Setup(rawValue: 2)
    static let tape = Setup(rawValue: 4)
    static let portPerTrack = Setup(rawValue: 8)
    static let remote = Setup(rawValue: 16)
    static let declaredSSRCs = Setup(rawValue: 32)
    static let twoParticipants = Setup(rawValue: 64)
    static let limits = Setup(rawValue: 128)
  }
  /// Which tracks there are from the start.
  enum Tracks: UInt8, CaseIterable { case both, sound, picture, twoOfEach }

  /// Packets of one stream that follow each other.
  struct Burst {
    struct Flags: OptionSet {
      var rawValue: UInt8
      /// The marker on the last packet.
      static let marker = Flags(rawValue: 1)
      static let paddingOnly = Flags(rawValue: 2)
      static let newSSRC = Flags(rawValue: 4)
      static let unknownType = Flags(rawValue: 8)
      static let retransmission = Flags(rawValue: 16)
      static let stranger = Flags(rawValue: 32)
      /// Each packet is a frame of its own.
      static let frames = Flags(rawValue: 64)
      static let rtcpPort = Flags(rawValue: 128)
    }
    /// For pictures; for sound the byte is the packet's table of contents.
    struct Head: OptionSet {
      var rawValue: UInt8
      static let start = Head(rawValue: 1)
      static let key = Head(rawValue: 2)
      static let pictureID = Head(rawValue: 4)
      static let layers = Head(rawValue: 8)
      static let nonReference = Head(rawValue: 16)
      static let layerSync = Head(rawValue: 32)
      var layer: UInt8 { rawValue >> 6 }
    }
    var track: UInt8 = 0
    /// Of the sequence number to the first packet; the lowest values stand for leaps.
    var step: Int8 = 1
    /// Of the timestamp, in frames; the lowest values stand for leaps.
    var frames: Int8 = 1
    var flags: Flags = [.marker]
    var head: UInt8 = 0
    /// In steps of 6 bytes.
    var size: UInt8 = 20
    var count: UInt8 = 1
    /// How long ago the packets came, in 20 ms.
    var lag: UInt8 = 0
  }

  enum Step {
    case burst(Burst)
    /// Any datagram from one of some addresses.
    case datagram(track: UInt8, from: UInt8, isRTCPPort: Bool, [UInt8])
    /// A sender report, its times off by so much.
    case report(track: UInt8, milliseconds: Int16, ticks: Int16)
    case wait(milliseconds: UInt8)
    /// So many turns of the loop, 20 ms each.
    case turns(UInt8)
    /// So many minutes at once.
    case leap(minutes: UInt16)
    case pause(keep: Bool)
    case resume
    case addTrack(kind: UInt8)
    /// The writer stops, or goes on and catches up.
    case stall(Bool)
    case other(Other)
  }
  enum Other: UInt8, CaseIterable { case oversized, removeSource, addSource, bytes, goodbye, stop, leapYears }

  var setup: Setup
  var tracks: Tracks
  var steps: [Step] = []

  init(_ setup: Setup, _ tracks: Tracks = .both) {
    self.setup = setup
    self.tracks = tracks
  }

  /// A VP8 frame, or the beginning of one, as far as anything but a decoder looks into it.
  static func picture(isKey: Bool, size: PictureSize, count: Int) -> [UInt8] {
    var bytes: [UInt8] = [isKey ? 0x10 : 0x11, 0, 0]
    if isKey {
      bytes += [0x9d, 0x01, 0x2a, UInt8(size.width & 0xff), UInt8(size.width >> 8), UInt8(size.height & 0xff), UInt8(size.height >> 8)]
    }
    while bytes.count < count { bytes.append(UInt8(truncatingIfNeeded: bytes.count)) }
    return bytes
  }
}

extension TakeScript {
  private static let mostSteps = 4_000

  init(_ bytes: [UInt8]) {
    var input = InputReader(bytes)
    self.init(Setup(rawValue: input.u8()), Tracks.allCases[Int(input.u8()) % Tracks.allCases.count])
    while !input.isAtEnd, steps.count < TakeScript.mostSteps { steps.append(Step(&input)) }
  }

  var bytes: [UInt8] { [setup.rawValue, tracks.rawValue] + steps.flatMap(\.bytes) }
}

extension TakeScript.Step {
  init(_ input: inout InputReader) {
    switch input.u8() % 16 {
    case 5:
      let (track, from, length) = (input.u8(), input.u8(), input.u16() % 1600)
      self = .datagram(track: track, from: from, isRTCPPort: from & 0x80 != 0, input.take(length))
    case 6: self = .report(track: input.u8(), milliseconds: Int16(input.i16()), ticks: Int16(input.i16()))
    case 7: self = .wait(milliseconds: input.u8())
    case 8: self = .turns(input.u8())
    case 9: self = .leap(minutes: UInt16(input.u16()))
    case 10: self = .pause(keep: input.u8() & 1 == 1)
    case 11: self = .resume
    case 12: self = .addTrack(kind: input.u8())
    case 13: self = .stall(input.u8() & 1 == 1)
    case 14: self = .other(TakeScript.Other.allCases[Int(input.u8()) % TakeScript.Other.allCases.count])
    default:
      self = .burst(
        TakeScript.Burst(
          track: input.u8(), step: Int8(input.i8()), frames: Int8(input.i8()), flags: TakeScript.Burst.Flags(rawValue: input.u8()),
          head: input.u8(), size: input.u8(), count: input.u8(), lag: input.u8()))
    }
  }

  var bytes: [UInt8] {
    switch self {
    case .burst(let burst):
      return [
        0, burst.track, UInt8(bitPattern: burst.step), UInt8(bitPattern: burst.frames), burst.flags.rawValue, burst.head, burst.size,
        burst.count, burst.lag,
      ]
    case .datagram(let track, let from, let isRTCPPort, let bytes):
      return [5, track, from & 0x7f | (isRTCPPort ? 0x80 : 0), UInt8(bytes.count >> 8), UInt8(bytes.count & 0xff)] + bytes
    case .report(let track, let milliseconds, let ticks):
      var out: [UInt8] = [6, track]
      out.appendU16(UInt16(bitPattern: milliseconds))
      out.appendU16(UInt16(bitPattern: ticks))
      return out
    case .wait(let milliseconds): return [7, milliseconds]
    case .turns(let count): return [8, count]
    case .leap(let minutes): return [9, UInt8(minutes >> 8), UInt8(minutes & 0xff)]
    case .pause(let keep): return [10, keep ? 1 : 0]
    case .resume: return [11]
    case .addTrack(let kind): return [12, kind]
    case .stall(let isStalled): return [13, isStalled ? 1 : 0]
    case .other(let other): return [14, other.rawValue]
    }
  }
}
