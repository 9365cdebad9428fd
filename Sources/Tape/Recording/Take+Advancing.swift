import Codecs
package import Ground
import Timeline
import Track

/// What a track told before the timeline's zero was known.
struct EarlyOutput {
  enum Content {
    case frame(PlacedFrame)
    case gap(TrackGap)
  }
  var content: Content
  var track: Int
  var since: Instant
}

extension Take {
  /// Lets time pass: deadlines of jitter buffers, reports, requests, limits. Call at least every 100 ms while packets come.
  package func advance(to now: Instant) {
    guard !hasStopped else { return }
    advancePeers(at: now)
    sendFeedback(at: now)
    let isHousekeeping = now >= nextHousekeeping
    if isHousekeeping {
      nextHousekeeping = now + .milliseconds(50)
      for participant in participants.indices { participants[participant].clock.advance(to: now) }
      for number in tracks.indices where !tracks[number].hasEnded {
        let participant = tracks[number].participant
        let round = tracks[number].repairRound()
        tracks[number].receiver.advance(to: now, round: round, clock: &participants[participant].clock, pool: pool)
        tracks[number].followRepairs()
        collect(number, at: now)
        noteSettling(number, at: now)
        noteStall(number, at: now)
      }
      setPatience()
      needSegmentStarts(at: now)
      requestKeyFrames(at: now)
      requestLayers(at: now)
      sendReports(at: now)
      checkLimits(at: now)
    }
    drain(at: now)
    if isHousekeeping { watchTracks(at: now) }
    if timeline.zero != nil, lastAdvance.map({ now - $0 >= .milliseconds(200) }) ?? true {
      lastAdvance = now
      order(.advance(timeline.reached(horizon(at: now))))
    }
  }

  /// Frames wait for those of another track of the participant as long as that track's packets may come.
  private func setPatience() {
    longWait = .zero
    for participant in participants.indices {
      var patience = Interleaver.shortestPatience
      for number in participants[participant].tracks { patience = max(patience, tracks[number].patience()) }
      participants[participant].interleaver.patience = patience
      longWait = max(longWait, patience - Interleaver.shortestPatience)
    }
  }

  /// Up to where nothing more waits for its place on the timeline, on our clock: frames of a track whose clock is still being learnt
  /// will lie as far back as its first packet.
  private func horizon(at now: Instant) -> Int64 {
    let oldest = now - Take.longestStart
    var horizon = now - longWait
    for number in tracks.indices {
      if let since = tracks[number].learning() { horizon = min(horizon, max(since, oldest)) }
    }
    return Int64(bitPattern: horizon.nanoseconds)
  }

  /// Moves a track's outputs into its participant's interleaver.
  func collect(_ number: Int, at now: Instant) {
    let participant = tracks[number].participant
    while let output = tracks[number].receiver.popOutput() {
      switch output {
      case .frame(let frame): admit(frame, number, at: now)
      case .gap(let gap):
        if timeline.zero == nil {
          early.append(EarlyOutput(content: .gap(gap), track: number, since: now))
        } else {
          tellGap(number, gap, at: now)
        }
      case .resized(let size):
        tell(
          "track.resized", number, \.sizeEvents, at: now,
          [EventField("width", Int64(size.width)), EventField("height", Int64(size.height))])
      case .rotated(let rotation):
        tell("track.rotated", number, \.sizeEvents, at: now, [EventField("rotation", Int64(rotation.rawValue))])
      }
    }
    tellCorrections(participant, at: now)
  }

  /// Tells what the participant's clocks were corrected by.
  func tellCorrections(_ participant: Int, at now: Instant) {
    while let correction = participants[participant].popCorrection() {
      guard participants[participant].clockEvents.allows(at: now) else { continue }
      let number = participants[participant].tracks.first { tracks[$0].receiver.clockIndex == correction.track }
      tell(
        "clock.corrected", at: now,
        [EventField("participant", participants[participant].id)] + (number.map { [EventField("track", tracks[$0].id)] } ?? []) + [
          EventField("cause", correction.cause.rawValue), EventField("amountMilliseconds", correction.amount.milliseconds),
          EventField("beforeMilliseconds", correction.before.milliseconds), EventField("afterMilliseconds", correction.after.milliseconds),
        ] + Take.suppressed(participants[participant].clockEvents.takeSuppressed()))
    }
  }

  private func admit(_ frame: consuming PlacedFrame, _ number: Int, at now: Instant) {
    guard timeline.zero == nil else {
      settle(frame, number, since: now)
      return
    }
    guard !timeline.isPaused(at: frame.place) else {
      refuse(frame, number, .paused)
      return
    }
    if firstFrameAt == nil { firstFrameAt = now }
    earlyBytes += EncodedFrame.storedBytes(frame.bytes.count)
    early.append(EarlyOutput(content: .frame(frame), track: number, since: now))
  }

  /// Gives a frame its media time and queues it.
  private func settle(_ frame: consuming PlacedFrame, _ number: Int, since: Instant) {
    guard case .at(var time) = timeline.place(frame.place) else {
      refuse(frame, number, .paused)
      return
    }
    guard passesResume(frame, number, at: time, since) else {
      refuse(frame, number, .awaitingKeyFrame)
      return
    }
    if let last = tracks[number].lastTime, time.milliseconds <= last.milliseconds {
      // Containers count in milliseconds, and no two frames of a track may share one.
      time = MediaTime(nanoseconds: (last.milliseconds + 1) * 1_000_000)
      tracks[number].timesAdjusted += 1
    }
    tracks[number].lastTime = time
    if tracks[number].startDelay == nil, let began = tracks[number].firstPacketAt {
      tracks[number].startDelay = max(.zero, TimeSpan(nanoseconds: frame.place - Int64(bitPattern: began.nanoseconds)))
    }
    if frame.isKey {
      tracks[number].noteKeyFrame(at: time)
      tracks[number].passesDegraded = false
    } else if tracks[number].passesDegraded, !frame.isDegraded {
      tracks[number].receiver.countDegraded()
    }
    var encoded = EncodedFrame(
      bytes: frame.bytes, track: 0, time: time, duration: frame.duration, isKey: frame.isKey, size: frame.size)
    encoded.rotation = frame.rotation
    participants[tracks[number].participant].interleaver.push(
      Interleaver.Entry(frame: encoded, packets: frame.packets, track: number, since: since), lane: tracks[number].lane)
  }

  /// After a pause pictures wait for a key frame, as they do behind a loss, and as long: where none comes they refer to what was captured in
  /// the pause. What is left out meanwhile is told as a hole.
  private func passesResume(_ frame: borrowing PlacedFrame, _ number: Int, at time: MediaTime, _ since: Instant) -> Bool {
    guard let from = tracks[number].keyFrameFrom, frame.place >= from else { return true }
    let isDegraded = !frame.isKey
    if isDegraded, limits.degradedAfter.map({ frame.place - from < $0.nanoseconds }) ?? true {
      tracks[number].receiver.needKeyFrame(at: since)
      if tracks[number].resumeHole == nil { tracks[number].resumeHole = TapeHole(start: time, cause: .awaitingKeyFrame) }
      tracks[number].resumeHole?.frames += 1
      tracks[number].resumeHole?.last = time
      return false
    }
    tracks[number].keyFrameFrom = nil
    tracks[number].passesDegraded = isDegraded
    closeResumeHole(number, at: time, isDegraded: isDegraded, since)
    return true
  }

  /// Pictures go to tape again behind a pause, from `time` on; nil: the recording ends.
  func closeResumeHole(_ number: Int, at time: MediaTime?, isDegraded: Bool, _ now: Instant) {
    guard let hole = tracks[number].resumeHole.take() else { return }
    let time = time ?? max(endTime, hole.last)
    guard time > hole.start else { return }
    var told = Hole(
      start: hole.start, duration: time - hole.start, cause: hole.cause.name, packetsLost: 0, framesDropped: Int64(hole.frames))
    told.isDegraded = isDegraded
    tellHole(told, number, at: now)
  }

  private func refuse(_ frame: consuming PlacedFrame, _ number: Int, _ cause: PacketDiscard) {
    tracks[number].receiver.retract(packets: frame.packets, cause: cause)
    pool.give(frame.bytes)
  }

  /// Orders what may go to tape.
  func drain(at now: Instant) {
    if timeline.zero == nil {
      guard mayBegin(at: now) else { return }
      begin(at: now)
    }
    for participant in participants.indices {
      while let entry = participants[participant].interleaver.pop(at: now, isEnding: hasStopped) { put(entry, participant) }
    }
  }

  /// Whether the timeline's zero can be chosen: the first frame has waited, and so far as it may every track that has begun.
  private func mayBegin(at now: Instant) -> Bool {
    guard let first = firstFrameAt else { return false }
    if hasStopped || earlyBytes > Take.maximumEarlyBytes || now >= first + Take.longestStart { return true }
    return now >= first + Take.startPatience && !tracks.contains { $0.settlingSince != nil }
  }

  /// The timeline's zero is the earliest frame of those that came first.
  private func begin(at now: Instant) {
    var zero = Int64.max
    for item in early {
      if case .frame(let frame) = item.content { zero = min(zero, frame.place) }
    }
    guard zero != .max else { return }
    timeline.begin(at: zero)
    orderWallClock()
    var waiting: [EarlyOutput] = []
    swap(&waiting, &early)
    earlyBytes = 0
    for item in waiting {
      switch item.content {
      case .frame(let frame): settle(frame, item.track, since: item.since)
      case .gap(let gap): tellGap(item.track, gap, at: now)
      }
    }
  }
}
