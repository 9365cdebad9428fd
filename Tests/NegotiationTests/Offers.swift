import SDP

/// Offers as real peers wrote them, without their longest lists of candidates.
enum Offers {
  static let chromium = """
    v=0
    o=- 6892192259161381945 2 IN IP4 127.0.0.1
    s=-
    t=0 0
    a=group:BUNDLE 0 1
    a=extmap-allow-mixed
    a=msid-semantic: WMS
    m=audio 42761 UDP/TLS/RTP/SAVPF 111 63
    c=IN IP4 192.0.2.2
    a=rtcp:9 IN IP4 0.0.0.0
    a=candidate:3726115740 1 udp 2113937151 192.0.2.2 42761 typ host generation 0 network-cost 999
    a=candidate:360628860 1 udp 2113942271 fd00::2 44414 typ host generation 0 network-cost 999
    a=ice-ufrag:zeMY
    a=ice-pwd:wHPvAiHFCjzwGIarZf9XH5RQ
    a=ice-options:trickle
    a=fingerprint:sha-256 D8:8A:69:58:02:DF:C6:DE:5C:91:5B:B6:C0:EC:83:0D:52:00:0C:F7:CE:82:FE:61:EC:E8:76:17:60:ED:57:24
    a=setup:actpass
    a=mid:0
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
    a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
    a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
    a=sendonly
    a=msid:- df559888-fc22-4461-a7c8-6cfc210a4099
    a=rtcp-mux
    a=rtcp-rsize
    a=rtcp-xr:rcvr-rtt=all
    a=rtpmap:111 opus/48000/2
    a=rtcp-fb:111 transport-cc
    a=fmtp:111 minptime=10;useinbandfec=1
    a=rtpmap:63 red/48000/2
    a=fmtp:63 111/111
    a=ssrc:855352909 cname:6PCA4Fmhy0VunXuv
    a=ssrc:855352909 msid:- df559888-fc22-4461-a7c8-6cfc210a4099
    m=video 9 UDP/TLS/RTP/SAVPF 96 97 118 119 120
    c=IN IP4 0.0.0.0
    a=rtcp:9 IN IP4 0.0.0.0
    a=ice-ufrag:zeMY
    a=ice-pwd:wHPvAiHFCjzwGIarZf9XH5RQ
    a=ice-options:trickle
    a=fingerprint:sha-256 D8:8A:69:58:02:DF:C6:DE:5C:91:5B:B6:C0:EC:83:0D:52:00:0C:F7:CE:82:FE:61:EC:E8:76:17:60:ED:57:24
    a=setup:actpass
    a=mid:1
    a=extmap:14 urn:ietf:params:rtp-hdrext:toffset
    a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
    a=extmap:13 urn:3gpp:video-orientation
    a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
    a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
    a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type
    a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing
    a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
    a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
    a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
    a=sendonly
    a=msid:- 5f9c6440-9dcb-459a-8ab6-4d6c99e4b922
    a=rtcp-mux
    a=rtcp-rsize
    a=rtcp-xr:rcvr-rtt=all
    a=rtpmap:96 VP8/90000
    a=rtcp-fb:96 goog-remb
    a=rtcp-fb:96 transport-cc
    a=rtcp-fb:96 ccm fir
    a=rtcp-fb:96 nack
    a=rtcp-fb:96 nack pli
    a=rtpmap:97 rtx/90000
    a=fmtp:97 apt=96
    a=rtpmap:118 red/90000
    a=rtpmap:119 rtx/90000
    a=fmtp:119 apt=118
    a=rtpmap:120 ulpfec/90000
    a=ssrc-group:FID 2580735959 917528567
    a=ssrc:2580735959 cname:6PCA4Fmhy0VunXuv
    a=ssrc:2580735959 msid:- 5f9c6440-9dcb-459a-8ab6-4d6c99e4b922
    a=ssrc:917528567 cname:6PCA4Fmhy0VunXuv
    a=ssrc:917528567 msid:- 5f9c6440-9dcb-459a-8ab6-4d6c99e4b922
    """

  static let chromiumSimulcast = """
    v=0
    o=- 1204594904020588630 2 IN IP4 127.0.0.1
    s=-
    t=0 0
    a=group:BUNDLE 0 1
    a=extmap-allow-mixed
    a=msid-semantic: WMS
    m=audio 49308 UDP/TLS/RTP/SAVPF 111 63
    c=IN IP4 192.0.2.2
    a=rtcp:9 IN IP4 0.0.0.0
    a=candidate:3887500834 1 udp 2113937151 192.0.2.2 49308 typ host generation 0 network-cost 999
    a=candidate:751849410 1 udp 2113942271 fd00::2 44680 typ host generation 0 network-cost 999
    a=ice-ufrag:78or
    a=ice-pwd:anX53f4sMyIsBd87HEIBCta7
    a=ice-options:trickle
    a=fingerprint:sha-256 CE:4A:0F:76:2B:1C:72:06:6E:EE:12:55:CF:D9:87:AF:C8:38:95:59:90:F8:0A:D7:ED:02:3E:E7:07:AF:87:81
    a=setup:actpass
    a=mid:0
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
    a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
    a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
    a=sendonly
    a=msid:- fd353085-5aa3-42e5-aca4-3d0d40da726b
    a=rtcp-mux
    a=rtcp-rsize
    a=rtcp-xr:rcvr-rtt=all
    a=rtpmap:111 opus/48000/2
    a=rtcp-fb:111 transport-cc
    a=fmtp:111 minptime=10;useinbandfec=1
    a=rtpmap:63 red/48000/2
    a=fmtp:63 111/111
    a=ssrc:647925524 cname:XSQYlCAy28UdDSlu
    a=ssrc:647925524 msid:- fd353085-5aa3-42e5-aca4-3d0d40da726b
    m=video 9 UDP/TLS/RTP/SAVPF 96 97 118 119 120
    c=IN IP4 0.0.0.0
    a=rtcp:9 IN IP4 0.0.0.0
    a=ice-ufrag:78or
    a=ice-pwd:anX53f4sMyIsBd87HEIBCta7
    a=ice-options:trickle
    a=fingerprint:sha-256 CE:4A:0F:76:2B:1C:72:06:6E:EE:12:55:CF:D9:87:AF:C8:38:95:59:90:F8:0A:D7:ED:02:3E:E7:07:AF:87:81
    a=setup:actpass
    a=mid:1
    a=extmap:14 urn:ietf:params:rtp-hdrext:toffset
    a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
    a=extmap:13 urn:3gpp:video-orientation
    a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
    a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
    a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type
    a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing
    a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
    a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
    a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
    a=extmap:12 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension
    a=extmap:9 http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00
    a=sendonly
    a=msid:- 950045e8-8cd3-463b-8406-678cf1f2f47b
    a=rtcp-mux
    a=rtcp-rsize
    a=rtcp-xr:rcvr-rtt=all
    a=rtpmap:96 VP8/90000
    a=rtcp-fb:96 goog-remb
    a=rtcp-fb:96 transport-cc
    a=rtcp-fb:96 ccm fir
    a=rtcp-fb:96 nack
    a=rtcp-fb:96 nack pli
    a=rtpmap:97 rtx/90000
    a=fmtp:97 apt=96
    a=rtpmap:118 red/90000
    a=rtpmap:119 rtx/90000
    a=fmtp:119 apt=118
    a=rtpmap:120 ulpfec/90000
    a=rid:q send
    a=rid:h send
    a=rid:f send
    a=simulcast:send q;h;f
    """

  static let firefox = """
    v=0
    o=mozilla...THIS_IS_SDPARTA-99.0 659420547643153682 0 IN IP4 0.0.0.0
    s=-
    t=0 0
    a=sendrecv
    a=fingerprint:sha-256 D1:5A:C3:EC:BF:13:60:63:85:B9:D6:CC:89:18:BA:16:91:4C:10:06:23:17:2F:D0:A2:96:C0:BC:0C:DD:0F:92
    a=group:BUNDLE 0 1
    a=ice-options:trickle
    a=msid-semantic:WMS *
    m=audio 53354 UDP/TLS/RTP/SAVPF 109
    c=IN IP4 192.0.2.2
    a=candidate:0 1 UDP 2122187007 192.0.2.2 53354 typ host
    a=candidate:1 1 UDP 2122252543 fd00::2 54503 typ host
    a=candidate:2 1 TCP 2105458943 192.0.2.2 9 typ host tcptype active
    a=candidate:3 1 TCP 2105524479 fd00::2 9 typ host tcptype active
    a=candidate:0 2 UDP 2122187006 192.0.2.2 37929 typ host
    a=candidate:1 2 UDP 2122252542 fd00::2 38505 typ host
    a=candidate:2 2 TCP 2105458942 192.0.2.2 9 typ host tcptype active
    a=candidate:3 2 TCP 2105524478 fd00::2 9 typ host tcptype active
    a=sendonly
    a=end-of-candidates
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
    a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level
    a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid
    a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
    a=extmap-allow-mixed
    a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
    a=ice-pwd:d409697bcc982459ec9c80160103e8ae
    a=ice-ufrag:384f0936
    a=mid:0
    a=msid:- {2c5ca9ad-6510-4bac-97aa-d0bb05866fe9}
    a=rtcp:37929 IN IP4 192.0.2.2
    a=rtcp-fb:109 transport-cc
    a=rtcp-mux
    a=rtpmap:109 opus/48000/2
    a=setup:actpass
    a=ssrc:269821547 cname:{ca888acf-6d7e-433b-8bd8-dbd8019908a4}
    m=video 0 UDP/TLS/RTP/SAVPF 120 124 123 122 119
    c=IN IP4 0.0.0.0
    a=bundle-only
    a=sendonly
    a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid
    a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
    a=extmap:5 urn:ietf:params:rtp-hdrext:toffset
    a=extmap:6/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
    a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
    a=extmap-allow-mixed
    a=fmtp:120 max-fs=12288;max-fr=60
    a=fmtp:124 apt=120
    a=fmtp:119 apt=122
    a=ice-pwd:d409697bcc982459ec9c80160103e8ae
    a=ice-ufrag:384f0936
    a=mid:1
    a=msid:- {3448b03e-93dc-4df8-b731-925b7fb1b29c}
    a=rtcp-fb:120 nack
    a=rtcp-fb:120 nack pli
    a=rtcp-fb:120 ccm fir
    a=rtcp-fb:120 goog-remb
    a=rtcp-fb:120 transport-cc
    a=rtcp-fb:123 nack
    a=rtcp-fb:123 nack pli
    a=rtcp-fb:123 ccm fir
    a=rtcp-fb:123 goog-remb
    a=rtcp-fb:123 transport-cc
    a=rtcp-fb:122 nack
    a=rtcp-fb:122 nack pli
    a=rtcp-fb:122 ccm fir
    a=rtcp-fb:122 goog-remb
    a=rtcp-fb:122 transport-cc
    a=rtcp-mux
    a=rtcp-rsize
    a=rtpmap:120 VP8/90000
    a=rtpmap:124 rtx/90000
    a=rtpmap:123 ulpfec/90000
    a=rtpmap:122 red/90000
    a=rtpmap:119 rtx/90000
    a=setup:actpass
    a=ssrc:3707955325 cname:{ca888acf-6d7e-433b-8bd8-dbd8019908a4}
    a=ssrc:352807762 cname:{ca888acf-6d7e-433b-8bd8-dbd8019908a4}
    a=ssrc-group:FID 3707955325 352807762
    """

  static let gstreamer = """
    v=0
    o=- 8107982153781732870 0 IN IP4 0.0.0.0
    s=-
    t=0 0
    a=ice-options:trickle
    a=group:BUNDLE audio0 video1
    m=audio 9 UDP/TLS/RTP/SAVPF 111
    c=IN IP4 0.0.0.0
    a=setup:actpass
    a=ice-ufrag:6fn1DP6NgftebRKvU//VqYJ6IOHauhg6
    a=ice-pwd:IcdmRuMMadYXaV6vcgrAmFV3nYfImTL1
    a=rtcp-mux
    a=rtcp-rsize
    a=sendonly
    a=rtpmap:111 OPUS/48000/2
    a=rtcp-fb:111 transport-cc
    a=fmtp:111 sprop-stereo=1;sprop-maxcapturerate=48000
    a=ssrc:2955772550 msid:user2089605330@host webrtctransceiver0
    a=ssrc:2955772550 cname:user2089605330@host
    a=mid:audio0
    a=fingerprint:sha-256 A4:32:3B:BC:33:31:5E:BA:49:11:7D:86:F1:33:12:55:F2:C9:5D:43:AA:34:9D:B3:95:95:1C:8E:2D:08:A0:2A
    a=rtcp-mux-only
    a=candidate:1 1 UDP 2015364095 127.0.0.1 50809 typ host
    a=candidate:2 1 TCP 1015022591 127.0.0.1 9 typ host tcptype active
    a=candidate:3 1 TCP 1010828287 127.0.0.1 59977 typ host tcptype passive
    m=video 0 UDP/TLS/RTP/SAVPF 96 97
    c=IN IP4 0.0.0.0
    a=setup:actpass
    a=ice-ufrag:6fn1DP6NgftebRKvU//VqYJ6IOHauhg6
    a=ice-pwd:IcdmRuMMadYXaV6vcgrAmFV3nYfImTL1
    a=bundle-only
    a=rtcp-mux
    a=rtcp-rsize
    a=sendonly
    a=rtpmap:96 VP8/90000
    a=rtcp-fb:96 nack
    a=rtcp-fb:96 nack pli
    a=rtcp-fb:96 ccm fir
    a=rtcp-fb:96 transport-cc
    a=framerate:30
    a=rtpmap:97 rtx/90000
    a=fmtp:97 apt=96
    a=ssrc-group:FID 3719752900 720459469
    a=ssrc:3719752900 msid:user2089605330@host webrtctransceiver1
    a=ssrc:3719752900 cname:user2089605330@host
    a=ssrc:720459469 msid:user2089605330@host webrtctransceiver1
    a=ssrc:720459469 cname:user2089605330@host
    a=mid:video1
    a=fingerprint:sha-256 A4:32:3B:BC:33:31:5E:BA:49:11:7D:86:F1:33:12:55:F2:C9:5D:43:AA:34:9D:B3:95:95:1C:8E:2D:08:A0:2A
    a=rtcp-mux-only
    """

  static let aiortc = """
    v=0
    o=- 4004249006 4004249006 IN IP4 0.0.0.0
    s=-
    t=0 0
    a=group:BUNDLE 0 1
    a=msid-semantic:WMS *
    m=audio 49489 UDP/TLS/RTP/SAVPF 96 9 0 8
    c=IN IP4 192.0.2.2
    a=sendonly
    a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
    a=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level
    a=mid:0
    a=msid:1234cd64-32b4-4926-9e2c-63eb3b5f8e28 4d806bc7-bd76-4d33-b57b-d90e35ff04bd
    a=rtcp:9 IN IP4 0.0.0.0
    a=rtcp-mux
    a=ssrc:1238157493 cname:b0c4e84c-1462-459d-bb68-5aa7778c9210
    a=rtpmap:96 opus/48000/2
    a=rtpmap:9 G722/8000
    a=rtpmap:0 PCMU/8000
    a=rtpmap:8 PCMA/8000
    a=candidate:f957a2332b1715da3b0ef8ba684454eb 1 udp 2130706431 192.0.2.2 49489 typ host
    a=candidate:d0bcf3d9c29a2bc887618212a1623bfa 1 udp 2130706431 fd00::2 46314 typ host
    a=end-of-candidates
    a=ice-ufrag:SWAG
    a=ice-pwd:epYj6Ju4MIhcKuZUpS1cS7
    a=fingerprint:sha-256 6D:B1:51:43:AA:68:88:1E:D0:10:06:77:B1:EC:1F:8E:AA:56:76:50:F1:F9:9A:88:F3:04:2B:E3:24:6C:53:D4
    a=fingerprint:sha-384 FF:F5:AA:03:92:D9:7A:14:EC:8B:41:F9:9A:6E:EC:F2:63:80:2C:DA:10:C2:17:A0:C0:25:F7:CD:44:12:6E:E8:CD:9E:82:3F:EC:9B:9E:D3:D8:27:E1:5E:FE:26:FE:69
    a=fingerprint:sha-512 0E:EE:ED:CC:DD:BD:C5:E1:13:65:0A:EE:AC:EF:A6:E0:11:51:70:43:37:DC:79:56:6D:C2:C7:B0:89:7D:21:26:14:31:B1:C5:E3:CF:DB:0C:B3:9E:38:11:72:04:29:C5:27:F7:3F:E7:86:C3:EB:D6:6B:43:D7:62:26:B3:FC:AD
    a=setup:actpass
    m=video 58046 UDP/TLS/RTP/SAVPF 97 98 99 100 101 102
    c=IN IP4 192.0.2.2
    a=sendonly
    a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
    a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
    a=mid:1
    a=msid:1234cd64-32b4-4926-9e2c-63eb3b5f8e28 569a7409-266b-4d53-a795-a8bd062cc59d
    a=rtcp:9 IN IP4 0.0.0.0
    a=rtcp-mux
    a=ssrc-group:FID 2994298040 3753246848
    a=ssrc:2994298040 cname:b0c4e84c-1462-459d-bb68-5aa7778c9210
    a=ssrc:3753246848 cname:b0c4e84c-1462-459d-bb68-5aa7778c9210
    a=rtpmap:97 VP8/90000
    a=rtcp-fb:97 nack
    a=rtcp-fb:97 nack pli
    a=rtcp-fb:97 goog-remb
    a=rtpmap:98 rtx/90000
    a=fmtp:98 apt=97
    a=rtpmap:99 H264/90000
    a=fmtp:99 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
    a=rtpmap:100 rtx/90000
    a=fmtp:100 apt=99
    a=rtpmap:101 H264/90000
    a=rtcp-fb:101 nack
    a=rtcp-fb:101 nack pli
    a=rtcp-fb:101 goog-remb
    a=fmtp:101 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
    a=rtpmap:102 rtx/90000
    a=fmtp:102 apt=101
    a=candidate:f957a2332b1715da3b0ef8ba684454eb 1 udp 2130706431 192.0.2.2 58046 typ host
    a=candidate:d0bcf3d9c29a2bc887618212a1623bfa 1 udp 2130706431 fd00::2 35419 typ host
    a=end-of-candidates
    a=ice-ufrag:SWAG
    a=ice-pwd:epYj6Ju4MIhcKuZUpS1cS7
    a=fingerprint:sha-256 6D:B1:51:43:AA:68:88:1E:D0:10:06:77:B1:EC:1F:8E:AA:56:76:50:F1:F9:9A:88:F3:04:2B:E3:24:6C:53:D4
    a=fingerprint:sha-384 FF:F5:AA:03:92:D9:7A:14:EC:8B:41:F9:9A:6E:EC:F2:63:80:2C:DA:10:C2:17:A0:C0:25:F7:CD:44:12:6E:E8:CD:9E:82:3F:EC:9B:9E:D3:D8:27:E1:5E:FE:26:FE:69
    a=fingerprint:sha-512 0E:EE:ED:CC:DD:BD:C5:E1:13:65:0A:EE:AC:EF:A6:E0:11:51:70:43:37:DC:79:56:6D:C2:C7:B0:89:7D:21:26:14:31:B1:C5:E3:CF:DB:0C:B3:9E:38:11:72:04:29:C5:27:F7:3F:E7:86:C3:EB:D6:6B:43:D7:62:26:B3:FC:AD
    a=setup:actpass
    """

  static func parse(_ text: String) throws -> SessionDescription { try SessionDescription(parsing: text + "\n") }
}
