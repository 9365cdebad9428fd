import Codecs
import Ground
import RTP
import Track

/// What goes to tape, and into which part of it.
///
/// A header cannot take in a track that nobody had declared. Such a track opens the next part, a file of its own on the same timeline.
/// A part begins with pictures that need no other: from the late track's first packet on a key frame is asked for, and at the change
/// all pictures up to it still go into the old part.
extension Take {
  /// Orders one frame, opening the participant's file, or its next part, where needed.
  func put(_ entry: consuming Interleaver.Entry, _ participant: Int) {
    if entry.frame.rotation != tracks[entry.track].fileRotation ?? entry.frame.rotation { turn(entry, participant) }
    if tracks[entry.track].fileTrack == nil {
      if participants[participant].isOpen { finishPictures(participant) }
      openPart(participant, for: entry.track)
    }
    write(entry, participant)
  }

  /// The sender holds its camera otherwise. A header says once how pictures must be turned, so the next part begins, with a key frame.
  private func turn(_ entry: borrowing Interleaver.Entry, _ participant: Int) {
    guard entry.frame.isKey else {
      tracks[entry.track].receiver.needKeyFrame(at: entry.since)
      return
    }
    finishPictures(participant)
    for number in participants[participant].tracks { tracks[number].fileTrack = nil }
  }

  private func write(_ entry: consuming Interleaver.Entry, _ participant: Int) {
    let number = entry.track
    let queued = queuedBytes + entry.frame.storedBytes
    switch tracks[number].passage(isKey: entry.frame.isKey, hasRoom: queued <= Take.maximumQueuedBytes) {
    case .open: break
    case .afterHole: closeHole(number, at: entry.frame.time, entry.since)
    case .needsKeyFrame:
      tracks[number].receiver.needKeyFrame(at: entry.since)
      refuse(entry, .awaitingKeyFrame)
      return
    case .overflow:
      if tracks[number].specification.kind == .video { tracks[number].receiver.needKeyFrame(at: entry.since) }
      refuse(entry, .writerOverflow)
      return
    }
    queuedBytes = queued
    let end = entry.frame.time + entry.frame.duration
    endTime = max(endTime, end)
    tracks[number].note(&entry.frame, packets: entry.packets, end: end)
    order(.frame(participant: participant, entry.frame, packets: entry.packets, track: number))
  }

  private func refuse(_ entry: consuming Interleaver.Entry, _ cause: PacketDiscard) {
    let number = entry.track
    tracks[number].receiver.retract(packets: entry.packets, cause: cause)
    if tracks[number].hole == nil { tracks[number].hole = TapeHole(start: entry.frame.time, cause: cause) }
    tracks[number].hole?.frames += 1
    pool.give(entry.frame.bytes)
  }

  /// Whole frames did not go to tape up to here; nil: up to the recording's end.
  func closeHole(_ number: Int, at time: MediaTime?, _ now: Instant) {
    guard let hole = tracks[number].hole.take() else { return }
    let span = (time ?? endTime) - hole.start
    guard span > .zero else { return }
    tellHole(
      Hole(start: hole.start, duration: span, cause: hole.cause.name, packetsLost: 0, framesDropped: Int64(hole.frames)), number, at: now)
  }

  /// A track that the participant's open file does not have has begun: the next part will need a key frame of each picture.
  func askForPart(_ number: Int, at now: Instant) {
    let participant = tracks[number].participant
    guard participants[participant].isOpen, tracks[number].fileTrack == nil else { return }
    for other in participants[participant].tracks where other != number && !tracks[other].hasEnded {
      tracks[other].receiver.needKeyFrame(at: now)
    }
    requestKeyFrames(at: now)
  }

  /// Before the next part: the pictures that wait and need earlier ones go into the old one.
  private func finishPictures(_ participant: Int) {
    for number in participants[participant].tracks where tracks[number].fileTrack != nil && tracks[number].specification.kind == .video {
      while let entry = participants[participant].interleaver.popDependent(lane: tracks[number].lane) { write(entry, participant) }
      tracks[number].tapeNeedsKeyFrame = true
    }
  }

  /// Opens the participant's first file, or the next part of its tape.
  private func openPart(_ participant: Int, for cause: Int) {
    let numbers = participants[participant].tracks.filter { number in
      number == cause || !tracks[number].hasEnded || !participants[participant].interleaver.isEmpty(lane: tracks[number].lane)
    }
    // Video first: what players and HLS expect.
    let ordered =
      numbers.filter { tracks[$0].specification.kind == .video } + numbers.filter { tracks[$0].specification.kind == .audio }
    var formats: [TrackFormat] = []
    for number in participants[participant].tracks {
      tracks[number].fileTrack = nil
      tracks[number].fileRotation = nil
    }
    for (index, number) in ordered.enumerated() {
      tracks[number].fileTrack = index
      var format =
        tracks[number].specification.kind == .audio
        ? TrackFormat(sound: tracks[number].specification.sound) : TrackFormat(codec: tracks[number].specification.codec, channels: 1)
      format.size = tracks[number].receiver.size
      format.mayRotate = tracks[number].receiver.extensions[.videoOrientation] != nil
      formats.append(format)
    }
    participants[participant].isOpen = true
    participants[participant].openedParts += 1
    for number in ordered { tracks[number].begin(part: participants[participant].openedParts) }
    order(.open(participant: participant, formats: formats))
  }
}
