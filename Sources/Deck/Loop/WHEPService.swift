import Ground
import Synchronization
import WHEP

/// The thread that asks WHEP servers.
final class WHEPService: Sendable {
  /// How long sessions may take to be ended when the node shuts down.
  private static let patience = TimeSpan.seconds(2)
  /// Where Debian and others keep the system's certificates under their hashes.
  private static let systemFolder = "/etc/ssl/certs"

  let client: WHEPClient
  private let thread: WorkerThread

  /// `caFile`: certificates that count beside the system's.
  init(caFile: String?) {
    let authorities = caFile.map { WHEPClient.Authorities(file: $0, folder: WHEPService.systemFolder) } ?? WHEPClient.Authorities()
    let client = WHEPClient(authorities: authorities, now: Clocks.now)
    self.client = client
    thread = WorkerThread(name: "whep") { client.run() }
  }

  /// Returns when the servers have been told of the ends that they were to be told of, or could not be in time.
  func stop() {
    client.stop(patience: WHEPService.patience)
    thread.join()
  }
}
