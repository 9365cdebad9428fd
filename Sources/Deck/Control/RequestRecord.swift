package import Ground

/// One request as the daemon's log tells it. Holds no body and no query.
package struct RequestRecord: Sendable {
  package var method: String
  package var path: String
  /// The HTTP status, or 0 where the client was gone, or sent no HTTP, before there was one.
  package var status: Int
  package var duration: TimeSpan
  /// Bytes of the answer's body: as announced, or for events as sent.
  package var bytes: Int64
  /// Whether the whole answer was handed to the client.
  package var isComplete: Bool
}
