/// What a machine has made and nobody has taken yet, in the order of making.
struct Outbox<Element> {
  private var items: [Element] = []
  private var taken = 0

  var first: Element? { taken < items.count ? items[taken] : nil }

  mutating func append(_ item: Element) { items.append(item) }

  mutating func take() -> Element? {
    guard taken < items.count else { return nil }
    let item = items[taken]
    taken += 1
    // Taken items go once they are the larger part, so that taking costs the same however many wait.
    if taken == items.count || (taken >= 64 && taken * 2 >= items.count) {
      items.removeFirst(taken)
      taken = 0
    }
    return item
  }
}
