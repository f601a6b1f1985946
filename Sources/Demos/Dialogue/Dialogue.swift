// The little server that greets, answers and takes its leave: the smallest one in which a connection remembers something.
// It knows lines and no socket; what it remembers of each connection are the two counts in `Dialogue`.
//
//     connected --greeting--> talking --a message: its answer--> talking
//                                |---- the stop word, or the peer ends: leave --> closed

public import Reactor

/// What a dialogue is about: the same for all connections.
public struct DialogueRules: Sendable {
    /// Bytes of a message, and of the word that takes a character's place. Both bound the answer, 64 KiB at most.
    public static let (longestMessage, longestWord) = (1024, 64)

    /// The character that is replaced wherever it stands, as UTF-8.
    let character: [UInt8]
    /// What it is replaced by.
    let word: [UInt8]
    /// The message that ends the dialogue.
    let stop: [UInt8]
    /// What a newcomer is told.
    let greeting: String

    /// The rules of a dialogue; `nil` where nobody could follow them: an empty or too long word, one that ends a line, or a
    /// stop word that is no single line.
    public init?(replacing character: Character = "o", by word: String = "zero", until stop: String = "bye") {
        let all = [String(character), word, stop]
        guard all.allSatisfy({ !$0.isEmpty && $0.unicodeScalars.allSatisfy(PrintableText.isPrintable) }),
            word.utf8.count <= Self.longestWord, String(character).utf8.count <= Self.longestWord,
            stop.utf8.count <= Self.longestMessage
        else { return nil }
        (self.character, self.word, self.stop) = (Array(all[0].utf8), Array(word.utf8), Array(stop.utf8))
        greeting = "hello; I answer with '\(word)' for each '\(character)', until you say '\(stop)'\n"
    }

    /// A message with the word in place of the character, and how often. In UTF-8 no character begins within another one,
    /// so bytes are all that has to be compared.
    func answer(to message: [UInt8]) -> (text: [UInt8], count: Int) {
        var (text, count, index) = ([UInt8](), 0, 0)
        while index < message.count {
            if message[index] == character[0] && message[index...].starts(with: character) {
                text += word
                count += 1
                index += character.count
            } else {
                text.append(message[index])
                index += 1
            }
        }
        return (text, count)
    }
}

/// A dialogue with one peer, line by line.
public final class Dialogue: MessageHandler {
    private let rules: DialogueRules
    private let lines = LineFraming(maximum: DialogueRules.longestMessage)
    // What it remembers of its peer.
    private var messages = 0
    private var replaced = 0

    /// A dialogue that has not begun.
    public init(_ rules: DialogueRules) { self.rules = rules }

    /// The framing that goes with it.
    public static var framing: LineFraming { LineFraming(maximum: DialogueRules.longestMessage) }

    /// Greets.
    public func connected(_ connection: Connection) { connection.write(rules.greeting) }

    /// Answers, or takes its leave.
    public func received(message: RawSpan, on connection: Connection) throws {
        let message = Array(message)
        if message == rules.stop { return leave(connection) }
        let answer = rules.answer(to: message)
        messages += 1
        replaced += answer.count
        try lines.write(answer.text, to: connection)
    }

    /// Says what is wrong; the connection closes then.
    public func refused(_ connection: Connection, error: FramingError) {
        connection.write("goodbye; \(error)\n")
    }

    /// The peer has said all it wanted to, and may still hear.
    public func ended(_ connection: Connection) { leave(connection) }

    /// The server ends.
    public func draining(_ connection: Connection) { leave(connection) }

    private func leave(_ connection: Connection) {
        let times = replaced == 1 ? "once" : "\(replaced) times"
        connection.write("goodbye; that was \(messages) message\(messages == 1 ? "" : "s"), and I replaced \(times)\n")
        connection.close()
    }
}
