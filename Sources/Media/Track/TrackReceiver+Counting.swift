/// What the track's owner did for it, or knows of it.
extension TrackReceiver {
  /// A key frame was asked for.
  package mutating func countPLI() { counters.pliSent += 1 }
  package mutating func countFIR() { counters.firSent += 1 }

  /// The packet that came last had been missing and was sent again as it was.
  package mutating func countRepetition() { counters.packetsRecovered += 1 }

  /// A frame that was given out is on tape although what it refers to is not.
  package mutating func countDegraded() { counters.framesDegraded += 1 }

  /// So many packets were asked for again.
  package mutating func countNACK(_ packets: Int) { counters.nackSent += UInt64(packets) }
}
