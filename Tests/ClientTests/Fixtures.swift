/// Recordings as the contract writes them.
enum Fixtures {
  static let first = "019a8f00-1111-7000-8000-00000000aaaa"
  static let second = "019a8f00-2222-7000-8000-00000000bbbb"

  /// A running recording of one participant with sound and picture. `step` moves its counters: two seconds of media each.
  static func recording(
    _ id: String = first, room: String = "algebra-101", status: String = "recording", step: Int = 1, lost: Int = 0,
    error: String = "null"
  ) -> String {
    """
    {"id":"\(id)","room":"\(room)","title":"Week 3","status":"\(status)","interrupted":false,"error":\(error),"startedBy":"user-7",\
    "createdAt":"2026-11-21T12:07:00.000Z","startedAt":"2026-11-21T12:07:00.250Z","stoppedAt":null,"completedAt":null,\
    "durationSeconds":\(Double(step) * 2 + 0.5),"sources":[{"id":"s1","type":"rtp","state":"connected",\
    "ports":[{"track":"t1","ip":"127.0.0.1","port":40000,"rtcpPort":40000},{"track":"t2","ip":"127.0.0.1","port":40002,"rtcpPort":40003}],\
    "srtp":{"cryptoSuite":"AES_CM_128_HMAC_SHA1_80","keyBase64":"c2VjcmV0"},"answer":null,"remote":"192.0.2.1:5004","tracks":[\
    {"id":"t1","participant":"ada","kind":"audio","codec":"opus","payloadType":111,"ssrc":1111,"packetsReceived":\(step * 100),"packetsLost":0,\
    "packetsDiscarded":0,"bytesReceived":\(step * 8_000),"framesWritten":\(step * 100),"framesDropped":0,"keyFrames":0,\
    "jitterMilliseconds":0.4},\
    {"id":"t2","participant":"ada","kind":"video","codec":"VP8","payloadType":96,"ssrc":2222,"packetsReceived":\(step * 400),"packetsLost":\(lost),\
    "packetsDiscarded":3,"bytesReceived":\(step * 500_000),"framesWritten":\(step * 60),"framesDropped":1,"keyFrames":2,"width":1280,\
    "height":720,"jitterMilliseconds":1.25}]}],\
    "participants":[{"id":"ada","name":"Ada L.","joinedAt":"2026-11-21T12:07:01.000Z","leftAt":null}],\
    "files":[{"path":"recording.webm","kind":"media","participant":"ada","container":"webm","bytes":\(step * 508_000),\
    "durationSeconds":\(step * 2),"sha256":null,"final":\(status == "completed")}],\
    "hls":[{"participant":"ada","playlist":"hls/master.m3u8","segments":3,"live":true}],\
    "limits":{"maxDurationSeconds":7200,"idleTimeoutSeconds":60,"maxBytes":0},"metadata":{"course":17}}
    """
  }

  static func page(_ recordings: [String], hasMore: Bool = false, total: Int? = nil) -> String {
    """
    {"recordings":[\(recordings.joined(separator: ","))],\
    "pagination":{"limit":20,"offset":0,"total":\(total ?? recordings.count),"hasMore":\(hasMore)}}
    """
  }
}
