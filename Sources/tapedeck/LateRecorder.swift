import Dispatch
import Ground
import JSON
import Recording
import Synchronization

/// Stands where the recorder will be while it completes what a crash left: the control socket is bound already, so that a second daemon
/// is refused. Calls wait a while for it, and are answered `starting` where it takes longer.
final class LateRecorder: RecorderControl, Sendable {
  private static let patience = DispatchTimeInterval.seconds(5)

  private let opened = Mutex<(any RecorderControl)?>(nil)
  /// Signalled once the recorder is there; who finds it so signals the next one.
  private let isOpen = DispatchSemaphore(value: 0)

  func open(_ recorder: any RecorderControl) {
    opened.withLock { $0 = recorder }
    isOpen.signal()
  }

  private func recorder() throws(ControlError) -> any RecorderControl {
    if let recorder = opened.withLock({ $0 }) { return recorder }
    if isOpen.wait(timeout: .now() + LateRecorder.patience) == .success { isOpen.signal() }
    guard let recorder = opened.withLock({ $0 }) else {
      throw ControlError(.starting, "the node is starting: interrupted recordings are being completed")
    }
    return recorder
  }

  func start(_ specification: RecordingSpecification) throws(ControlError) -> JSONValue { try recorder().start(specification) }
  func recording(_ id: String) throws(ControlError) -> JSONValue { try recorder().recording(id) }
  func recordings(_ query: RecordingQuery) throws(ControlError) -> (page: [JSONValue], total: Int) { try recorder().recordings(query) }
  func stop(_ id: String, wait: Bool) throws(ControlError) -> JSONValue { try recorder().stop(id, wait: wait) }
  func pause(_ id: String, mode: PauseMode) throws(ControlError) -> JSONValue { try recorder().pause(id, mode: mode) }
  func resume(_ id: String) throws(ControlError) -> JSONValue { try recorder().resume(id) }
  func cancel(_ id: String) throws(ControlError) -> JSONValue { try recorder().cancel(id) }
  func delete(_ id: String) throws(ControlError) -> JSONValue { try recorder().delete(id) }
  func addSource(_ source: SourceSpecification, to id: String) throws(ControlError) -> JSONValue {
    try recorder().addSource(source, to: id)
  }
  func addTracks(_ tracks: [TrackSpecification], to id: String, source: String) throws(ControlError) -> JSONValue {
    try recorder().addTracks(tracks, to: id, source: source)
  }
  func setMuted(_ isMuted: Bool, track: String, source: String, of id: String) throws(ControlError) -> JSONValue {
    try recorder().setMuted(isMuted, track: track, source: source, of: id)
  }
  func removeSource(_ source: String, from id: String) throws(ControlError) -> JSONValue {
    try recorder().removeSource(source, from: id)
  }
  func renegotiate(_ offer: String, source: String, of id: String) throws(ControlError) -> JSONValue {
    try recorder().renegotiate(offer, source: source, of: id)
  }
  func takeAnswer(_ answer: String, source: String, of id: String) throws(ControlError) -> JSONValue {
    try recorder().takeAnswer(answer, source: source, of: id)
  }
  func trickle(_ fragment: String, source: String, of id: String) throws(ControlError) -> String? {
    try recorder().trickle(fragment, source: source, of: id)
  }
  func folder(_ id: String) throws(ControlError) -> String { try recorder().folder(id) }
  func node() -> JSONValue { opened.withLock { $0 }?.node() ?? ["version": .string(Tapedeck.version), "starting": true] }
  func readiness() -> (ready: Bool, reason: String?) {
    opened.withLock { $0 }?.readiness() ?? (false, "interrupted recordings are being completed")
  }
  func metrics() -> String { opened.withLock { $0 }?.metrics() ?? "" }
  func events(of recording: String?, after last: UInt64?, timeout: TimeSpan) throws(ControlError)
    -> (events: [RecordingEvent], closed: Bool)
  { try recorder().events(of: recording, after: last, timeout: timeout) }
}
