// Parses a member's line: a command if it begins with a slash, otherwise a message to the room. The parser knows the
// syntax only, not which names exist.

/// A parsed line of a member.
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
        "/nick NAME       change your name to NAME",
        "/join ROOM       enter ROOM, created if necessary; you are in one room at a time",
        "/leave           return to the lobby",
        "/msg NAME TEXT   send TEXT to one member; NAME@SERVER if on another server",
        "/who             list the members of this room",
        "/rooms           list the rooms",
        "/quit            leave the chat",
        "//TEXT           say a line that begins with a slash",
    ]

    /// Parses a line.
    ///
    /// - Throws: ``ChatRefusal`` with the usage of the command.
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
        default: throw ChatRefusal("unknown command /\(word); /help lists the commands")
        }
    }

    /// Splits off the first word.
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
