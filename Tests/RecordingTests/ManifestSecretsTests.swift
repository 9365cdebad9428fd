import Ground
import JSON
import Recording
import Testing

/// What a client is told, and what is stored, of a session's credentials.
@Suite struct ManifestSecretsTests {
  @Test func storedDescriptionsHaveNoPassword() throws {
    var source = SourceSpecification(tracks: [])
    source.webrtc = WebRTCSpecification(.makeOffer(audio: true, video: false))
    source.webrtc?.answer = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=mid:0\r\n"
    source.webrtc?.offer = "v=0\r\na=ice-pwd:0123456789012345678901\r\n"
    var manifest = Manifest(id: "r", specification: RecordingSpecification(room: "a", source: source), createdAt: Rig.wall)
    manifest.sources = [SourceDescription(id: "s1", ports: [], specification: source)]
    let stored = manifest.json(withSecrets: false).text()
    #expect(!stored.contains("ice-pwd") && !stored.contains("0123456789"))
    let told = manifest.json(withSecrets: false)["sources"]?.arrayValue?.first
    #expect(told?["answer"]?.stringValue == "v=0\r\na=ice-ufrag:abcd\r\na=mid:0\r\n")
    #expect(told?["offer"]?.stringValue == "v=0\r\n")
    #expect(manifest.json(withSecrets: true)["sources"]?.arrayValue?.first?["answer"]?.stringValue == source.webrtc?.answer)
  }

  @Test func tokensAreNeverToldAndURLsAreStoredWithoutTheirQueries() throws {
    var source = SourceSpecification(tracks: [])
    source.webrtc = WebRTCSpecification(.makeOffer(audio: true, video: true))
    var whep = WHEPSpecification(url: "https://sfu.example/whep/a?key=open-sesame#x")
    whep.token = Redacted("0123456789abcdef")
    source.webrtc?.whep = whep
    var manifest = Manifest(id: "r", specification: RecordingSpecification(room: "a", source: source), createdAt: Rig.wall)
    manifest.sources = [SourceDescription(id: "s1", ports: [], specification: source)]
    let stored = manifest.json(withSecrets: false)
    #expect(stored["sources"]?.arrayValue?.first?["type"] == "whep")
    #expect(stored["sources"]?.arrayValue?.first?["url"] == "https://sfu.example/whep/a?…")
    #expect(manifest.json(withSecrets: true)["sources"]?.arrayValue?.first?["url"]?.stringValue == whep.url)
    #expect(!stored.text().contains("sesame"))
    #expect(!manifest.json(withSecrets: true).text().contains("0123456789abcdef"))
    #expect(!"\(source)".contains("0123456789abcdef"))
  }
}
