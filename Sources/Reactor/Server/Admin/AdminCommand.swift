// The commands of the admin socket: each loop's report, and the reply that is composed of the reports.

/// A command of the admin socket, one line of text.
enum AdminCommand: Equatable, Sendable {
    case stats
    case connections(Int)
    case limits
    /// Reports the loops' back end, or switches them to another one.
    case backend(Backend?)
    case help
    /// A command that the program has added.
    case program(AdminExtendedCommand)

    /// The maximum of `connections N`: several screens. More would occupy the loop for too long.
    static let mostConnections = 200
    private static let usualConnections = 20

    /// The error for an invalid command.
    struct Mistake: Error, Equatable {
        let text: String
    }

    /// Parses the words of a line.
    init(_ words: [Substring], besides program: AdminExtension? = nil) throws(Mistake) {
        if let program, let name = words.first, program.has(name) {
            self = .program(AdminExtendedCommand(words: words.map(String.init), program: program))
            return
        }
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

    /// Parses ASCII digits only; `Int("+4")` would be 4.
    private static func count(_ word: Substring?) throws(Mistake) -> Int {
        guard let word else { return usualConnections }
        guard word.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), let count = Int(word),
            1...mostConnections ~= count
        else { throw Mistake(text: "invalid connection count '\(word)'; use 1 to \(mostConnections)") }
        return count
    }

    private static func backend(_ word: Substring?) throws(Mistake) -> Backend? {
        guard let word else { return nil }
        // The usual meaning: level-triggered epoll.
        if word == "epoll" { return .epoll() }
        guard let backend = Backend(String(word)) else {
            let names = Backend.all.map(\.description).joined(separator: ", ")
            throw Mistake(text: "unknown back end '\(word)'; use one of \(names)")
        }
        return backend
    }

    /// Whether every loop reports, or only the first.
    var concernsAllLoops: Bool {
        switch self {
        case .stats, .connections, .backend, .program: true
        case .limits, .help: false
        }
    }

    /// Executes the command on one loop, on its thread.
    func report(on loop: EventLoop) -> AdminReport {
        switch self {
        case .stats, .backend(nil): return .statistics(loop.adminReading)
        case .connections(let count): return .connections(loop.adminConnections(count))
        case .limits: return .value(loop.adminLimits)
        case .help: return .value(Self.helpTexts(and: loop.administration.program))
        case .program:
            loop.administration.gather?()
            return .value(.nothing)
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

    /// Composes the reply from the loops' reports, the first loop's first; `nil` for a loop that has not reported.
    func execute(_ reports: [AdminReport?]) throws(Mistake) -> AdminValue {
        switch self {
        case .stats: return AdminLoopReading.statistics(of: reports)
        case .backend(nil): return .object([("backend", .text(AdminLoopReading.sum(of: reports).backends))])
        case .connections(let count): return AdminConnectionReading.table(of: reports, count)
        case .backend(let wanted?): return try Self.execute(reports, switchedTo: wanted)
        case .program(let command):
            switch command.program.reply(command.words) {
            case .success(let value): return value
            case .failure(let error): throw Mistake(text: error.text)
            }
        case .limits, .help:
            guard case .value(let value)? = reports.first else { return .nothing }
            return value
        }
    }

    private static func execute(_ reports: [AdminReport?], switchedTo wanted: Backend) throws(Mistake) -> AdminValue {
        var (formers, descriptors, longest) = ([String](), 0, Duration.zero)
        for (index, report) in reports.enumerated() {
            let place = reports.count == 1 ? "" : "loop \(index + 1): "
            switch report {
            case .failed(let reason): throw Mistake(text: place + reason)
            case .switched(let former, let count, let time):
                if !formers.contains("\(former)") { formers.append("\(former)") }
                descriptors += count
                longest = max(longest, time)
            default: throw Mistake(text: "\(place)no reply within 1 s; it switches when its callback returns")
            }
        }
        return .object([
            ("backend", .text("\(wanted)")), ("former", .text(formers.joined(separator: ", "))),
            ("descriptors", .integer(descriptors)), ("seconds", .seconds(longest)),
        ])
    }

    private static func helpTexts(and program: AdminExtension?) -> AdminValue {
        let names = Backend.all.map(\.description).joined(separator: ", ")
        var texts = [
            ("stats", "the loops' counters, and the times of their callbacks"),
            ("connections [N]", "the N busiest, 1 to \(mostConnections); default \(usualConnections)"),
            ("limits", "the limits of each listener's connections"),
            ("backend [NAME]", "the loops' selector; with a name, switches to it: \(names)"),
        ]
        texts += program?.commands.map { ($0.usage, $0.text) } ?? []
        texts += [("help", "this list"), ("json", "after any of these, replies with one line of JSON")]
        return .object(texts.map { ($0.0, .text($0.1)) })
    }
}
