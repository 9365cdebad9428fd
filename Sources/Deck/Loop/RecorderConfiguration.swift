package import Codecs
import Ground

/// How a node records.
package struct RecorderConfiguration: Sendable {
  /// The folder of all recordings.
  package var root: String
  package var portRange = PortRange(first: 40_000, last: 49_999)
  /// Where media sockets bind unless a source says otherwise; a literal address.
  package var listenIP = "127.0.0.1"
  /// What clients are told instead of the listening address, for hosts behind NAT.
  package var announceIP: String?
  /// Ports that WebRTC sources share, one for each media loop, of which there are then no more than ports; nil: each source has ports of
  /// its own in `portRange`.
  package var webrtcPorts: PortRange?
  /// The addresses of the shared ports; empty: `listenIP`.
  package var webrtcListenIPs: [String] = []
  /// What WebRTC peers are agreed with on, the most wanted first, unless a source says otherwise.
  package var webrtcCodecs = Codec.received
  /// Recordings at once; nil: no limit.
  package var maxRecordings: Int? = 1000
  /// Media loops; nil: one per core.
  package var threads: Int?
  /// Below so many free bytes on the disk, a start is refused.
  package var minimumFreeBytes: Int64 = 64 << 20
  /// How long a WHEP server may be away before the source has failed, unless the source says otherwise.
  package var whepGraceSeconds = 120.0
  /// For starts that do not say (`Limits.degradedAfterSeconds`).
  package var degradedAfterSeconds = 10.0
  /// Certificates (PEM) that WHEP servers may be certified by beside the system's.
  package var whepCAFile: String?
  package var version = "0.1.0"

  package init(root: String) { self.root = root }
}
