import CLinux

import Glibc

/// An epoll set. Owns its descriptor.
final class Poller: Sendable {
  let descriptor: Int32

  init() {
    descriptor = clinux_epoll_create()
    precondition(descriptor >= 0, "epoll_create1 failed")
  }
  deinit { close(descriptor) }

  func add(_ fd: Int32, word: UInt64) { _ = clinux_epoll_add(descriptor, fd, word) }
  func remove(_ fd: Int32) { _ = clinux_epoll_remove(descriptor, fd) }

  /// Waits until something is ready, at most `milliseconds` (-1: without end), and fills `words`. Answers how many.
  func wait(into words: inout [UInt64], milliseconds: Int32) -> Int {
    unsafe words.withUnsafeMutableBufferPointer {
      Int(max(0, unsafe clinux_epoll_wait(descriptor, $0.baseAddress, Int32($0.count), milliseconds)))
    }
  }
}

/// Wakes a thread that waits in a `Poller`.
final class Waker: Sendable {
  let descriptor: Int32
  init() {
    descriptor = clinux_eventfd()
    precondition(descriptor >= 0, "eventfd failed")
  }
  deinit { close(descriptor) }
  func wake() { clinux_eventfd_signal(descriptor) }
  func clear() { clinux_eventfd_clear(descriptor) }
}
