import Codecs
package import Ground
import Peer
import RTCP
import Track
import Transcode

/// What the take tells: to the sender by RTCP, to its owner by events and limits.
extension Take {
  // MARK: RTCP

  /// A presentation that copies pictures can begin a segment only where the sender began anew, so the sender is asked to where a segment
  /// should end.
  func needSegmentStarts(at now: Instant) {
    guard let copiedSegment, timeline.zero != nil, !timeline.isPaused else { return }
    let reached = timeline.reached(Int64(bitPattern: now.nanoseconds))
    for number in tracks.indices where !tracks[number].hasEnded && !tracks[number].isStalled {
      guard tracks[number].specification.codec.isPlayedInMP4, let first = tracks[number].firstKeyTime,
        let last = tracks[number].lastKeyTime
      else { continue }
      let grid = SegmentGrid(segment: copiedSegment, shortStart: first)
      if reached >= grid.boundary(after: last) { tracks[number].receiver.needKeyFrame(at: now) }
    }
  }

  func requestKeyFrames(at now: Instant) {
    guard !timeline.isPaused else { return }
    for number in tracks.indices where tracks[number].specification.kind == .video && !tracks[number].hasEnded {
      let leg = sources[tracks[number].source].legs[tracks[number].leg]
      guard let ssrc = tracks[number].receiver.ssrc, leg.rtcpDestination != nil,
        tracks[number].receiver.shouldRequestKeyFrame(at: now)
      else { continue }
      requestKeyFrame(of: ssrc, track: number, at: now)
    }
  }

  /// Asks by the kind of request that the track's sender understands. A full intra request that is repeated is a new command: a sender
  /// that obeyed, and whose key frame was lost, takes one of the same number for the one before (RFC 5104 §4.3.1.2).
  private func requestKeyFrame(of media: SSRC, track number: Int, at now: Instant) {
    beginFeedback(on: number, at: now)
    let usesFIR = tracks[number].usesFIR
    if usesFIR {
      writer.fullIntraRequest(from: ssrc, media: media, command: tracks[number].nextFIR)
    } else {
      writer.pictureLossIndication(from: ssrc, media: media)
    }
    guard transmit(tracks[number].source, tracks[number].leg) else { return }
    if usesFIR {
      tracks[number].nextFIR &+= 1
      tracks[number].receiver.countFIR()
    } else {
      tracks[number].receiver.countPLI()
    }
  }

  /// Asks for key frames of simulcast layers that would better the one on tape.
  func requestLayers(at now: Instant) {
    guard !timeline.isPaused else { return }
    for number in tracks.indices where tracks[number].selector != nil && !tracks[number].hasEnded {
      let wanted = tracks[number].selector?.wanted(at: now) ?? []
      guard !wanted.isEmpty else {
        tracks[number].layerRequest.satisfied()
        continue
      }
      let (source, leg) = (tracks[number].source, tracks[number].leg)
      tracks[number].layerRequest.need(at: now)
      guard sources[source].legs[leg].rtcpDestination != nil, tracks[number].layerRequest.shouldAsk(at: now) else { continue }
      for layer in wanted {
        guard let media = sources[source].legs[leg].router.ssrc(track: number, layer: layer) else { continue }
        requestKeyFrame(of: media, track: number, at: now)
      }
    }
  }

  /// Begins a datagram that asks something of a track's sender. The report in front is about that track's stream and no other: Janus goes
  /// by its first block to find whose feedback it is, and drops feedback behind a report of none.
  func beginFeedback(on number: Int, at now: Instant) {
    writer.reset()
    writer.receiverReport(from: ssrc, blocks: tracks[number].receiver.reportBlock(at: now).map { [$0] } ?? [])
    writer.sourceDescription(of: ssrc, cname: cname)
  }

  func sendReports(at now: Instant) {
    if let due = reportAt, now < due { return }
    reportAt = now + Take.reportInterval
    for source in sources.indices where !sources[source].isRemoved {
      for leg in sources[source].legs.indices where sources[source].legs[leg].rtcpDestination != nil {
        let blocks = sources[source].legs[leg].tracks.compactMap { tracks[$0].receiver.reportBlock(at: now) }
        // A report holds 31 blocks (RFC 3550 §6.4.2).
        for start in stride(from: 0, to: blocks.count, by: 31) {
          writer.reset()
          writer.receiverReport(from: ssrc, blocks: Array(blocks[start..<min(start + 31, blocks.count)]))
          writer.sourceDescription(of: ssrc, cname: cname)
          _ = transmit(source, leg)
        }
      }
    }
  }

  /// Sends what `writer` holds; false where it could not be protected.
  func transmit(_ source: Int, _ leg: Int) -> Bool {
    let peer = sources[source].legs[leg]
    guard let destination = peer.rtcpDestination else { return false }
    var bytes = writer.bytes
    guard peer.protectRTCP(&bytes) else { return false }
    send(
      OutgoingDatagram(
        source: source, leg: leg, port: peer.hasRTCPPort ? .rtcp : .rtp, destination: destination, bytes: bytes, origin: peer.rtcpOrigin))
    return true
  }

  // MARK: Events

  /// Tells of a track what may repeat as fast as packets come: within the track's budget.
  func tell(
    _ type: String, _ number: Int, _ budget: WritableKeyPath<TakeTrack, EventBudget>, at now: Instant, _ fields: [EventField]
  ) {
    guard tracks[number][keyPath: budget].allows(at: now) else { return }
    let suppressed = tracks[number][keyPath: budget].takeSuppressed()
    tell(type, at: now, trackFields(number) + fields + Take.suppressed(suppressed))
  }

  /// How many events of the kind were not told before this one.
  static func suppressed(_ count: Int64) -> [EventField] { count > 0 ? [EventField("suppressed", count)] : [] }

  /// Media is missing between two places on our clock. What lies in a pause is not missing.
  func tellGap(_ number: Int, _ gap: TrackGap, at now: Instant) {
    let start = timeline.reached(gap.from)
    let span = timeline.recorded(gap.from, gap.to)
    guard span > .zero else { return }
    var hole = Hole(start: start, duration: span, cause: gap.cause.rawValue, packetsLost: gap.packetsLost, framesDropped: 0)
    hole.isDegraded = gap.isDegraded
    tellHole(hole, number, at: now)
  }

  /// A track has a hole on the timeline.
  func tellHole(_ hole: Hole, _ number: Int, at now: Instant) {
    tracks[number].receiver.countGap(hole.duration)
    tracks[number].parts[tracks[number].parts.count - 1].holes.note(hole)
    var fields = [
      EventField("cause", hole.cause), EventField("startSeconds", hole.start.seconds),
      EventField("durationSeconds", hole.duration.seconds), EventField("packetsLost", hole.packetsLost),
    ]
    if hole.framesDropped > 0 { fields.append(EventField("framesDropped", hole.framesDropped)) }
    if hole.isDegraded { fields.append(EventField("degraded", true)) }
    tell("media.gap", number, \.gapEvents, at: now, fields)
  }

  func noteStall(_ number: Int, at now: Instant) {
    guard tracks[number].stalls(after: Take.stallAfter, at: now) else { return }
    tell("track.stalled", at: now, trackFields(number))
  }

  // MARK: Limits

  func checkLimits(at now: Instant) {
    departedAt = sources.allSatisfy(\.isOver) ? departedAt ?? now : nil
    guard limitReached == nil else { return }
    if let maximum = limits.maxDurationSeconds, timeline.zero != nil,
      timeline.reached(Int64(bitPattern: now.nanoseconds)).seconds >= maximum
    {
      reach(.maxDurationSeconds, at: now)
    } else if let idle = limits.idleTimeoutSeconds, (now - (lastPacketAt ?? startedAt)).seconds >= idle {
      reach(.idleTimeoutSeconds, at: now)
    } else if let grace = limits.departureTimeoutSeconds, let departedAt, (now - departedAt).seconds >= grace {
      reach(.departureTimeoutSeconds, at: now)
    }
  }

  /// The files together have grown to `bytes`.
  package func noteBytes(_ bytes: Int64, at now: Instant) {
    guard limitReached == nil, let maximum = limits.maxBytes, bytes >= maximum else { return }
    reach(.maxBytes, at: now)
  }

  private func reach(_ limit: LimitReached, at now: Instant) {
    limitReached = limit
    tell("limit.reached", at: now, [EventField("limit", limit.rawValue)])
  }
}
