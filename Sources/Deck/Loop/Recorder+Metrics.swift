import Recording
import Synchronization
import Track

extension Recorder {
  package func readiness() -> (ready: Bool, reason: String?) {
    let (isShuttingDown, count) = state.withLock { ($0.isShuttingDown, $0.live.count + $0.starting) }
    if isShuttingDown { return (false, "the node is shutting down") }
    if let most = configuration.maxRecordings, count >= most { return (false, "maxRecordings: \(most) recordings are running") }
    if let free = freeBytes(), free < configuration.minimumFreeBytes { return (false, "the disk has \(free) bytes left") }
    return (true, nil)
  }

  package func metrics() -> String {
    let live = state.withLock { Array($0.live.values) }
    var byStatus: [String: Int] = [:]
    var totals: [(String, String, UInt64)] = []
    var received: UInt64 = 0
    var written: UInt64 = 0
    var lost: UInt64 = 0
    var discards: [String: UInt64] = [:]
    var bytes: Int64 = 0
    RecordingEntry.refresh(live)
    for entry in live {
      let manifest = entry.manifestNow()
      byStatus[manifest.status.rawValue, default: 0] += 1
      for track in manifest.snapshot.tracks {
        received += track.counters.packetsReceived
        written += track.counters.packetsInFrames
        lost += track.counters.packetsLost
        for cause in PacketDiscard.allCases where track.counters.discarded(cause) > 0 {
          discards[cause.name, default: 0] += track.counters.discarded(cause)
        }
      }
      for source in manifest.snapshot.sources { for item in source.discarded { discards[item.name, default: 0] += item.count } }
      bytes += entry.accounts.fileBytes.load(ordering: .relaxed)
    }
    totals.append(("tapedeck_live_packets_received", "RTP packets received by the tracks of live recordings", received))
    totals.append(("tapedeck_live_packets_written", "RTP packets of live recordings whose frames are on tape", written))
    totals.append(("tapedeck_live_packets_lost", "RTP packets of live recordings that never came", lost))
    var out = "# HELP tapedeck_recordings Live recordings by status.\n# TYPE tapedeck_recordings gauge\n"
    for status in RecordingStatus.allCases where !status.hasEnded {
      out += "tapedeck_recordings{status=\"\(status.rawValue)\"} \(byStatus[status.rawValue] ?? 0)\n"
    }
    for (name, help, value) in totals { out += "# HELP \(name) \(help).\n# TYPE \(name) gauge\n\(name) \(value)\n" }
    out +=
      "# HELP tapedeck_live_discarded Packets of live recordings that are not on tape, by cause.\n# TYPE tapedeck_live_discarded gauge\n"
    for (cause, count) in discards.sorted(by: { $0.key < $1.key }) { out += "tapedeck_live_discarded{cause=\"\(cause)\"} \(count)\n" }
    out +=
      "# HELP tapedeck_live_file_bytes Bytes of live recordings' files.\n# TYPE tapedeck_live_file_bytes gauge\ntapedeck_live_file_bytes \(bytes)\n"
    let all = loops.reduce(UInt64(0)) { $0 + $1.packetsReceived.load(ordering: .relaxed) }
    out +=
      "# HELP tapedeck_datagrams_received_total Datagrams received on media sockets.\n# TYPE tapedeck_datagrams_received_total counter\ntapedeck_datagrams_received_total \(all)\n"
    if let (peers, discarded) = sharedPortNumbers() {
      out +=
        "# HELP tapedeck_webrtc_port_peers WebRTC peers on the shared port.\n# TYPE tapedeck_webrtc_port_peers gauge\ntapedeck_webrtc_port_peers \(peers)\n"
      out +=
        "# HELP tapedeck_webrtc_port_discarded_total Datagrams on the shared port that were no peer's, by cause.\n# TYPE tapedeck_webrtc_port_discarded_total counter\n"
      for (cause, count) in discarded { out += "tapedeck_webrtc_port_discarded_total{cause=\"\(cause)\"} \(count)\n" }
    }
    if let resident = residentBytes {
      out +=
        "# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes \(resident)\n"
    }
    return out
  }
}
