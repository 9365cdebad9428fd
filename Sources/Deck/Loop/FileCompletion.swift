import Codecs
import Glibc
import Ground
import Mux
import Recording

/// Puts index and duration of a given-up file in place: a write failed, or its writer died.
enum FileCompletion {
  static func complete(_ file: inout FileStatus, folder: String) {
    guard let facts = complete(folder + "/" + file.path, file.container) else { return }
    file.bytes = FolderListing.size(folder + "/" + file.path) ?? facts.bytesKept
    file.isFinal = true
    file.durationSeconds = max(0, facts.duration.seconds - (file.startSeconds ?? 0))
  }

  /// Nil where nothing in the file can be played. On a disk that is full the last of the media makes room for the index: a file that
  /// can be sought is worth more than its last cluster.
  private static func complete(_ path: String, _ name: String) -> TapeFacts? {
    guard let container = TapeContainer(rawValue: name) else { return nil }
    let fd = unsafe open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    guard var length = FolderListing.size(path) else { return nil }
    for round in 0..<8 {
      guard let plan = try? TapeRecovery.plan(container, length: length, read: { FolderListing.read(fd, offset: $0, count: $1) }),
        plan.facts.clusters > 0
      else { return nil }
      if plan.isFinished { return plan.facts }
      guard ftruncate(fd, off_t(plan.truncateTo)) == 0 else { return nil }
      if FolderListing.put(plan.append, fd, at: plan.truncateTo), patch(plan, fd) {
        _ = fsync(fd)
        return plan.facts
      }
      guard errno == ENOSPC || errno == EDQUOT else { return nil }
      length = plan.truncateTo - Int64(plan.append.count + 4096) << Int64(round)
      _ = ftruncate(fd, off_t(max(0, plan.truncateTo)))
    }
    return nil
  }

  private static func patch(_ plan: RecoveryPlan, _ fd: Int32) -> Bool {
    plan.patches.allSatisfy { FolderListing.put($0.bytes, fd, at: $0.offset) }
  }
}
