// The commands of the admin socket: what each loop of a server replies to them, and how one answer is made of that.

/// A command, as it was written in one line.
enum AdminCommand: Equatable, Sendable {
    case stats
    case connections(Int)
    case limits
    /// Which back end the loops have, or that they should have another one.
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

    /// Whether every loop has to reply, rather than the first one for all.
    var concernsAllLoops: Bool {
        switch self {
        case .stats, .connections, .backend: true
        case .limits, .help: false
        }
    }

    /// Executes the command on one loop, on its thread.
    func report(on loop: EventLoop) -> AdminReport {
        switch self {
        case .stats, .backend(nil): return .statistics(loop.adminReading)
        case .connections(let count): return .connections(loop.adminConnections(count))
        case .limits: return .value(loop.adminLimits)
        case .help: return .value(Self.helpTexts)
        case .backend(let wanted?):
            let (former, start) = (loop.backend, loop.kernel.now())
            do throws(SocketError) {
                try loop.switch(to: wanted)
            } catch {
                return .failed("\(error)")
            }
            return .switched(
                former: former, descriptors: loop.registrationCount,
                time: start.duration(to: loop.kernel.now()))
        }
    }

    /// Makes one answer of what the loops have replied, the first loop first; `nil` of one that has not.
    func answer(_ reports: [AdminReport?]) throws(Mistake) -> AdminValue {
        switch self {
        case .stats: return AdminLoopReading.statistics(of: reports)
        case .backend(nil): return .object([("backend", .text(AdminLoopReading.sum(of: reports).backends))])
        case .connections(let count): return AdminConnectionReading.table(of: reports, count)
        case .backend(let wanted?): return try Self.answer(reports, switchedTo: wanted)
        case .limits, .help:
            guard case .value(let value)? = reports.first else { return .nothing }
            return value
        }
    }

    private static func answer(_ reports: [AdminReport?], switchedTo wanted: Backend) throws(Mistake) -> AdminValue {
        var (formers, descriptors, longest) = ([String](), 0, Duration.zero)
        for (index, report) in reports.enumerated() {
            let place = reports.count == 1 ? "" : "loop \(index + 1): "
            switch report {
            case .failed(let reason): throw Mistake(text: place + reason)
            case .switched(let former, let count, let time):
                if !formers.contains("\(former)") { formers.append("\(former)") }
                descriptors += count
                longest = max(longest, time)
            default: throw Mistake(text: "\(place)no reply within 1 s; it changes when its callback returns")
            }
        }
        return .object([
            ("backend", .text("\(wanted)")), ("former", .text(formers.joined(separator: ", "))),
            ("descriptors", .integer(descriptors)), ("seconds", .seconds(longest)),
        ])
    }

    private static var helpTexts: AdminValue {
        let names = Backend.all.map(\.description).joined(separator: ", ")
        return .object([
            ("stats", .text("what the loops have counted, and how long their callbacks took")),
            ("connections [N]", .text("the N with most bytes, 1 to \(mostConnections), else \(usualConnections)")),
            ("limits", .text("what the connections of each listener may use up")),
            ("backend [NAME]", .text("which selector the loops have; with a name, changes to it: \(names)")),
            ("help", .text("this")),
            ("json", .text("behind any of these, for an answer in one line of JSON")),
        ])
    }
}
