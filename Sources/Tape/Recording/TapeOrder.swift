package import Codecs
package import Ground

/// What the core tells the tape's writer, in order.
package enum TapeOrder: Sendable {
  /// Begin a file for the participant with these tracks; a file of an earlier part is finished first.
  case open(participant: Int, formats: [TrackFormat])
  /// One frame for the participant's current file. `track` is the take's track number, for the accounts.
  case frame(participant: Int, EncodedFrame, packets: Int, track: Int)
  /// The timeline has come this far: silence and stills may be filled in up to here.
  case advance(MediaTime)
  /// The wall clock of the timeline's zero is now this one (it moves when a pause closes the timeline up).
  case wallClock(zero: WallTime)
}

/// Something that happened, for the event stream: the contract's type without the common fields.
package struct TakeEvent: Sendable {
  package var type: String
  package var at: Instant
  package var fields: [EventField]
  package init(_ type: String, at: Instant, _ fields: [EventField] = []) {
    self.type = type
    self.at = at
    self.fields = fields
  }
}

/// One field of an event.
package struct EventField: Sendable, Equatable {
  package enum Value: Sendable, Equatable {
    case string(String)
    case integer(Int64)
    case number(Double)
    case bool(Bool)
  }
  package var name: String
  package var value: Value
  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = .string(value)
  }
  package init(_ name: String, _ value: Int64) {
    self.name = name
    self.value = .integer(value)
  }
  package init(_ name: String, _ value: Bool) {
    self.name = name
    self.value = .bool(value)
  }
  package init(_ name: String, _ value: Double) {
    self.name = name
    self.value = .number(value)
  }
}

/// RTCP to send.
package struct OutgoingDatagram: Sendable {
  package var source: Int
  package var leg: Int
  package var port: PeerSocket
  package var destination: SocketAddress
  package var bytes: [UInt8]
  /// Which of our addresses it leaves from; nil where the leg has one socket.
  package var origin: SocketAddress? = nil
}

/// Which of a leg's sockets a datagram leaves by.
package enum PeerSocket: Sendable { case rtp, rtcp }

/// Which limit ended a recording, by its field in the API.
package enum LimitReached: String, Sendable {
  case maxDurationSeconds, idleTimeoutSeconds, departureTimeoutSeconds, maxBytes
}
