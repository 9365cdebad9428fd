import Glibc
import Synchronization

/// What the handler sets: a handler has no context of its own.
private let wasSignalled = Atomic<Bool>(false)

/// Makes SIGINT and SIGTERM a wish to stop, for a replay to end with its report: once asked for, a second signal ends the process as it
/// always did.
package enum StopOnSignal {
  /// To be called once, before the replay.
  package static func install() {
    for number in [SIGINT, SIGTERM] {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { _ in wasSignalled.store(true, ordering: .relaxed) }
      // Without SA_RESTART the sleep that is under way ends; with SA_RESETHAND the next signal finds its default again.
      action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
      _ = unsafe sigaction(number, &action, nil)
    }
  }

  /// Whether one of the signals has come.
  package static var isAsked: Bool { wasSignalled.load(ordering: .relaxed) }
}
