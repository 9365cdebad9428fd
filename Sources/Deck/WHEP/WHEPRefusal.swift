package import Ground

/// Why an attempt to pull did not help, and what it means for the next.
package struct WHEPRefusal: Sendable, Equatable {
  /// Which attempts it speaks for.
  package enum Weight: Sendable, Equatable {
    /// The next one may go better.
    case passing
    /// On first contact it is an answer; later the server may be on its way back.
    case decisiveAtFirst
    /// Asking again the same way is of no use.
    case decisive
  }
  /// One line for people.
  package var reason: String
  package var weight: Weight
  /// The server wants to be left alone for so long.
  package var retryAfter: TimeSpan?

  package init(_ reason: String, _ weight: Weight, retryAfter: TimeSpan? = nil) {
    self.reason = reason
    self.weight = weight
    self.retryAfter = retryAfter
  }

  package init(_ failure: WHEPFailure) {
    switch failure {
    case .unreachable(let text): self.init("the server cannot be reached: \(text)", .passing)
    case .timedOut: self.init("the server did not answer in time", .passing)
    case .untrusted(let text): self.init("the server's certificate is not trusted: \(text)", .decisive)
    case .tooLarge: self.init("the server's answer is longer than \(WHEPClient.largestBody) bytes", .decisiveAtFirst)
    case .redirect(let text): self.init("the server's redirect is not followed: \(text)", .decisiveAtFirst)
    case .stopped: self.init("the node is shutting down", .passing)
    }
  }

  /// What an answer that is no session says.
  package init(_ response: WHEPResponse) {
    func say(_ text: String, _ weight: Weight) -> WHEPRefusal {
      WHEPRefusal("the server answered \(response.status): \(text)", weight, retryAfter: response.retryAfter)
    }
    switch response.status {
    case 200, 201: self = say("there is no session description in it", .decisiveAtFirst)
    case 401 where response.isElsewhere: self = say("it redirects to another host, where the token is not sent", .decisive)
    case 401: self = say("the token is missing or not accepted", .decisive)
    case 403: self = say("the token does not allow it", .decisive)
    case 404, 410: self = say("there is no such stream", .decisiveAtFirst)
    case 405: self = say("this is no WHEP endpoint", .decisiveAtFirst)
    case 406: self = say("nothing that can be recorded is sent", .decisive)
    case 409, 425: self = say("the stream is not live", .passing)
    case 408, 429: self = say("the server is asked too much", .passing)
    case 500...599: self = say("the server is in trouble", .passing)
    case 400...499: self = say("the server refuses the offer", .decisive)
    default: self = say("this is no answer to an offer", .decisiveAtFirst)
    }
  }
}
