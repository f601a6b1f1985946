// `reactor dialogue`: a server that greets each client, replies to its messages and says goodbye.

import ArgumentParser
import Demos
import Reactor

struct DialogueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dialogue",
        abstract:
            "Run a server that greets, replaces a character in each message by a word, and stops on an agreed word.",
        discussion: """
            Try it with:  nc 127.0.0.1 7792
            A message is a line of at most 1024 bytes. The server counts each connection's messages and replacements, \
            and reports both when the dialogue ends. SIGINT (ctrl-C) and SIGTERM drain: the server says goodbye to all \
            clients and exits with status 0. SIGUSR2 restarts it without losing a connection attempt.
            """)

    @Option(
        help: ArgumentHelp("The character to replace. (default: o)", valueName: "character"),
        transform: DialogueCommand.parseCharacter)
    var character: Character = "o"

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The word that replaces it, at most 64 bytes.", valueName: "word"))
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
        // The clients are people, who take their time.
        (program.idleTime, program.firstMessageTime) = (.seconds(600), .seconds(60))
        let counters = try program.serve(at: .loopback(port: 7792)) { server, loop throws(SocketError) in
            try server.listen(on: loop) { _ in
                { _ in Dialogue(rules).framed(by: Dialogue.framing) }
            }
        }
        ServerLog.print(
            "served \(counted(counters.connectionsOpened, "dialogue")) (\(counters.connectionsRefused) refused)")
    }

    private func makeRules() throws -> DialogueRules {
        guard let rules = DialogueRules(replacing: character, by: word, until: stop) else {
            throw ValidationError(
                """
                invalid --word or --stop; use 1 to \(DialogueRules.longestWord) bytes for --word and \
                1 to \(DialogueRules.longestMessage) for --stop, visible characters only
                """)
        }
        return rules
    }

    private static func parseCharacter(_ text: String) throws -> Character {
        guard text.count == 1, let character = text.first, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 }) else {
            throw ValidationError("use one visible character")
        }
        return character
    }
}
