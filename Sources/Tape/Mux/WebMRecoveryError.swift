/// Why a file cannot be completed.
package enum WebMRecoveryError: Error, Hashable, Sendable {
  /// It does not begin as a WebM file.
  case notWebM
  /// It ends before its header does: there is no media in it.
  case headerCut
  /// It is WebM, but not laid out as Tapedeck's writer does.
  case foreignLayout
  /// Reading failed at that offset.
  case unreadable(offset: Int64)
}
