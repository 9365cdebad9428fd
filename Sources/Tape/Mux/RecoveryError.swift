/// Why a file cannot be completed.
package enum RecoveryError: Error, Hashable, Sendable {
  /// It does not begin as a file of its container.
  case otherFile
  /// It ends before its header does: there is no media in it.
  case headerCut
  /// It does, but it is not laid out as Tapedeck's writer lays it out.
  case foreignLayout
  /// Reading failed at that offset.
  case unreadable(offset: Int64)
}
