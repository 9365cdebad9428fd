import Client
import Foundation
import Testing

/// The scripts, run by the shells that they are for.
@Suite struct CompletionTests {
  /// Runs a shell on a script file and answers its output and exit code.
  private static func shell(_ program: [String], _ script: String) throws -> (output: String, code: Int32) {
    let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("completion-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let grammar = TapedeckGrammar.grammar(version: "1.2.3")
    try grammar.bashCompletion.write(to: folder.appendingPathComponent("bash"), atomically: true, encoding: .utf8)
    try grammar.zshCompletion.write(to: folder.appendingPathComponent("_tapedeck"), atomically: true, encoding: .utf8)
    // Stands in for the program where the completion asks it for recordings.
    let program0 = folder.appendingPathComponent("tapedeck")
    try """
    #!/bin/sh
    [ "$1" = --control ] && { echo "control-$2"; shift 2; }
    [ "$*" = "list --quiet --all" ] && printf '%s\\n' 019a8f00-1111-7000-8000-00000000aaaa 019a8f00-1111-7000-8000-0000000babbb
    """.write(to: program0, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program0.path)
    try FileManager.default.createDirectory(at: folder.appendingPathComponent("a folder"), withIntermediateDirectories: true)
    try "".write(to: folder.appendingPathComponent("a file"), atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = program + ["-c", script]
    process.currentDirectoryURL = folder
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (String(decoding: output, as: UTF8.self), process.terminationStatus)
  }

  /// What bash offers for the last of these words.
  private static func bash(_ words: [String]) throws -> [String] {
    let list = words.map { "'\($0)'" }.joined(separator: " ")
    let script = """
      source ./bash || exit 9
      COMP_WORDS=(\(list)); COMP_CWORD=\(words.count - 1)
      _tapedeck
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    let result = try shell(["bash", "--norc"], script)
    #expect(result.code == 0, "\(result.output)")
    return result.output.split(separator: "\n").map(String.init).sorted()
  }

  @Test(arguments: [
    (["./tapedeck", "sta"], ["start", "status"]), (["./tapedeck", "--vers"], ["--version"]),
    (["./tapedeck", "start", "--no"], ["--no-bundle", "--no-hls", "--no-rtcp-mux"]),
    (["./tapedeck", "start", "--quality", ""], ["high", "low", "medium", "ultra"]),
    (["./tapedeck", "start", "--quality", "=", "m"], ["medium"]),
    (["./tapedeck", "start", "--quality", "="], ["high", "low", "medium", "ultra"]),
    (["./tapedeck", "start", "--room", ""], []), (["./tapedeck", "pause", "-m", ""], ["cut", "keep"]),
    (["./tapedeck", "serve", "--root", "a"], ["a folder"]), (["./tapedeck", "replay", "a"], ["a file", "a folder"]),
    (["./tapedeck", "stop", ""], ["00000000aaaa", "0000000babbb"]), (["./tapedeck", "stop", "0000000b"], ["0000000babbb"]),
    (["./tapedeck", "--control", "x", "stop", ""], ["00000000aaaa", "0000000babbb", "x"]),
    (["./tapedeck", "--control", "=", "x", "stop", ""], ["00000000aaaa", "0000000babbb", "x"]),
    (["./tapedeck", "completion", ""], ["bash", "zsh"]), (["./tapedeck", "help", "in"], ["inspect"]),
    (["./tapedeck", "list", "--st"], ["--started-by", "--status"]), (["./tapedeck", "version", "x"], []),
  ])
  func bashOffers(words: [String], offers: [String]) throws { #expect(try Self.bash(words) == offers) }

  @Test func bashRegistersTheFunction() throws {
    let result = try Self.shell(["bash", "--norc"], "source ./bash; complete -p tapedeck")
    #expect(result.output == "complete -F _tapedeck tapedeck\n")
  }

  /// Every flag of every command is offered by bash and named in the zsh function.
  @Test func bothKnowEveryFlag() throws {
    let grammar = TapedeckGrammar.grammar(version: "1.2.3")
    #expect(grammar.zshCompletion.hasPrefix("#compdef tapedeck\n"))
    for command in grammar.commands {
      let offered = try Self.bash(["tapedeck", command.name, "--"])
      #expect(Set(offered) == Set(command.flags.flatMap(\.spellings).map { "--" + $0 } + ["--help"]), "\(command.name)")
      for spelling in command.flags.flatMap(\.spellings) { #expect(grammar.zshCompletion.contains("--\(spelling)")) }
    }
  }

  private static let hasZsh = (try? shell(["zsh", "-f"], "exit 0"))?.code == 0

  @Test(.enabled(if: hasZsh)) func zshAcceptsTheScript() throws {
    let result = try Self.shell(["sh"], "zsh -f -n ./_tapedeck")
    #expect(result.output == "")
    #expect(result.code == 0)
  }
}
