/// STUN as real peers sent it: datagram in hexadecimal, and the password that its MESSAGE-INTEGRITY was made with.
package struct CapturedSTUN: Sendable, CustomStringConvertible {
  package let name: String
  package let hex: String
  package let password: String?

  package var description: String { name }
  package var bytes: [UInt8] { hexBytes(hex) }

  package static let all: [CapturedSTUN] = [
    CapturedSTUN(
      name: "Chromium: a check without nomination",
      hex: """
        000100502112a4424f6e6264714f4a4b4a7a336d0006000d65613439373466613a7a654d59000000c0570004000003e7802a0008c1562bb0
        3a911d95002400046e001eff00080014f2846e3efbfd3289c24baa847e3b03d3c621704180280004cb5dc82f
        """, password: "be2e930e1a94069d566787e0"),
    CapturedSTUN(
      name: "aiortc: its answer to Chromium",
      hex: """
        0101002c2112a4424f6e6264714f4a4b4a7a336d002000080001861b5e12a44300080014ef33fcb772345dfcbbcdc52d1008ce295ec7d5bb
        802800042180c3d9
        """, password: "be2e930e1a94069d566787e0"),
    CapturedSTUN(
      name: "Chromium: a check that nominates",
      hex: """
        000100542112a4427675514c3433794b516e66300006000d65613439373466613a7a654d59000000c0570004000003e7802a0008c1562bb0
        3a911d9500250000002400046e001eff00080014b9c09546086b008d4cbdb7a030d860f7bcd397f68028000425834a96
        """, password: "be2e930e1a94069d566787e0"),
    CapturedSTUN(
      name: "Chromium: consent after 10 s",
      hex: """
        000100542112a4424b4962564e5a644e314742690006000d65613439373466613a7a654d59000000c0570004000003e7802a0008c1562bb0
        3a911d9500250000002400046e001eff000800142843b2699d05d5856a88c7d337b139abfa770b698028000426c215b4
        """, password: "be2e930e1a94069d566787e0"),
    CapturedSTUN(
      name: "Firefox: a check that nominates",
      hex: """
        000100502112a442eb55e92e8ea1e870b6d43b1e0006001139323439386231363a333834663039333600000000250000002400046e7e00ff
        802a0008c7d4f59b955c0dfb00080014cf860f61dbfe02e4c7ce7a5d3f4593501fd454778028000473859574
        """, password: "835389865895e9929e79b30f"),
    CapturedSTUN(
      name: "aiortc: its answer to Firefox",
      hex: """
        0101002c2112a442eb55e92e8ea1e870b6d43b1e002000080001f178e112a64000080014852010097e6b8a02c0b8ea8415ebcdc7f519955d
        8028000405c0a9bc
        """, password: "835389865895e9929e79b30f"),
    CapturedSTUN(
      name: "Firefox: consent after 5 s",
      hex: """
        0001004c2112a44203f1d1282b001fad1685d8780006001139323439386231363a3338346630393336000000002400047e7e00ff802a0008
        c7d4f59b955c0dfb00080014a5596ad83f599185ba97d7214d2bfd8abe04640b8028000441444b51
        """, password: "835389865895e9929e79b30f"),
    CapturedSTUN(
      name: "Chromium to Janus over IPv6",
      hex: """
        000100502112a44278384f746b31343836796a78000600097a4447743a4f304d45000000c0570004000003e7802a00089de67b86d30a992c
        00250000002400046e0032ff00080014ef7c8cab76f105287a1b584b62fe2ac13f0dfd1e8028000493b3b163
        """, password: "ecQ3wsOpgwQcVjjzEL0nLO"),
    CapturedSTUN(
      name: "Janus: its answer, USERNAME in it, padded with spaces",
      hex: """
        010100482112a44278384f746b31343836796a78002000140002abbcdc12a44278384f746b31343836796a7a000600097a4447743a4f304d
        4520202000080014b93664eadd6aa89f21f35062f0c5efd01485216f802800048270dd8b
        """, password: "ecQ3wsOpgwQcVjjzEL0nLO"),
    CapturedSTUN(
      name: "Janus: a check as the controlled side",
      hex: """
        000100442112a4427f45a39d5eb9b6b2541e2beb002400046e2001ff80290008748f9ded1acd3c30000600094f304d453a7a444774202020
        00080014a872e9cca494eaf7375e8515abdd0df183baef44802800046c391591
        """, password: "4A/H2Apv8jwF0UliCPOcIb+0"),
    CapturedSTUN(
      name: "Chromium: its answer to Janus",
      hex: """
        010100382112a4427f45a39d5eb9b6b2541e2beb0020001400026fccdc12a4427f45a39d5eb9b6b2541e2be900080014f21cf01142684cc9
        d882cba761e29ad1a7e514a480280004d81c6cb5
        """, password: "4A/H2Apv8jwF0UliCPOcIb+0"),
    CapturedSTUN(
      name: "Janus: an indication with nothing but a fingerprint",
      hex: """
        001100082112a442fe5c53bf9440c972de3c5f34802800041657d6c3
        """, password: nil),
  ]
}
