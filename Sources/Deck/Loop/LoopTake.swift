import Ground
import Peer
import Recording

/// One recording on a media loop. Touched by the loop's thread only.
final class LoopTake: @unchecked Sendable {
  let take: Take
  let job: WriterJob
  /// Hears events and ends, on the loop's thread; must not block.
  let observer: any LoopObserver
  var sockets: [LoopSocket] = []
  var names: [(Int, String)] = []
  var hasReportedStart = false
  var releasedSoFar = 0
  /// When its numbers are next put on disk, for the case of a crash.
  var nextNote = Instant(nanoseconds: 0)

  private var named = 0

  init(take: Take, job: WriterJob, observer: any LoopObserver) {
    self.take = take
    self.job = job
    self.observer = observer
  }

  /// Takes over the sockets of a source or of tracks that were added. On the loop's thread.
  func listen(_ added: [LoopSocket], on loop: MediaLoop) {
    for socket in added {
      loop.add(socket, to: self)
      sockets.append(socket)
    }
    nameParticipants()
  }

  /// Closes the sockets of WebRTC peers that have left or failed for good.
  func letGoOfTheGone(on loop: MediaLoop) {
    guard sockets.contains(where: \.isOver) else { return }
    for socket in sockets where socket.isOver { loop.remove(socket) }
    sockets.removeAll(where: \.isOver)
  }

  /// Tells the writer what participants are called that it has not heard of.
  func nameParticipants() {
    let ids = take.participantIDs
    for number in named..<ids.count { names.append((number, ids[number])) }
    named = ids.count
  }
}

/// What a loop tells of a recording. Called on the loop's thread.
protocol LoopObserver: AnyObject, Sendable {
  func events(_ events: [TakeEvent], at now: Instant)
  func peersChanged(_ changes: [PeerChange])
  func mediaBegan(at now: Instant)
  /// Time has passed: the manifest on disk is no longer fresh.
  func progressed()
  func limitReached(_ limit: LimitReached)
  func failed(_ failure: TapeFailure)
}

/// A socket and where in its recording it belongs; or a WebRTC peer's place on the port that the loop's peers share.
final class LoopSocket: @unchecked Sendable {
  /// The peer's own; nil on the shared port.
  let socket: DatagramSocket?
  let source: Int
  let leg: Int
  let port: PeerPort
  let peer: WebRTCPeer?
  unowned var owner: LoopTake!
  var slot = 0
  /// As the shared port knows them.
  var fragmentKeys: [UInt64] = []
  init(socket: DatagramSocket?, source: Int, leg: Int, port: PeerPort, peer: WebRTCPeer? = nil) {
    self.socket = socket
    self.source = source
    self.leg = leg
    self.port = port
    self.peer = peer
  }

  /// Whether its peer has left or failed for good, so that nothing more is to come.
  var isOver: Bool { peer?.state == .failed || peer?.state == .closed }
}
