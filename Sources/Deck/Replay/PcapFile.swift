import CPcap
import Ground

/// Owns libpcap's handle of a capture file, pcap or pcapng, and lends the frames in it one after the other.
@safe struct PcapFile: ~Copyable {
  private let handle: OpaquePointer
  private let path: String
  /// What the frames begin with.
  let linkLayer: LinkLayer
  private var bytes: UnsafePointer<UInt8>?
  private var count = 0
  /// When the frame was captured.
  private(set) var time = WallTime(nanosecondsSinceEpoch: 0)
  /// How many bytes the frame had on the wire: more than `frame` holds where the capture cut it.
  private(set) var wireBytes = 0
  /// Frames read so far.
  private(set) var frames = 0

  init(path: String) throws(CaptureError) {
    var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
    // libpcap takes "-" for standard input; here it is a file of that name, because a capture is read twice.
    let name = path == "-" ? "./-" : path
    let opened = unsafe pcap_open_offline_with_tstamp_precision(name, UInt32(PCAP_TSTAMP_PRECISION_NANO), &message)
    guard let opened = unsafe opened else {
      throw .cannotOpen(path: path, reason: PcapFile.reason(PcapFile.text(message), without: name))
    }
    let type = unsafe pcap_datalink(opened)
    guard let layer = LinkLayer(dataLinkType: type) else {
      let name = unsafe pcap_datalink_val_to_name(type).map { unsafe String(cString: $0) } ?? "type \(type)"
      unsafe pcap_close(opened)
      throw .unknownLinkLayer(path: path, name: name)
    }
    unsafe handle = opened
    linkLayer = layer
    self.path = path
    unsafe bytes = nil
  }

  deinit { unsafe pcap_close(handle) }

  /// Goes to the next frame; false at the file's end. Throws where the file is damaged, and would throw again.
  mutating func advance() throws(CaptureError) -> Bool {
    var header: UnsafeMutablePointer<pcap_pkthdr>?
    var data: UnsafePointer<UInt8>?
    let status = unsafe pcap_next_ex(handle, &header, &data)
    guard status == 1, let head = unsafe header?.pointee, let first = unsafe data else {
      unsafe bytes = nil
      count = 0
      if status == PCAP_ERROR_BREAK { return false }
      let reason = unsafe pcap_geterr(handle).map { unsafe String(cString: $0) } ?? "unreadable"
      throw .damaged(path: path, afterFrames: frames, reason: reason)
    }
    unsafe bytes = first
    count = Int(head.caplen)
    wireBytes = Int(head.len)
    // Opened with nanosecond precision: the microseconds' field holds nanoseconds. A file can claim any time; none may trap.
    let (seconds, overflow) = Int64(head.ts.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
    time = WallTime(nanosecondsSinceEpoch: overflow ? 0 : seconds &+ Int64(head.ts.tv_usec))
    frames += 1
    return true
  }

  /// The frame's captured bytes, until the next `advance()`.
  var frame: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: bytes, count: count))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  private static func text(_ message: [CChar]) -> String {
    String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// libpcap begins some messages with the path, which ours do already.
  private static func reason(_ message: String, without path: String) -> String {
    message.hasPrefix(path + ": ") ? String(message.dropFirst(path.count + 2)) : message
  }
}

extension LinkLayer {
  fileprivate init?(dataLinkType type: Int32) {
    switch type {
    case DLT_EN10MB: self = .ethernet
    case DLT_LINUX_SLL: self = .linuxCooked
    case DLT_LINUX_SLL2: self = .linuxCooked2
    case DLT_RAW, DLT_IPV4, DLT_IPV6: self = .rawIP
    case DLT_NULL, DLT_LOOP: self = .loopback
    default: return nil
    }
  }
}
