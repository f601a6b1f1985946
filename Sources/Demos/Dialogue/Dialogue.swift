// A small server that greets, replies and says goodbye: the smallest example of state per connection. It handles lines
// and knows no socket; the state of each connection is the two counts in `Dialogue`.
//
//     connected --greeting--> talking --a message: its reply--> talking
//                                |---- the stop word, or half-close: farewell --> closed

package import Reactor

/// The rules of a dialogue, shared by all connections.
package struct DialogueRules: Sendable {
    /// The maximum length of a message and of the replacement, in bytes; they bound a reply to 64 KiB.
    package static let (longestMessage, longestWord) = (1024, 64)

    /// The character to replace, as UTF-8.
    let character: [UInt8]
    /// The replacement.
    let word: [UInt8]
    /// The message that ends the dialogue.
    let stop: [UInt8]
    /// The first line that a client receives.
    let greeting: String

    /// Creates the rules of a dialogue; `nil` if they cannot work: if a text is empty, too long, or contains a
    /// character that is not printable, such as a newline.
    package init?(replacing character: Character = "o", by word: String = "zero", until stop: String = "bye") {
        let all = [String(character), word, stop]
        guard all.allSatisfy({ !$0.isEmpty && $0.unicodeScalars.allSatisfy(PrintableText.isPrintable) }),
            word.utf8.count <= Self.longestWord, String(character).utf8.count <= Self.longestWord,
            stop.utf8.count <= Self.longestMessage
        else { return nil }
        (self.character, self.word, self.stop) = (Array(all[0].utf8), Array(word.utf8), Array(stop.utf8))
        greeting = "hello; I answer with '\(word)' for each '\(character)', until you say '\(stop)'\n"
    }

    /// Returns the message with each occurrence of the character replaced, and their number. Comparing bytes is enough,
    /// because in UTF-8 no character begins within another one.
    func reply(to message: [UInt8]) -> (text: [UInt8], count: Int) {
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

/// The handler of a dialogue with one peer, line by line.
package final class Dialogue: MessageHandler {
    private let rules: DialogueRules
    private let lines = LineFraming(maximum: DialogueRules.longestMessage)
    // The state of the connection.
    private var messages = 0
    private var replaced = 0

    /// Creates the handler of a new connection.
    package init(_ rules: DialogueRules) { self.rules = rules }

    /// The framing of a dialogue.
    package static var framing: LineFraming { LineFraming(maximum: DialogueRules.longestMessage) }

    /// Sends the greeting.
    package func connected(_ connection: Connection) { connection.write(rules.greeting) }

    /// Replies, or says goodbye after the stop word.
    package func received(message: RawSpan, on connection: Connection) throws {
        let message = Array(message)
        if message == rules.stop { return leave(connection) }
        let reply = rules.reply(to: message)
        messages += 1
        replaced += reply.count
        try lines.write(reply.text, to: connection)
    }

    /// Reports malformed input; the connection closes afterwards.
    package func refused(_ connection: Connection, error: FramingError) {
        connection.write("goodbye; \(error)\n")
    }

    /// Says goodbye after a half-close: the peer may still read.
    package func ended(_ connection: Connection) { leave(connection) }

    /// Says goodbye when the server shuts down.
    package func draining(_ connection: Connection) { leave(connection) }

    private func leave(_ connection: Connection) {
        let times = replaced == 1 ? "once" : "\(replaced) times"
        connection.write("goodbye; that was \(messages) message\(messages == 1 ? "" : "s"), and I replaced \(times)\n")
        connection.close()
    }
}
