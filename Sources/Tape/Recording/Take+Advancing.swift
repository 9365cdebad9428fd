import Codecs
package import Ground
import Peer
import RTCP
import Timeline
import Track

extension Take {
  /// Lets time pass: deadlines of jitter buffers, reports, requests, limits. Call at least every 100 ms while packets come.
  package func advance(to now: Instant) {
    guard !hasStopped else { return }
    if now >= nextHousekeeping {
      nextHousekeeping = now + .milliseconds(50)
      for participant in participants.indices { participants[participant].clock.advance(to: now) }
      for number in tracks.indices where !tracks[number].hasEnded {
        let participant = tracks[number].participant
        tracks[number].receiver.advance(to: now, clock: &participants[participant].clock, pool: pool)
        collect(number, at: now)
        noteStall(number, at: now)
      }
      requestKeyFrames(at: now)
      sendReports(at: now)
      checkLimits(at: now)
    }
    drain(at: now)
    if timeline.zero != nil, lastAdvance.map({ now - $0 >= .milliseconds(200) }) ?? true {
      lastAdvance = now
      order(.advance(timeline.reached(Int64(bitPattern: now.nanoseconds))))
    }
  }

  /// Moves a track's outputs into its participant's interleaver.
  func collect(_ number: Int, at now: Instant) {
    let participant = tracks[number].participant
    while let output = tracks[number].receiver.popOutput() {
      switch output {
      case .frame(let frame): admit(frame, number, participant, at: now)
      case .gap(let from, let to, let lost): tellGap(number, from, to, lost, at: now)
      case .resized(let size):
        var fields = trackFields(number)
        fields += [EventField("width", Int64(size.width)), EventField("height", Int64(size.height))]
        tell("track.resized", at: now, fields)
      }
    }
    while let correction = participants[participant].clock.popCorrection() {
      tell(
        "clock.corrected", at: now,
        [
          EventField("participant", participants[participant].id), EventField("cause", correction.cause.rawValue),
          EventField("amountMilliseconds", correction.amount.milliseconds),
        ])
    }
  }

  private func admit(_ frame: PlacedFrame, _ number: Int, _ participant: Int, at now: Instant) {
    if firstFrameAt == nil { firstFrameAt = now }
    if timeline.zero == nil {
      early.append(EarlyFrame(frame: frame, track: number, since: now))
      return
    }
    settle(frame, number, participant, since: now)
  }

  /// Gives a frame its media time and queues it.
  private func settle(_ frame: PlacedFrame, _ number: Int, _ participant: Int, since: Instant) {
    guard case .at(var time) = timeline.place(frame.place) else {
      tracks[number].receiver.retract(packets: frame.packets, cause: .paused)
      pool.give(frame.bytes)
      return
    }
    if tracks[number].awaitsKeyFrame {
      guard frame.isKey else {
        tracks[number].receiver.retract(packets: frame.packets, cause: .awaitingKeyFrame)
        tracks[number].receiver.needKeyFrame(at: since)
        pool.give(frame.bytes)
        return
      }
      tracks[number].awaitsKeyFrame = false
    }
    if let last = tracks[number].lastTime, time.milliseconds <= last.milliseconds {
      // Containers count in milliseconds, and no two frames of a track may share one.
      time = MediaTime(nanoseconds: (last.milliseconds + 1) * 1_000_000)
      tracks[number].timesAdjusted += 1
    }
    tracks[number].lastTime = time
    let encoded = EncodedFrame(
      bytes: frame.bytes, track: 0, time: time, duration: frame.duration, isKey: frame.isKey, size: frame.size)
    participants[participant].interleaver.push(
      Interleaver.Entry(frame: encoded, packets: frame.packets, track: number, since: since), lane: tracks[number].lane)
  }

  /// Orders what may go to tape.
  func drain(at now: Instant) {
    if timeline.zero == nil {
      guard let first = firstFrameAt, hasStopped || now >= first + Take.startPatience else { return }
      begin(at: now)
    }
    for participant in participants.indices {
      while let entry = participants[participant].interleaver.pop(at: now, isEnding: hasStopped) {
        put(entry, participant)
      }
    }
  }

  /// The timeline's zero is the earliest frame of those that came first.
  private func begin(at now: Instant) {
    guard let zero = early.map(\.frame.place).min() else { return }
    timeline.begin(at: zero)
    orderWallClock()
    let waiting = early
    early.removeAll()
    for item in waiting { settle(item.frame, item.track, tracks[item.track].participant, since: item.since) }
  }

  /// Orders one frame, opening the participant's file, or its next part, where needed.
  private func put(_ entry: Interleaver.Entry, _ participant: Int) {
    var entry = entry
    if !participants[participant].isOpen || tracks[entry.track].fileTrack == nil { openPart(participant, for: entry.track) }
    if tracks[entry.track].awaitsKeyFrame, !entry.frame.isKey {
      tracks[entry.track].receiver.retract(packets: entry.packets, cause: .awaitingKeyFrame)
      pool.give(entry.frame.bytes)
      return
    }
    if queuedBytes + entry.frame.bytes.count > Take.maximumQueuedBytes {
      tracks[entry.track].receiver.retract(packets: entry.packets, cause: .writerOverflow)
      if tracks[entry.track].specification.kind == .video {
        tracks[entry.track].awaitsKeyFrame = true
        tracks[entry.track].receiver.needKeyFrame(at: entry.since)
      }
      return
    }
    if tracks[entry.track].specification.kind == .video { tracks[entry.track].awaitsKeyFrame = false }
    queuedBytes += entry.frame.bytes.count
    entry.frame.track = tracks[entry.track].fileTrack ?? 0
    endTime = max(endTime, entry.frame.time + entry.frame.duration)
    order(.frame(participant: participant, entry.frame, packets: entry.packets, track: entry.track))
  }

  /// Opens the participant's first file, or the next part of its tape: a header cannot take in a track that nobody had declared.
  private func openPart(_ participant: Int, for cause: Int) {
    let numbers = participants[participant].tracks.filter { !tracks[$0].hasEnded || tracks[$0].fileTrack == nil || $0 == cause }
    // Video first: what players and HLS expect.
    let ordered =
      numbers.filter { tracks[$0].specification.kind == .video } + numbers.filter { tracks[$0].specification.kind == .audio }
    let isNextPart = participants[participant].isOpen
    var formats: [TrackFormat] = []
    for number in participants[participant].tracks { tracks[number].fileTrack = nil }
    for (index, number) in ordered.enumerated() {
      tracks[number].fileTrack = index
      formats.append(
        TrackFormat(
          codec: tracks[number].specification.codec, channels: tracks[number].specification.channels, size: tracks[number].receiver.size))
      if isNextPart, tracks[number].specification.kind == .video, number != cause {
        // The new part must begin with a picture that needs no other.
        tracks[number].awaitsKeyFrame = true
        tracks[number].receiver.needKeyFrame(at: lastPacketAt ?? startedAt)
      }
    }
    participants[participant].formats = formats
    participants[participant].isOpen = true
    order(.open(participant: participant, formats: formats))
  }

  private func tellGap(_ number: Int, _ from: Int64, _ to: Int64, _ lost: Int64, at now: Instant) {
    tracks[number].receiver.countGap(TimeSpan(nanoseconds: to - from))
    guard case .at(let start) = timeline.place(from), timeline.zero != nil else { return }
    var fields = trackFields(number)
    fields += [
      EventField("startSeconds", start.seconds), EventField("durationSeconds", Double(to - from) / 1e9),
      EventField("packetsLost", lost),
    ]
    tell("media.gap", at: now, fields)
  }

  private func noteStall(_ number: Int, at now: Instant) {
    guard tracks[number].hasStarted, !tracks[number].isStalled, let last = tracks[number].receiver.lastPacketAt,
      now - last >= Take.stallAfter
    else { return }
    tracks[number].isStalled = true
    tell("track.stalled", at: now, trackFields(number))
  }

  // MARK: RTCP

  func requestKeyFrames(at now: Instant) {
    for number in tracks.indices where tracks[number].specification.kind == .video && !tracks[number].hasEnded {
      let source = tracks[number].source
      let leg = tracks[number].leg
      guard let ssrc = tracks[number].receiver.ssrc, sources[source].legs[leg].peer.rtcpDestination != nil, !timeline.isPaused,
        tracks[number].receiver.shouldRequestKeyFrame(at: now)
      else { continue }
      writer.reset()
      writer.receiverReport(from: self.ssrc, blocks: [])
      writer.sourceDescription(of: self.ssrc, cname: cname)
      writer.pictureLossIndication(from: self.ssrc, media: ssrc)
      if transmit(source, leg) { tracks[number].receiver.countPLI() }
    }
  }

  private func sendReports(at now: Instant) {
    if let due = reportAt, now < due { return }
    reportAt = now + Take.reportInterval
    for source in sources.indices where !sources[source].isRemoved {
      for leg in sources[source].legs.indices {
        guard sources[source].legs[leg].peer.rtcpDestination != nil else { continue }
        let blocks = sources[source].legs[leg].tracks.compactMap { tracks[$0].receiver.reportBlock(at: now) }
        guard !blocks.isEmpty else { continue }
        writer.reset()
        writer.receiverReport(from: ssrc, blocks: blocks)
        writer.sourceDescription(of: ssrc, cname: cname)
        _ = transmit(source, leg)
      }
    }
  }

  /// Sends what `writer` holds; false where it could not be protected.
  private func transmit(_ source: Int, _ leg: Int) -> Bool {
    let peer = sources[source].legs[leg]
    guard let destination = peer.peer.rtcpDestination else { return false }
    var bytes = writer.bytes
    do {
      try peer.peer.protectRTCP(&bytes)
    } catch {
      return false
    }
    send(
      OutgoingDatagram(
        source: source, leg: leg, port: peer.hasRTCPPort ? .rtcp : .rtp, destination: destination, bytes: bytes))
    return true
  }

  // MARK: Limits

  private func checkLimits(at now: Instant) {
    guard limitReached == nil else { return }
    if let maximum = limits.maxDurationSeconds, timeline.zero != nil,
      timeline.reached(Int64(bitPattern: now.nanoseconds)).seconds >= maximum
    {
      limitReached = .maxDurationSeconds
    } else if let idle = limits.idleTimeoutSeconds, (now - (lastPacketAt ?? startedAt)).seconds >= idle {
      limitReached = .idleTimeoutSeconds
    }
    if let limit = limitReached { tell("limit.reached", at: now, [EventField("limit", limit.rawValue)]) }
  }

  /// The files together have grown to `bytes`.
  package func noteBytes(_ bytes: Int64, at now: Instant) {
    guard limitReached == nil, let maximum = limits.maxBytes, bytes >= maximum else { return }
    limitReached = .maxBytes
    tell("limit.reached", at: now, [EventField("limit", LimitReached.maxBytes.rawValue)])
  }
}

/// A frame that came before the timeline's zero was known.
struct EarlyFrame {
  var frame: PlacedFrame
  var track: Int
  var since: Instant
}
