import Ground
import RTP
import RTCP

/// The answer of a parser, as a value that tables can hold.
func parsed(_ datagram: [UInt8]) -> Result<RTPPacket, WireError> {
  do throws(WireError) {
    return .success(try RTPPacket(parsing: datagram.span))
  } catch {
    return .failure(error)
  }
}

/// All header extension elements in order, as RFC 8285 has them.
func elements(of packet: RTPPacket, in datagram: [UInt8]) -> [RTPElement] {
  var walk = RTPExtensionElements(packet)
  var out: [RTPElement] = []
  while let element = walk.next(in: datagram.span) { out.append(RTPElement(element.id, Array(datagram[element.value]))) }
  return out
}

struct RTPElement: Equatable {
  var id: UInt8
  var value: [UInt8]
  init(_ id: UInt8, _ value: [UInt8]) { (self.id, self.value) = (id, value) }
}

/// A header as the RFC draws it, field by field, so that tests can lie about any of them.
func rtp(
  version: UInt8 = 2, padding: Bool = false, extensionBit: Bool = false, csrcCount: UInt8 = 0, second: UInt8 = 0xe0, rest: [UInt8] = []
) -> [UInt8] {
  [version << 6 | (padding ? 0x20 : 0) | (extensionBit ? 0x10 : 0) | csrcCount, second, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4]
    + rest
}

/// What a whole RTCP datagram tells, and the error that ended it.
struct RTCPTold: Equatable {
  var packets: [RTCPPacket] = []
  var error: WireError?

  init(_ datagram: [UInt8]) {
    var reader = RTCPReader()
    do throws(WireError) {
      while let packet = try reader.next(in: datagram.span) { packets.append(packet) }
    } catch {
      self.error = error
    }
  }

  init(_ packets: [RTCPPacket], _ error: WireError? = nil) { (self.packets, self.error) = (packets, error) }
}

/// An RTCP packet of a body of whole words; `length` lies where it is given.
func rtcp(_ type: UInt8, count: UInt8 = 0, padding: Bool = false, length: UInt16? = nil, version: UInt8 = 2, _ body: [UInt8]) -> [UInt8] {
  var out: [UInt8] = [version << 6 | (padding ? 0x20 : 0) | count, type]
  out.appendU16(length ?? UInt16(body.count / 4))
  return out + body
}

/// Numbers as four big-endian bytes each.
func words(_ values: UInt32...) -> [UInt8] {
  var out: [UInt8] = []
  for value in values { out.appendU32(value) }
  return out
}

/// A header extension's value, found by its id.
func extensionValue(_ id: UInt8, of packet: RTPPacket, in datagram: [UInt8]) -> [UInt8]? {
  packet.extensionValue(id: id, in: datagram.span).map { Array(datagram[$0]) }
}

func looksLikeRTCP(_ datagram: [UInt8]) -> Bool { RTCPReader.looksLikeRTCP(datagram.span) }

/// The big-endian 32 bits at `at`.
func word(_ bytes: [UInt8], at: Int) -> UInt32 { bytes.span.u32(at: at) }
