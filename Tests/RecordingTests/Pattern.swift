import Foundation
import Testing

/// Reads the test pattern of the captures out of a recording: the number of each picture from its bar code, the flashes, the beeps.
///
/// A picture's upper part is a code of 20 cells (white is one; 1, 0, sixteen bits, 0, 1) above the same code inverted. Once a second a white
/// box flashes for 100 ms and a tone beeps for 80 ms, both from the same moment; each fifth second's box is as wide as the picture and its
/// tone has 2 kHz instead of 1.
struct Pattern {
  struct Picture {
    var seconds: Double
    /// Nil where the code cannot be read.
    var number: Int?
    var isWhite: Bool
    var isWide: Bool
  }
  struct Beep {
    var seconds: Double
    var isHigh: Bool
  }
  struct Pair {
    /// The number of the flash's first picture.
    var number: Int
    /// Flash minus beep.
    var milliseconds: Double
  }
  var pictures: [Picture] = []
  var beeps: [Beep] = []

  private static let width = 320
  private static let height = 240

  /// Reads the first stream of each kind, from `start` seconds on.
  init(_ path: String, hasVideo: Bool = true, hasAudio: Bool = true, from start: Double? = nil) throws {
    let input = Pattern.input(path, from: start)
    if hasVideo { pictures = try Pattern.readPictures(path, input) }
    if hasAudio { beeps = try Pattern.readBeeps(input) }
  }

  /// One after the other, as their times say.
  init(joining parts: [Pattern]) {
    pictures = parts.flatMap(\.pictures)
    beeps = parts.flatMap(\.beeps).sorted { $0.seconds < $1.seconds }
  }

  /// Each flash with the beep that belongs to it.
  var pairs: [Pair] {
    var out: [Pair] = []
    var wasWhite = true
    for picture in pictures {
      defer { wasWhite = picture.isWhite }
      guard picture.isWhite, !wasWhite, let number = picture.number else { continue }
      let near = beeps.filter { $0.isHigh == picture.isWide && abs($0.seconds - picture.seconds) < 0.5 }
      guard let beep = near.min(by: { abs($0.seconds - picture.seconds) < abs($1.seconds - picture.seconds) }) else { continue }
      out.append(Pair(number: number, milliseconds: (picture.seconds - beep.seconds) * 1000))
    }
    return out
  }

  /// Holds what a presentation shows, picture by picture and beep by beep, against the tape: each at the tape's time. Pictures that came
  /// closer than the presentation's rate allows are left out, or shown again on a segment's boundary; none is shown before its time.
  static func compare(tape: Pattern, shown: Pattern, _ name: String, location: SourceLocation = #_sourceLocation) {
    func times(_ pictures: [Picture]) -> [Int: [Double]] {
      var times: [Int: [Double]] = [:]
      for picture in pictures {
        if let number = picture.number { times[number, default: []].append(picture.seconds) }
      }
      return times
    }
    let (taped, there) = (times(tape.pictures), times(shown.pictures))
    var thinned = 0
    for (number, places) in taped {
      for place in places where !(there[number] ?? []).contains(where: { abs($0 - place) <= 0.001 }) { thinned += 1 }
    }
    #expect(thinned * 20 <= tape.pictures.count, "\(thinned) of \(tape.pictures.count) pictures", sourceLocation: location)
    for (number, places) in there {
      for place in places {
        let isTrue = (taped[number] ?? []).contains { $0 <= place + 0.001 }
        #expect(isTrue, "picture \(number) shown at \(place)", sourceLocation: location)
      }
    }
    #expect(tape.beeps.count == shown.beeps.count, sourceLocation: location)
    // Single ones lie off by what a sender's timestamps wander, which the sound that is shown does not follow.
    let errors = zip(tape.beeps, shown.beeps).map { abs($0.seconds - $1.seconds) }
    #expect(errors.allSatisfy { $0 < 0.015 }, "\(errors)", sourceLocation: location)
    #expect(errors.reduce(0, +) <= 0.003 * Double(errors.count), "\(errors)", sourceLocation: location)
    if ProcessInfo.processInfo.environment["TAPEDECK_FIGURES"] != nil {
      print(
        "hls \(name): \(tape.pictures.count) pictures, \(thinned) thinned, \(errors.count) beeps, worst \((errors.max() ?? 0) * 1000) ms")
    }
  }

  private static func input(_ path: String, from start: Double?) -> [String] {
    (path.hasSuffix(".m3u8") ? ["-allowed_extensions", "ALL"] : []) + (start.map { ["-ss", "\($0)"] } ?? []) + ["-copyts", "-i", path]
  }

  /// Numbers after a name in what ffmpeg's info filters print.
  private static func values(_ name: String, in text: String) -> [Double] {
    text.split(separator: "\n").compactMap { line in
      guard line.contains("showinfo"), let at = line.range(of: name) else { return nil }
      return Double(line[at.upperBound...].drop { $0 == " " }.prefix { !$0.isWhitespace })
    }
  }

  private static func readPictures(_ path: String, _ input: [String]) throws -> [Picture] {
    let (pixels, text) = try Tool.run(
      "ffmpeg",
      ["-v", "info", "-nostdin", "-nostats"] + input + [
        "-map", "0:v:0", "-vf", "showinfo=checksum=0,scale=\(width):\(height):flags=area", "-fps_mode", "passthrough", "-pix_fmt", "gray",
        "-f",
        "rawvideo", "-",
      ])
    let times = values(" pts_time:", in: text)
    let size = width * height
    guard times.count == pixels.count / size else {
      throw Tool.Failure(description: "\(path): \(times.count) times for \(pixels.count / size) pictures")
    }
    return times.indices.map { index in
      let picture = pixels[(index * size)..<((index + 1) * size)]
      return Picture(
        seconds: times[index], number: number(picture), isWhite: mean(picture, 0.35, 0.65, 0.55, 0.75) > 150,
        isWide: mean(picture, 0.03, 0.2, 0.55, 0.75) > 150)
    }
  }

  /// The mean of a part of a picture, given in shares of its sides.
  private static func mean(_ picture: ArraySlice<UInt8>, _ left: Double, _ right: Double, _ top: Double, _ bottom: Double) -> Double {
    let columns = Int(left * Double(width))..<max(Int(right * Double(width)), Int(left * Double(width)) + 1)
    let rows = Int(top * Double(height))..<max(Int(bottom * Double(height)), Int(top * Double(height)) + 1)
    var sum = 0
    for row in rows {
      for column in columns { sum += Int(picture[picture.startIndex + row * width + column]) }
    }
    return Double(sum) / Double(rows.count * columns.count)
  }

  private static func number(_ picture: ArraySlice<UInt8>) -> Int? {
    let cells = (0..<20).map { cell -> Double in
      let (left, right) = ((Double(cell) + 0.3) / 20, (Double(cell) + 0.7) / 20)
      return mean(picture, left, right, 0.04, 0.11) - mean(picture, left, right, 0.19, 0.26)
    }
    guard cells.allSatisfy({ abs($0) >= 24 }) else { return nil }
    let bits = cells.map { $0 > 0 }
    guard bits[0], !bits[1], !bits[18], bits[19] else { return nil }
    return bits[2..<18].reduce(0) { $0 * 2 + ($1 ? 1 : 0) }
  }

  private static func readBeeps(_ input: [String]) throws -> [Beep] {
    let (bytes, text) = try Tool.run(
      "ffmpeg",
      ["-v", "info", "-nostdin", "-nostats"] + input + [
        "-map", "0:a:0", "-af", "aresample=48000,ashowinfo", "-ar", "48000", "-ac", "1", "-f", "f32le", "-",
      ])
    let starts = values(" pts_time:", in: text)
    let counts = values(" nb_samples:", in: text).map { Int($0) }
    var beeps: [Beep] = []
    var at = 0
    var lastLoud = -1.0
    var sound: [Float] = []
    sound.reserveCapacity(bytes.count / 4)
    for i in 0..<bytes.count / 4 {
      sound.append(Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[4 * i + $1]) << UInt32(8 * $1) }))
    }
    for (start, count) in zip(starts, counts) {
      for i in 0..<count where at + i < sound.count {
        guard abs(sound[at + i]) > 0.05 else { continue }
        let time = start + Double(i) / 48_000
        if time - lastLoud > 0.2, at + i >= 480 {
          var crossings = 0
          for k in (at + i)..<min(at + i + 1920, sound.count) - 1 where (sound[k] < 0) != (sound[k + 1] < 0) { crossings += 1 }
          beeps.append(Beep(seconds: time, isHigh: crossings > 120))
        }
        lastLoud = time
      }
      at += count
    }
    return beeps
  }
}
