@main
struct Tapedeck {
  static func main() {}
}
