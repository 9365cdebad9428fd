import Ground
import RTP

/// The last packets of one stream as they came, by their numbers. Its storage is made at the first packet and used again and again.
struct PacketWindow: Sendable {
  /// How many numbers are remembered: more than the longest mask spans, with what may come in between.
  static let capacity: Int64 = 256

  struct Packet: Sendable {
    var sequence: Int64 = .min
    var timestamp = RTPTimestamp(0)
    var bytes: [UInt8] = []
    /// Extension values that a sender may write on the way, after it has protected the packet; empty where it has none.
    var sendTime = 0..<0
    var transportNumber = 0..<0
  }

  private var packets: [Packet] = []
  private(set) var highest: Int64?

  /// Whether the packet of that number is remembered.
  func has(_ sequence: Int64) -> Bool {
    !packets.isEmpty && packets[slot(sequence)].sequence == sequence
  }

  /// The packet of that number, where it is remembered: else any other.
  subscript(_ sequence: Int64) -> Packet { packets[slot(sequence)] }

  /// Whether a number is too old to be remembered.
  func isPast(_ sequence: Int64) -> Bool { highest.map { sequence <= $0 - PacketWindow.capacity } ?? false }

  /// Remembers a packet; false where it is too old, or of a number that another packet had.
  mutating func remember(_ packet: RTPPacket, _ datagram: Span<UInt8>, sequence: Int64, extensions: RTPExtensionIDs) -> Bool {
    guard !isPast(sequence) else { return false }
    if packets.isEmpty { packets = [Packet](repeating: Packet(), count: Int(PacketWindow.capacity)) }
    let slot = slot(sequence)
    guard packets[slot].sequence != sequence else { return packets[slot].timestamp == packet.timestamp }
    packets[slot].sequence = sequence
    packets[slot].timestamp = packet.timestamp
    packets[slot].sendTime = packet.value(.absoluteSendTime, extensions, in: datagram) ?? 0..<0
    packets[slot].transportNumber = packet.value(.transportSequenceNumber, extensions, in: datagram) ?? 0..<0
    packets[slot].bytes.removeAll(keepingCapacity: true)
    packets[slot].bytes.append(copying: datagram, 0..<datagram.count)
    highest = max(highest ?? sequence, sequence)
    return true
  }

  /// Nothing is remembered any more; the storage is kept.
  mutating func forget() {
    for index in packets.indices { packets[index].sequence = .min }
    highest = nil
  }

  private func slot(_ sequence: Int64) -> Int { Int(truncatingIfNeeded: sequence & (PacketWindow.capacity - 1)) }
}
