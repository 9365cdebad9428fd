import Ground
import JSON
import Recording

/// Server-Sent Events (WHATWG HTML §9.2) of one recording or of all, made as the client takes them. Used by one connection's thread only.
final class EventStream {
  private let recorder: any RecorderControl
  private let recording: String?
  private let place: EventStreamPlace
  private let keepAlive: TimeSpan
  private var last: UInt64
  private var pending: [UInt8]
  /// How much of `pending` is sent.
  private var sent = 0
  private var isClosed: Bool
  /// The wait since something was last sent.
  private var silence = TimeSpan.zero

  /// How long one wait may last before the stream looks whether the client or the server is gone.
  private static let slice = TimeSpan.milliseconds(250)

  /// Throws what the recorder says to a stream that cannot be: an unknown recording.
  init(
    recorder: any RecorderControl, recording: String?, after last: UInt64, place: EventStreamPlace, keepAlive: TimeSpan
  ) throws(ControlError) {
    self.recorder = recorder
    self.recording = recording
    self.last = last
    self.place = place
    self.keepAlive = keepAlive
    let (events, closed) = try recorder.events(of: recording, after: last, timeout: .zero)
    // A comment goes first, so that the client sees the stream open before anything happens.
    pending = Array(": tapedeck events\n\n".utf8)
    isClosed = closed
    append(events)
  }

  /// The next bytes, at most `most`, waiting for events where there are none; nil at the end of the stream.
  func next(most: Int, isClientGone: () -> Bool) -> [UInt8]? {
    while sent == pending.count {
      pending = []
      sent = 0
      if isClosed || place.state.isStopping || isClientGone() { return nil }
      wait()
    }
    silence = .zero
    let end = min(sent + most, pending.count)
    defer { sent = end }
    return Array(pending[sent..<end])
  }

  private func wait() {
    let timeout = max(min(EventStream.slice, keepAlive - silence), .milliseconds(1))
    do throws(ControlError) {
      let (events, closed) = try recorder.events(of: recording, after: last, timeout: timeout)
      isClosed = closed
      append(events)
    } catch {
      // The recording was deleted meanwhile: nothing can follow.
      isClosed = true
    }
    silence += timeout
    if pending.isEmpty, !isClosed, silence >= keepAlive { pending = Array(": keep-alive\n\n".utf8) }
  }

  private func append(_ events: [RecordingEvent]) {
    for event in events {
      pending.append(contentsOf: "id: \(event.id)\nevent: \(event.type)\ndata: ".utf8)
      // JSON text has no line breaks of its own, so that one `data` line holds it.
      pending.append(contentsOf: event.json.bytes())
      pending.append(contentsOf: "\n\n".utf8)
      last = event.id
    }
  }
}
