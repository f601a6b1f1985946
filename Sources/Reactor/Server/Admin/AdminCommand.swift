// The commands of the admin socket: what may be asked of a running loop, and what is answered.

/// A command, as it was written in one line.
enum AdminCommand: Equatable {
    case stats
    case connections(Int)
    case limits
    /// Which back end the loop has, or that it should have another one.
    case backend(Backend?)
    case help

    /// As many as fill a screen a few times over: more would keep the loop from its work.
    static let mostConnections = 200
    private static let usualConnections = 20

    /// A line that is no command: what is wrong with it.
    struct Mistake: Error, Equatable {
        let text: String
    }

    /// Parses the words of a line.
    init(_ words: [Substring]) throws(Mistake) {
        let argument = words.dropFirst().first
        switch words.first {
        case "stats" where argument == nil: self = .stats
        case "limits" where argument == nil: self = .limits
        case "help" where argument == nil: self = .help
        case "connections" where words.count <= 2: self = .connections(try Self.count(argument))
        case "backend" where words.count <= 2: self = .backend(try Self.backend(argument))
        case "stats", "limits", "help", "connections", "backend":
            throw Mistake(text: "\(words[0]) has too many words; try help")
        case let word?: throw Mistake(text: "unknown command '\(word)'; try help")
        case nil: throw Mistake(text: "no command; try help")
        }
    }

    /// ASCII digits and nothing else: `Int("+4")` is 4.
    private static func count(_ word: Substring?) throws(Mistake) -> Int {
        guard let word else { return usualConnections }
        guard word.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), let count = Int(word),
            1...mostConnections ~= count
        else { throw Mistake(text: "'\(word)' is no number of connections; use 1 to \(mostConnections)") }
        return count
    }

    private static func backend(_ word: Substring?) throws(Mistake) -> Backend? {
        guard let word else { return nil }
        // What most mean by it.
        if word == "epoll" { return .epoll() }
        guard let backend = Backend(String(word)) else {
            let names = Backend.all.map(\.description).joined(separator: ", ")
            throw Mistake(text: "unknown back end '\(word)'; use one of \(names)")
        }
        return backend
    }

    /// Does what was asked on a loop, and answers.
    func answer(on loop: EventLoop) throws(Mistake) -> AdminValue {
        switch self {
        case .stats: return loop.adminStatistics
        case .connections(let count): return loop.adminConnections(count)
        case .limits: return loop.adminLimits
        case .help: return Self.helpTexts
        case .backend(nil): return .object([("backend", .text("\(loop.backend)"))])
        case .backend(let wanted?):
            let (former, start) = (loop.backend, loop.kernel.now())
            do throws(SocketError) {
                try loop.switch(to: wanted)
            } catch {
                throw Mistake(text: "\(error)")
            }
            return .object([
                ("backend", .text("\(wanted)")), ("former", .text("\(former)")),
                ("descriptors", .integer(loop.registrationCount)),
                ("seconds", .seconds(start.duration(to: loop.kernel.now()))),
            ])
        }
    }

    private static var helpTexts: AdminValue {
        let names = Backend.all.map(\.description).joined(separator: ", ")
        return .object([
            ("stats", .text("what the loop has counted, and how long its callbacks took")),
            ("connections [N]", .text("the N with most bytes, 1 to \(mostConnections), else \(usualConnections)")),
            ("limits", .text("what the connections of each listener may use up")),
            ("backend [NAME]", .text("which selector the loop has; with a name, changes to it: \(names)")),
            ("help", .text("this")),
            ("json", .text("behind any of these, for an answer in one line of JSON")),
        ])
    }
}
