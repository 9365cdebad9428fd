import Foundation

/// ClientHellos as browsers and a server sent them, datagram by datagram, out of captures of their handshakes.
enum CapturedHello: String, CaseIterable {
  case chromium, firefox, janus

  var datagrams: [[UInt8]] {
    switch self {
    // Chromium 156: DTLS 1.3 and X25519MLKEM768 offered, 1413 bytes in 1187 and 250.
    case .chromium: [CapturedHello.chromiumFirst, CapturedHello.chromiumSecond].map(CapturedHello.bytes)
    // Firefox 153: the same offer, 1461 bytes in 1395 and 90.
    case .firefox: [CapturedHello.firefoxFirst, CapturedHello.firefoxSecond].map(CapturedHello.bytes)
    // Janus 1.1.2 as DTLS client: one datagram, DTLS 1.2.
    case .janus: [CapturedHello.bytes(CapturedHello.janusOnly)]
    }
  }

  private static func bytes(_ base64: String) -> [UInt8] {
    [UInt8](Data(base64Encoded: base64, options: .ignoreUnknownCharacters) ?? Data())
  }

  private static let chromiumFirst = """
    Fv7/AAAAAAAAAAAEowEABYUAAAAAAAAEl/79NV/FUdnz0VOUjzVQ+fS95wEYdVLOTSDRxjmKg6lBim8AAAAcEwETAhMDwCvAL8ypzKjACcATwArAFACcAC8A
    NQEABT8ACwACAQAAMwTqBOgR7ATAeZBWaDdwuQp0u2WzgyrN7PtaubhE3OKOT5laaux0pkK9SHQlB1Fck2w4ChGVlLl6eumMBtCeWDAmaaS8QuiL4hLJE+Sf
    7HOs8RdbkKZDoPVYauyxNZoHroc99VgKratBTXhgdUhyeQOmmYFxYpowJyteefo5JTjKerF1I3QpWBdTdpSZwGM3U3nAHkIyeJNvOHks33IXCKwrelYrILQu
    A/M/3GotGsGhECCiZ4M6Xnmn0TQfc5NiZVlezKxfUcKguxE7T6khX7exruRYUFB4keKeD1qOmbJVHuQ8iltg6LHM15aNR1x1sxacBuMVuNGKLimXAKoRCHXB
    frkafkzCzxAH84t6vVVyk7h/I9BN3GttEXBPUzs3g3BnDmGI++EJBoybZJlnJiNhZda6tLs3TrkDN5eLdhoMfAFqSzQawCN5FudF6MOipFNz09VPR5asVHxH
    42WDJ1eQAmlet+SRVGWktOUjRcqsW8xUH5aCYdN6pRF34cNesUEUOfcEWAtrsoM6y3h0RIvGg0kYyLF3bRVR2YohqVl98AXC8/R3HiCWiyuGzeUjc4Ug5IaM
    bomzpzgXGpACf4RIoURaD6qu84ei06YZ7tOrSDCGb2iz+KIL6pfEneCO+9QBakeJSgE/BHmmq7k2B+kF5CDPbrcAG0vDPjUbIHiLcmM659kXFIAwACGNW5Sm
    8LVPlMJlGbOEqqTFlUuSk+UeJMxJahfKDcwv5JgWPhNS5SmJyATM/CCvcMOxgAcJG5YyABdhJrwZs7lZzANEBEem7PJ1ONWbVtqtpAEvYPEQiVDINMQeTvVj
    BieeyiCifQxNBAcZ4RAFxiw0PyZZNAGgefe3M4ttoFUGgDSyLvHPaNyaZijKbXHHAkIr06m7wVK7sTdd/IMUjzlR3qos/FOdpiU43mSOeQfCDHRa7xhDUEcX
    8RBFzby3fEIW3nNhMjiL56O17UNbgqESTZm5LUod3GTC2HRcvpkP5pUb1udnOCwPNxwBZlivkYRQrja/d/klFcFNevMcTgA1N1cWFYOZlDeNloBJCnCtGetq
    lIQdNPFl88aHYAkvn1VeCHKNZHjJ5LxCnkkekFGxujuUuIKQ+gG7glKNUUp6zvx1ubSifRdmIiIfLCaBu1h5cbQnMiAOoUwNlRSV2UI6OSXJLmNtBraya6dC
    cbs2EfyUfGAPiscKU5qbroJmKnQH5LZMHeN/+cqveppIfhUL5aongdU1uvwgm0aUqtSUuVcimVSLFHKVb9qOkYdhYehlR6aMJAiewyC/okaf9fXFCtZ4OUcZ
    tsRP4eYraEp861pYUOMyZOc4rBN9WXO3GtB6E2so4rW/4iplvpOkaid7QsRXZ/JGNBARHaETeFSIhjClnIquQwO9bMt6vGJLloZpgxitcgUCkDaeJwbGq2Qf
    xVixjkyh24ASkjKGsyEHXRSCZWkIf/KPFsNHHjdm
    """
  private static let chromiumSecond = """
    Fv7/AAAAAAAAAAEA+gEABYUAAAAElwAA7nMFZghrmHhrHRMcQXSMcNtIlbA7VTAcUd8qEZB0HLRjQ+OMdunJAkkVKOkzQ3LLAoPYaj8ZhGLqiN0UT9UVOoG+
    EFMR1Iiy56CeDruKa6HgDDn/xf/GuGghcD/uOkqPGU/S/468yQwQgH0RfR2yk57rP1170V763cpnrY3EoFQAHQAg7ZurFBn/J94PjiOCLevb2OTvvXacFMsq
    v759uSQ9Bl//AQABAAAKAAoACBHsAB0AFwAYAA4ACQAGAAEACAAHAAANABQAEgQDCAQEAQUDCAUFAQgGBgECAQArAAUE/vz+/QAXAAAALQACAQE=
    """
  private static let firefoxFirst = """
    Fv7/AAAAAAAAAAAFcwEABbUAAAAAAAAFZ/79LR/OY228GGlGZqdSw/rqXsqoVRNKAcV2MUCopbU934QAAAAUEwETA8ArwC/MqcyowArACcATwBQBAAV3ABcA
    AP8BAAEAAAoADgAMEewAHQAXABgBAAEBAAsAAgEAABAAEgAQBndlYnJ0YwhjLXdlYnJ0YwAiAAoACAQDBQMGAwIDADME6gToEewEwPO3g7LGBcY2FPImJVTc
    ZsXwJB+JC3jwXfugASKUe3HQIHKlgFI6xloAMWdIj1Nal3ZJloLEcgjKYPdWW+8qMkxrk4EQy2fnadkrYySBGfeXAuPWSPjUVey5o/nclmXTi5rUtSkyZhHX
    lfGaw9+GjpLSORCVyyjUrAo4AABHuPlWnLwKRhkXB0MqZk/jH22RihG5YZjiDRbjKM55oyJWe6m6nG61oIv4DCt3AR6ltKoINhFpUbP2MYORdShET/nWGf0J
    cITlCZUGokSRdBtprvM0b3dTB2QqY2N0uOyYear2kWFyZL1oSiO7xMHoNH5mdfTYRJFCzWkII2kwzN3Xr/Znok3gT//RfkyVrAQMzfexyYekeqkzh8rlh+gi
    PJIZYduXZ6G0txdDfkoGMOmDJugiOOLSNzBVq66XwA9Kr/rJVB+xjJKAMG0wFUCqh+p5b1eUdLHoDxOUxJIcbf5zQGT3y7jlPMiiUFsqeF0myapEkRu5hZrg
    fzxSdzaDn7A3XPaAHNumEvhEFThTqlTkxt7JIa45AO62zF+IHNpzsycokGRAeCZcrcVKtcuIoy8jGjMIKQ6Wp/Pbfc/EiIGjpZqnTj/TlVHiEfzmFnEIRrzX
    MV4mZ9yJxBDLshMLchgcwfNRWH0cGNQHXnyyggAmqYaIragMKyCaMfZEfcugIzKiXUw4ciZLHtssfImpJKHlJ6RbiMbsgONQm+RLq1MjkZLjIyGIwi1bE9mA
    ynxWInH6uUeZK5hEXBqmQP7BdxErarKbizw4PegpZkCLRHoTQvAmJ0URZ/pWLxZpGYVpFHD6cKo6GlALRU68Ej/TrfziDTs8xfOiRTiGQ5Nkq7qgUknaG10E
    xOFpsonBFzA1kWxoQdB1P5DWcepVdISHAaqaictMrrFKunPYgBtVJ2gXBtTngCb0dbEgFhYTiWhMkewoqvdEihYAp+LUR8cMqgKTWnw5Bxarluq7LfkWcxF4
    WZB2Ev1GXKQlbuSTckBCcB2TLhnCEf/TWAfxm4cTTZpJFOARdkNEK2tgF2U1S/SWEQ3rXZrTzzZCUU9AoemAgig2qtJ6oTF8LXXKNIPsIBugK+Szv1CZQoOZ
    WtEhBLV1zH8woYVWQtDswmhDTYSUq5aAZhDbGeSwYDjwuNWxsIShfMTJKeIRQKuTDwE7mrYULM5Dp5Equ8kUPWVIHj/2MjdaNWfUcrU6ijUHx5vqhnjkr14l
    u2Z1jOarbkRgrq20ZRm6m4agbyrqy5xHMChjUnmKfHqrN/5UnxAAkpv5a9cWR4KBWccyBqqHCJjkZBN5c/EpOkTjVg1VAT3lH5SQU79HX/OUWL7gtPP1rQIi
    bPfJjGWhHAKcv7+8TcRhVWX7G2AlRl0DCWMKytIqLsb4DcygpYuJzQU6vUjHS6qxJptGB0hpDJaTp5MJS+J6vc2IFNNXTPwxrRMrBMAqdL6EuLLME5/aW/js
    I+ZFY194rGwkvcqDNPsJI6ajSoIGiKc1ecqZUMiYnnoWIPUERpIjxpy6dqzjzHVTbZu8IEC1XFkhgP/r17Sc/b9hDeCcIVZClUyK7LDuXzuCznHGTTDNj3be
    eMZHLOWznPeFXbS+t8En0OjI+SIKqSOk1EWmN31KoBEAHQAgeMZHLOWznPeFXbS+t8En0OjI+SIKqQ==
    """
  private static let firefoxSecond = """
    Fv7/AAAAAAAAAAEAWgEABbUAAAAFZwAATiOk1EWmN31KoBEAKwAHBv78/v0DAwANACAAHgQDBQMGAwIDCAQIBQgGBAEFAQYBAgEEAgUCBgICAgAcAAJAAQAO
    AAsACAAHAAgAAQACAA==
    """
  private static let janusOnly = """
    Fv7/AAAAAAAAAAAArwEAAKMAAAAAAAAAo/79TOJEH1EAV0IriMLZApsd8I7AMDnImQ/H5g6aTlixSh0AAAAgzKnMqMyqwCvALwCewArAFAA5wAnAEwAzAJwA
    NQAvAP8BAABZAAsABAMAAQIACgAEAAIAFwAjAAAADgALAAgACAAHAAEAAgAAFgAAABcAAAANACoAKAQDBQMGAwgHCAgICQgKCAsIBAgFCAYEAQUBBgEDAwMB
    AwIEAgUCBgI=
    """
}
