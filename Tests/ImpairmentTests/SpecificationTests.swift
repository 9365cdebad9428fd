import Ground
import Impairment
import Testing

/// What a specification's text says, and how a wrong one is refused.
@Suite struct SpecificationTests {
  @Test func everyFieldIsRead() throws {
    let spec = try ImpairmentSpecification(
      "loss=5%, burst=3,reorder=2%,reorder-by=35ms,duplicate=0.01,delay=40ms,jitter=20ms,drift=200ppm,stall=18s@5s,video.freeze=244s@1m,"
        + "audio.jump=-3s@2s,sr-offset=250ms@4s,sr-absurd=10%,nack=on,rtt=60ms,seed=7,from=2s,audio.loss=0%,video.gemodel=1%/10%/70%/0.1%")
    #expect(spec.all.loss == 0.05 && spec.all.burst == 3 && spec.all.reorder == 0.02 && spec.all.reorderBy == .milliseconds(35))
    #expect(spec.all.duplicate == 0.01 && spec.all.delay == .milliseconds(40) && spec.all.jitter == .milliseconds(20))
    #expect(spec.all.drift == 200)
    #expect(
      spec.stalls == [
        .init(start: .seconds(5), duration: .seconds(18)),
        .init(scope: .video, start: .seconds(60), duration: .seconds(244), freezesClock: true),
      ])
    #expect(spec.jumps == [.init(scope: .audio, start: .seconds(2), amount: .seconds(-3))])
    #expect(spec.reportOffsets == [.init(start: .seconds(4), amount: .milliseconds(250))])
    #expect(spec.absurdReports == 0.1 && spec.answersNACK && spec.roundTrip == .milliseconds(60) && spec.seed == 7)
    #expect(spec.start == .seconds(2))
    #expect(spec.effects(.audio).lossModel == nil)
    #expect(spec.effects(.rtcp).loss == 0.05)
    #expect(spec.effects(.video).lossModel == .init(toBad: 0.01, toGood: 0.1, lossInBad: 0.7, lossInGood: 0.001))
    #expect(spec.rewrites)
    #expect(try !ImpairmentSpecification("loss=5%,jitter=20ms,nack=on").rewrites)
    #expect(try ImpairmentSpecification("") == ImpairmentSpecification())
  }

  @Test(arguments: [
    ("loss", "loss is not FIELD=VALUE, as in loss=5%"),
    ("loss=", "loss= is not FIELD=VALUE, as in loss=5%"),
    ("loss=200%", "loss: 200% is not a share (0% to 100%)"),
    ("loss=-0.1", "loss: -0.1 is not a share (0% to 100%)"),
    ("loss=nan", "loss: nan is not a share (0% to 100%)"),
    (
      "lost=5%",
      "lost is no field (loss, burst, gemodel, reorder, reorder-by, duplicate, delay, jitter, drift, stall, freeze, jump, sr-offset, "
        + "sr-absurd, from, nack, rtt, seed; each for one kind as audio.loss, video.loss, rtcp.loss)"
    ),
    ("delay=40", "delay: 40 is not a time with its unit, as in 40ms or 1.5s (0s to 60s)"),
    ("delay=2m", "delay: 2m is not a time with its unit, as in 40ms or 1.5s (0s to 60s)"),
    ("video.jitter=fast", "video.jitter: fast is not a time with its unit, as in 40ms or 1.5s (0s to 60s)"),
    ("stall=5s@2s@1s", "stall: 5s@2s@1s is not TIME@START, as in 18s@5s"),
    ("audio.seed=4", "audio.seed: seed is for all, not for one kind"),
    ("seed=-1", "seed: -1 is not a whole number from 0 on"),
    ("nack=yes", "nack: yes is not on or off"),
    ("burst=0", "burst: 0 is not a mean length in packets (1 to 1000)"),
    ("gemodel=1%", "gemodel: 1% is not P/R/1-H/1-K in percent, as in 1%/10%/100%/0%"),
    ("drift=fast", "drift: fast is not parts of a million, as in 200ppm (-100000 to 100000)"),
  ])
  func aWrongOneIsRefused(_ text: String, _ reason: String) {
    #expect(throws: ImpairmentSpecificationError(description: reason)) { try ImpairmentSpecification(text) }
  }
}
