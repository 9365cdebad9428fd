import Ground
import Peer
import Recording
import Synchronization

/// One thread that owns its sockets and the recordings on them.
///
/// While packets come it drains all sockets once a tick: a recorder has no latency to win, and a wake-up a packet is what receiving
/// costs. While none come it sleeps until one does.
final class MediaLoop: @unchecked Sendable {
  static let tickMilliseconds: Int32 = 20
  /// How often the writer is given what is ordered: its wake-ups cost too, and a file is no worse for being a little behind.
  static let handOverInterval = TimeSpan.milliseconds(100)
  /// So many recordings of usual bit rates take a small part of a core.
  static let comfortableLoad = 32
  /// How old a live recording's manifest on disk may be.
  static let noteInterval = TimeSpan.seconds(10)
  /// How long receiving may go on before reports, requests and limits have their turn.
  static let longestDrain = TimeSpan.milliseconds(100)

  private let sockets = Poller()
  private let commands = Poller()
  private let waker = Waker()
  private struct Mailbox {
    var bodies: [@Sendable (MediaLoop) -> Void] = []
    /// The thread is about to end and will not look again.
    var isClosed = false
  }
  private let mailbox = Mutex(Mailbox())
  private let isStopping = Atomic<Bool>(false)
  private var thread: WorkerThread?
  private let writer: WriterThread

  // The loop thread's own.
  private var slots: [LoopSocket?] = []
  private var freeSlots: [Int] = []
  private var takes: [ObjectIdentifier: LoopTake] = [:]
  private let batch = DatagramBatch()
  let pool = BufferPool(capacity: 8192)
  private var batches: [WriterThread.Batch] = []
  private var nextHandOver = Instant(nanoseconds: 0)
  private let lane: Int
  private var spare = WriterThread.Spare()
  /// Recordings on the loop, for choosing the least loaded.
  let load = Atomic<Int>(0)
  let packetsReceived = Atomic<UInt64>(0)
  /// The port that its WebRTC peers share; nil where each has its own.
  let shared: SharedSockets?
  /// Epoll words from here on are numbers of the shared port's sockets.
  private static let sharedWords: UInt64 = 1 << 32

  init(index: Int, writer: WriterThread, shared: SharedSockets? = nil) {
    self.writer = writer
    self.shared = shared
    lane = writer.addLane()
    for (number, socket) in (shared?.sockets ?? []).enumerated() {
      sockets.add(socket.descriptor, word: MediaLoop.sharedWords + UInt64(number))
    }
    sockets.add(waker.descriptor, word: UInt64.max)
    commands.add(waker.descriptor, word: UInt64.max)
    thread = WorkerThread(name: "media-\(index)") { [unowned self] in run() }
  }

  // MARK: From other threads

  /// Which loop the next recording goes to; nil where there are none. Waking a thread costs the same whether it finds much or little, so
  /// each is filled to `comfortableLoad` before the next one is begun, and only beyond that the least loaded is chosen.
  static func forOneMore(of loops: [MediaLoop]) -> MediaLoop? {
    loops.first { $0.load.load(ordering: .relaxed) < comfortableLoad }
      ?? loops.min { $0.load.load(ordering: .relaxed) < $1.load.load(ordering: .relaxed) }
  }

  /// Runs `body` on the loop's thread, soon. Answers false, and forgets it, where the thread has ended.
  @discardableResult func post(_ body: @escaping @Sendable (MediaLoop) -> Void) -> Bool {
    let isTaken = mailbox.withLock { mailbox in
      if !mailbox.isClosed { mailbox.bodies.append(body) }
      return !mailbox.isClosed
    }
    if isTaken { waker.wake() }
    return isTaken
  }

  /// Runs `body` on the loop's thread and returns when it has run; answers false where the thread has ended.
  @discardableResult func run(_ body: @escaping @Sendable (MediaLoop) -> Void) -> Bool {
    let done = Latch()
    guard
      post({ loop in
        body(loop)
        done.open()
      })
    else { return false }
    done.wait()
    return true
  }

  func stop() {
    isStopping.store(true, ordering: .releasing)
    waker.wake()
    thread?.join()
  }

  // MARK: On the loop's thread

  func add(_ item: LoopTake) {
    takes[ObjectIdentifier(item)] = item
    for socket in item.sockets { add(socket, to: item) }
  }

  func add(_ socket: LoopSocket, to item: LoopTake) {
    socket.owner = item
    guard let own = socket.socket else {
      shared?.add(socket)
      return
    }
    socket.slot = freeSlots.popLast() ?? slots.count
    if socket.slot == slots.count { slots.append(socket) } else { slots[socket.slot] = socket }
    sockets.add(own.descriptor, word: UInt64(socket.slot))
  }

  func remove(_ socket: LoopSocket) {
    guard let own = socket.socket else {
      shared?.remove(socket)
      return
    }
    sockets.remove(own.descriptor)
    slots[socket.slot] = nil
    freeSlots.append(socket.slot)
  }

  /// Ends a recording: drains its sockets once more, hands the last orders over, lets go of it.
  /// `ended` hears the take after its last packet and its last event, before the writer does.
  func end(_ item: LoopTake, at now: Instant, ended: (Take) -> Void) {
    guard takes.removeValue(forKey: ObjectIdentifier(item)) != nil else { return }
    for socket in item.sockets {
      drain(socket, until: now + MediaLoop.longestDrain)
      remove(socket)
    }
    item.take.stop(at: now)
    // The peers' farewells still leave by the sockets.
    collect(item, at: now, isHandOver: true, isLast: true)
    item.sockets.removeAll()
    ended(item.take)
    flush()
  }

  private func run() {
    var words = [UInt64](repeating: 0, count: 256)
    var isBusy = false
    var nextTick = Clocks.now()
    while !isStopping.load(ordering: .acquiring) {
      if isBusy {
        let wait = max(0, (nextTick - Clocks.now()).nanoseconds / 1_000_000 + 1)
        if wait > 0, commands.wait(into: &words, milliseconds: Int32(min(wait, 100))) > 0 { obey() }
      } else if sockets.wait(into: &words, milliseconds: takes.isEmpty ? -1 : 100) > 0 {
        obey()
      }
      let now = Clocks.now()
      guard !isBusy || now >= nextTick else { continue }
      nextTick = now + .milliseconds(Int64(MediaLoop.tickMilliseconds))
      isBusy = drainSockets(&words)
      tick(at: Clocks.now())
    }
    obey(isLast: true)
  }

  private func obey(isLast: Bool = false) {
    waker.clear()
    let bodies = mailbox.withLock { mailbox in
      defer { mailbox.bodies = [] }
      mailbox.isClosed = isLast
      return mailbox.bodies
    }
    for body in bodies { body(self) }
  }

  /// Receives all that waits; answers whether anything did.
  private func drainSockets(_ words: inout [UInt64]) -> Bool {
    var any = false
    // A flood must not keep the loop from its tick: what is left waits in the kernel.
    let end = Clocks.now() + MediaLoop.longestDrain
    var mayHaveMore = true
    while mayHaveMore, Clocks.now() < end {
      let ready = sockets.wait(into: &words, milliseconds: 0)
      mayHaveMore = ready == words.count
      for i in 0..<ready {
        if words[i] == UInt64.max {
          obey()
        } else if words[i] >= MediaLoop.sharedWords {
          any = true
          if receiveShared(Int(words[i] - MediaLoop.sharedWords)) { mayHaveMore = true }
        } else if Int(words[i]) < slots.count, let socket = slots[Int(words[i])] {
          any = true
          if receive(socket) { mayHaveMore = true }
        }
      }
    }
    return any
  }

  /// Receives what had come before the recording was ended; a flood that goes on is not waited out.
  private func drain(_ socket: LoopSocket, until end: Instant) {
    if socket.socket != nil {
      while receive(socket), Clocks.now() < end {}
    } else {
      for number in shared?.sockets.indices ?? 0..<0 { while receiveShared(number), Clocks.now() < end {} }
    }
  }

  /// Answers whether more may wait.
  private func receive(_ socket: LoopSocket) -> Bool {
    guard let own = socket.socket else { return false }
    let take: Take = socket.owner.take
    let (source, leg, port, local) = (socket.source, socket.leg, socket.port, own.address)
    return receive(from: own) { bytes, facts, _, arrival in
      guard !facts.isTruncated else {
        take.receiveOversized(source: source)
        return
      }
      take.receive(&bytes, from: facts.from, to: local, source: source, leg: leg, port: port, at: arrival)
    }
  }

  /// The same for a socket of the shared port.
  private func receiveShared(_ number: Int) -> Bool {
    guard let shared else { return false }
    return receive(from: shared.sockets[number]) { bytes, facts, now, arrival in
      shared.receive(&bytes, facts, on: number, at: now, arrival: arrival)
    }
  }

  /// Hands what waits on a socket to `body`, with the time and when it arrived; answers whether more may wait.
  private func receive(
    from socket: DatagramSocket, _ body: (inout MutableSpan<UInt8>, DatagramBatch.Facts, Instant, Instant) -> Void
  ) -> Bool {
    // One socket's flood must not keep the others waiting.
    for _ in 0..<16 {
      let count = batch.receive(from: socket)
      guard count > 0 else { return false }
      packetsReceived.add(UInt64(count), ordering: .relaxed)
      let now = Clocks.now()
      let wall = Clocks.wall()
      for i in 0..<count {
        batch.withDatagram(i) { bytes, facts in
          var arrival = now
          if let stamp = facts.stamp, stamp <= wall, wall - stamp < .milliseconds(5_000) { arrival = now - (wall - stamp) }
          body(&bytes, facts, now, arrival)
        }
      }
      if count < DatagramBatch.slots { return false }
    }
    return true
  }

  private func tick(at now: Instant) {
    let isHandOver = now >= nextHandOver
    if isHandOver { nextHandOver = now + MediaLoop.handOverInterval }
    shared?.advance(to: now)
    let wall = isHandOver ? Clocks.wall() : nil
    for item in takes.values {
      if let wall { item.take.observe(wall: wall, at: now) }
      item.take.advance(to: now)
      collect(item, at: now, isHandOver: isHandOver)
      item.letGoOfTheGone(on: self)
      if item.hasReportedStart, now >= item.nextNote {
        item.nextNote = now + MediaLoop.noteInterval
        item.observer.progressed()
      }
    }
    flush()
  }

  /// Takes what a recording has to say, and its orders where they are handed over now.
  private func collect(_ item: LoopTake, at now: Instant, isHandOver: Bool, isLast: Bool = false) {
    let released = item.job.accounts.releasedBytes.load(ordering: .relaxed)
    if released != item.releasedSoFar {
      item.take.written(bytes: released - item.releasedSoFar)
      item.releasedSoFar = released
    }
    // Before the events are taken: a limit that is reached is told before what it leads to.
    if !isLast { item.take.noteBytes(item.job.accounts.fileBytes.load(ordering: .relaxed), at: now) }
    sendOutgoing(item)
    let events = item.take.takeEvents()
    if isHandOver, item.take.hasOrders || isLast {
      var orders = spare.orders.popLast() ?? []
      item.take.takeOrders(into: &orders)
      batches.append(WriterThread.Batch(job: item.job, lane: lane, orders: orders, isLast: isLast, names: item.names))
      item.names.removeAll()
    }
    if !item.hasReportedStart, item.take.hasMedia {
      item.hasReportedStart = true
      item.observer.mediaBegan(at: now)
    }
    if !events.isEmpty { item.observer.events(events, at: now) }
    let changes = item.take.takePeerChanges()
    if !changes.isEmpty { item.observer.peersChanged(changes) }
    guard !isLast else { return }
    if let limit = item.take.limitReached { item.observer.limitReached(limit) }
    if item.job.accounts.hasFailed.load(ordering: .acquiring), let failure = item.job.accounts.state.withLock({ $0.failure }) {
      item.observer.failed(failure)
    }
  }

  /// Sends what a recording has to send.
  func sendOutgoing(_ item: LoopTake) {
    for datagram in item.take.takeOutgoing() { send(datagram, item) }
  }

  private func send(_ datagram: OutgoingDatagram, _ item: LoopTake) {
    let port: PeerPort = datagram.port == .rtcp ? .rtcp : .rtp
    for socket in item.sockets where socket.source == datagram.source && socket.leg == datagram.leg && socket.port == port {
      if let own = socket.socket {
        guard datagram.origin.map({ $0 == own.address }) ?? true else { continue }
        _ = own.send(datagram.bytes, to: datagram.destination)
      } else if let shared {
        shared.noteSent(datagram.bytes, by: socket)
        _ = shared.socket(at: datagram.origin)?.send(datagram.bytes, to: datagram.destination)
      }
      return
    }
  }

  private func flush() {
    guard !batches.isEmpty else { return }
    writer.submit(&batches, lane: lane, spare: &spare)
    while let bytes = spare.bytes.popLast() { pool.give(bytes) }
  }
}
