// `reactor dialogue`: the server that greets, answers and takes its leave, as a program.

import ArgumentParser
import Demos
import Reactor

struct DialogueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dialogue",
        abstract:
            "Run a server that greets, answers with a word in place of a character, and stops on the agreed word.",
        discussion: """
            Try it with:  nc 127.0.0.1 7792
            A message is a line of at most 1024 bytes. Each connection has a count of its messages and of what was \
            replaced in them, which it is told when it ends. SIGINT (ctrl-C) and SIGTERM drain: all are told goodbye, then \
            it exits with status 0. SIGUSR2 restarts it without losing a connection attempt.
            """)

    @Option(
        help: ArgumentHelp("The character that is replaced. (default: o)", valueName: "character"),
        transform: DialogueCommand.parseCharacter)
    var character: Character = "o"

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What it is replaced by, at most 64 bytes.", valueName: "word"))
    var word = "zero"

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The message that ends the dialogue.", valueName: "word"))
    var stop = "bye"

    @OptionGroup var serving: ServingOptions

    func validate() throws { _ = try makeRules() }

    func run() throws {
        let rules = try makeRules()
        var program = ServerProgram(serving)
        // People think before they write.
        (program.idleTime, program.firstMessageTime) = (.seconds(600), .seconds(60))
        let counters = try program.serve(at: .loopback(port: 7792)) { server, loop throws(SocketError) in
            try server.listen(on: loop) { _ in
                { _ in Dialogue(rules).framed(by: Dialogue.framing) }
            }
        }
        ServerLog.print("served \(counters.connectionsOpened) dialogues (\(counters.connectionsRefused) refused)")
    }

    private func makeRules() throws -> DialogueRules {
        guard let rules = DialogueRules(replacing: character, by: word, until: stop) else {
            throw ValidationError(
                "--word has 1 to \(DialogueRules.longestWord) bytes and --stop 1 to \(DialogueRules.longestMessage), all visible"
            )
        }
        return rules
    }

    private static func parseCharacter(_ text: String) throws -> Character {
        guard text.count == 1, let character = text.first, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 }) else {
            throw ValidationError("write one visible character")
        }
        return character
    }
}
