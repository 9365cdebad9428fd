import Codecs
import Ground
import RTCP
import RTP
import Recording

/// A sender of one stream, whose media carry their own number, so that what comes out can be told apart. Its clock starts at the rig's.
struct Sender {
  let specification: TrackSpecification
  var ssrc: UInt32
  var payloadType: UInt8
  var number: UInt16
  /// The RTP timestamp at the rig's start.
  var timestampBase: UInt32
  var pictureID: UInt16 = 100
  /// Counts what was made.
  private(set) var made: UInt32 = 0
  /// How much faster the sender's clock runs than ours, in parts of a million.
  var partsPerMillion = 0.0

  private init(_ specification: TrackSpecification, ssrc: UInt32) {
    self.specification = specification
    self.ssrc = ssrc
    payloadType = specification.payloadType.value
    number = UInt16(truncatingIfNeeded: ssrc &* 7)
    timestampBase = ssrc &* 1_000_003
  }

  static func audio(_ participant: String = "ada", ssrc: UInt32 = 1111, payloadType: UInt8 = 111, isDeclared: Bool = true) -> Sender {
    Sender(
      TrackSpecification(
        participant: participant, codec: .opus, payloadType: PayloadType(payloadType), ssrc: isDeclared ? SSRC(ssrc) : nil), ssrc: ssrc)
  }
  static func video(_ participant: String = "ada", ssrc: UInt32 = 2222, payloadType: UInt8 = 96, isDeclared: Bool = true) -> Sender {
    Sender(
      TrackSpecification(
        participant: participant, codec: .vp8, payloadType: PayloadType(payloadType), ssrc: isDeclared ? SSRC(ssrc) : nil), ssrc: ssrc)
  }

  var isVideo: Bool { specification.kind == .video }

  /// The RTP timestamp of what is captured `milliseconds` after the rig's start.
  func timestamp(_ milliseconds: Double) -> UInt32 {
    let rate = Double(specification.clockRate.hertz)
    let ticks = milliseconds / 1000 * rate * (1 + partsPerMillion / 1e6)
    return timestampBase &+ UInt32(truncatingIfNeeded: Int64(ticks.rounded()))
  }

  private mutating func header(_ milliseconds: Double, marker: Bool) -> RTPHeaderFields {
    defer { number &+= 1 }
    return RTPHeaderFields(
      payloadType: PayloadType(payloadType), marker: marker, sequenceNumber: SequenceNumber(number),
      timestamp: RTPTimestamp(timestamp(milliseconds)), ssrc: SSRC(ssrc))
  }

  /// A packet of 20 ms of sound.
  mutating func sound(_ milliseconds: Double, bytes: Int = 8) -> [UInt8] {
    made += 1
    var payload: [UInt8] = [0xf8]
    payload.appendU32(made)
    payload += [UInt8](repeating: 0x55, count: max(0, bytes - 5))
    return header(milliseconds, marker: false).packet(payload: payload)
  }

  /// What an encoder makes of 20 ms of digital silence.
  mutating func silence(_ milliseconds: Double) -> [UInt8] {
    made += 1
    return header(milliseconds, marker: false).packet(payload: [0xf8, 0xff, 0xfe])
  }

  /// The packets of one picture.
  mutating func picture(
    _ milliseconds: Double, isKey: Bool = false, packets: Int = 1, bytes: Int = 40, size: PictureSize = PictureSize(width: 640, height: 360)
  ) -> [[UInt8]] {
    made += 1
    var frame: [UInt8] = [isKey ? 0x30 : 0x31, 0, 0]
    if isKey {
      frame += [0x9d, 0x01, 0x2a, UInt8(size.width & 255), UInt8(size.width >> 8), UInt8(size.height & 255), UInt8(size.height >> 8)]
    }
    frame.appendU32(made)
    frame += [UInt8](repeating: 0x66, count: max(0, bytes - frame.count))
    let share = (frame.count + packets - 1) / packets
    defer { pictureID = (pictureID + 1) & 0x7fff }
    return (0..<packets).map { index in
      let descriptor: [UInt8] = [0x80 | (index == 0 ? 0x10 : 0), 0x80, 0x80 | UInt8(pictureID >> 8), UInt8(pictureID & 255)]
      let part = Array(frame[min(index * share, frame.count)..<min((index + 1) * share, frame.count)])
      return header(milliseconds, marker: index == packets - 1).packet(payload: descriptor + part)
    }
  }

  /// A packet of padding only.
  mutating func padding(_ milliseconds: Double) -> [UInt8] { header(milliseconds, marker: false).packet(payload: [], padding: 20) }

  /// The compound of a sender report that says that `milliseconds` after the rig's start was `ntpMilliseconds` by the sender's wall clock.
  func report(_ milliseconds: Double, ntpMilliseconds: Double) -> [UInt8] {
    var writer = RTCPWriter()
    let ntp = NTPTimestamp(nanoseconds: 4_000_000_000_000_000_000 + Int64(ntpMilliseconds * 1e6))
    writer.senderReport(
      SenderReport(
        ssrc: SSRC(ssrc), ntp: ntp, rtp: RTPTimestamp(timestamp(milliseconds)), packetCount: made, octetCount: made))
    writer.sourceDescription(of: SSRC(ssrc), cname: "sender")
    return writer.bytes
  }

  /// The number that the sender gave to what a frame carries.
  static func index(_ frame: EncodedFrame) -> UInt32 {
    let at = frame.bytes[0] == 0xf8 ? 1 : frame.bytes[0] & 1 == 0 ? 10 : 3
    return frame.bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }
}

extension Rig {
  /// The instant `milliseconds` after the rig's start.
  static func at(_ milliseconds: Double) -> Instant { Rig.start + TimeSpan(nanoseconds: Int64(milliseconds * 1e6)) }

  /// Milliseconds since the rig's start.
  var milliseconds: Double { (now - Rig.start).milliseconds }

  /// Sound from `first` to before `last` milliseconds, a packet every 20, each arriving `delay` later.
  func play(
    _ sender: inout Sender, from first: Double, to last: Double, delay: Double = 30, keyEvery: Int = .max, bytes: Int = 40,
    leg: Int = 0
  ) {
    if sender.isVideo {
      var count = 0
      var time = first
      while time < last {
        let isKey = count == 0 || (keyEvery < .max && count % keyEvery == 0)
        for packet in sender.picture(time, isKey: isKey, bytes: bytes) { deliver(packet, at: Rig.at(time + delay), leg: leg) }
        count += 1
        time = first + Double(count) * 1000 / 30
      }
    } else {
      for time in stride(from: first, to: last, by: 20) {
        deliver(sender.sound(time, bytes: bytes), at: Rig.at(time + delay), leg: leg)
      }
    }
  }
}

/// A camera that makes a key frame when it is asked to, after a while.
final class Camera {
  var sender: Sender
  private let rig: Rig
  private let roundTrip: Double
  private let leg: Int
  private(set) var asked: [Double] = []
  private var keyAfter: Double?

  init(_ sender: Sender, on rig: Rig, roundTrip: Double = 40, leg: Int = 0) {
    self.sender = sender
    self.rig = rig
    self.roundTrip = roundTrip
    self.leg = leg
    let before = rig.hear
    rig.hear = { [unowned self] datagram, at in
      before?(datagram, at)
      guard RTCPFacts(datagram.bytes).keyFrameRequests.contains(self.sender.ssrc) else { return }
      asked.append((at - Rig.start).milliseconds)
      if keyAfter == nil { keyAfter = (at - Rig.start).milliseconds + roundTrip }
    }
  }

  /// Films from `first` to before `last` milliseconds at 30 pictures a second, letting the rig's time pass.
  func film(from first: Double, to last: Double, delay: Double = 30, startsWithKey: Bool = true) {
    var count = 0
    var time = first
    while time < last {
      var isKey = count == 0 && startsWithKey
      if let after = keyAfter, time >= after {
        isKey = true
        keyAfter = nil
      }
      for packet in sender.picture(time, isKey: isKey) { rig.deliver(packet, at: Rig.at(time + delay), leg: leg) }
      rig.run(until: Rig.at(time))
      count += 1
      time = first + Double(count) * 1000 / 30
    }
    rig.run(until: Rig.at(last + delay))
  }
}
