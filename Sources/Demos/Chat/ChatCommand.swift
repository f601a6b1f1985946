// What a line means: a command if it begins with a slash, something said if not. The parser knows words, not who or what
// they stand for.

/// A line of a member's, understood.
enum ChatCommand: Hashable {
    case say(String)
    case nick(String)
    case join(String)
    case leave
    case message(to: String, String)
    case who
    case rooms
    case help
    case quit

    static let helpLines = [
        "/nick NAME       be called NAME",
        "/join ROOM       go into a room, which is made if there is none; everybody is in one",
        "/leave           go back into the lobby",
        "/msg NAME TEXT   say something to one member, of whatever room; NAME@SERVER for one of another server",
        "/who             who is in this room",
        "/rooms           which rooms there are",
        "/quit            leave",
        "//TEXT           say something that begins with a slash",
    ]

    /// Understands a line.
    ///
    /// - Throws: ``ChatRefusal`` that says how the command is used.
    init(_ line: String) throws(ChatRefusal) {
        guard line.hasPrefix("/") else {
            self = .say(line)
            return
        }
        if line.hasPrefix("//") {
            self = .say(String(line.dropFirst()))
            return
        }
        let (word, rest) = Self.split(line.dropFirst())
        switch word.lowercased() {
        case "nick": self = .nick(try Self.oneWord(rest, usage: "/nick NAME"))
        case "join": self = .join(try Self.oneWord(rest, usage: "/join ROOM"))
        case "msg":
            let (name, text) = Self.split(rest)
            if name.isEmpty || text.isEmpty { throw ChatRefusal("use /msg NAME TEXT") }
            self = .message(to: String(name), String(text))
        case "leave": self = .leave
        case "who": self = .who
        case "rooms": self = .rooms
        case "help": self = .help
        case "quit": self = .quit
        default: throw ChatRefusal("there is no command /\(word); /help lists those there are")
        }
    }

    /// The first word, and what follows it.
    private static func split(_ text: Substring) -> (Substring, Substring) {
        let text = text.drop { $0 == " " }
        let word = text.prefix { $0 != " " }
        return (word, text[word.endIndex...].drop { $0 == " " })
    }

    private static func oneWord(_ text: Substring, usage: String) throws(ChatRefusal) -> String {
        let (word, rest) = split(text)
        if word.isEmpty || !rest.isEmpty { throw ChatRefusal("use \(usage)") }
        return String(word)
    }
}
