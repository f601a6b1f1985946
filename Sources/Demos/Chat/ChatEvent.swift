// Events that servers exchange, and their encoding: text fields separated by tabs, which no text of a member can
// contain. Any client of the backplane can write to it, so events are validated like the lines of members.
//
//     version  origin  server  verb  fields of the verb ...
//     1        5f3a..  b       said  lobby  anna  hello

/// An event on one server that concerns the others.
struct ChatEvent: Equatable {
    enum Content: Equatable {
        case said(room: ChatName, by: ChatName, text: String)
        case joined(room: ChatName, ChatName)
        case left(room: ChatName, ChatName, ChatParting)
        case renamed(room: ChatName, from: ChatName, to: ChatName)
        case whispered(to: ChatName, at: String, by: ChatName, text: String)
        /// A server has started or reconnected: what was known of it is void, and the others announce their members.
        case hello
        /// Members of a room; as many as fit into one event.
        case here(room: ChatName, [ChatName])
        case alive
        case gone
    }

    /// The random number of the sending process, by which a server recognizes its own events.
    let origin: UInt64
    /// The name of the sending server.
    let server: String
    let content: Content

    static let maximumBytes = 8 * 1024
    /// The maximum number of names in one ``Content/here(room:_:)``: 64 of the longest fit.
    static let namesAtOnce = 64
    private static let version = "1"

    // MARK: Writing

    var bytes: [UInt8] {
        ([Self.version, String(origin, radix: 16), server] + fields).map { Array($0.utf8) }
            .joined(separator: [UInt8(ascii: "\t")]).map { $0 }
    }

    private var fields: [String] {
        switch content {
        case .said(let room, let name, let text): ["said", "\(room)", "\(name)", text]
        case .joined(let room, let name): ["joined", "\(room)", "\(name)"]
        case .left(let room, let name, let parting): ["left", "\(room)", "\(name)", parting.rawValue]
        case .renamed(let room, let old, let new): ["renamed", "\(room)", "\(old)", "\(new)"]
        case .whispered(let to, let server, let name, let text): ["whispered", "\(to)", server, "\(name)", text]
        case .hello: ["hello"]
        case .here(let room, let names): ["here", "\(room)"] + names.map(\.description)
        case .alive: ["alive"]
        case .gone: ["gone"]
        }
    }

    // MARK: Reading

    init(origin: UInt64, server: String, _ content: Content) {
        self.origin = origin
        self.server = server
        self.content = content
    }

    /// Decodes an event.
    ///
    /// - Parameter limits: the limits of a member's own lines, which apply to other servers' lines, too.
    /// - Throws: ``ChatRefusal`` for anything that a server of this version with these limits would not send.
    init(_ bytes: [UInt8], _ limits: ChatLimits = ChatLimits()) throws(ChatRefusal) {
        if bytes.count > Self.maximumBytes { throw ChatRefusal("an event of \(bytes.count) bytes") }
        var fields: [String] = []
        for field in bytes.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false) {
            fields.append(try ChatText.decode(Array(field)))
        }
        guard fields.count >= 4, fields[0] == Self.version else { throw ChatRefusal("an event of another version") }
        guard 1...16 ~= fields[1].utf8.count, fields[1].utf8.allSatisfy(Self.isHexadecimal),
            let origin = UInt64(fields[1], radix: 16), ChatServer.isName(fields[2])
        else { throw ChatRefusal("an event with a malformed origin or server name") }
        self.init(origin: origin, server: fields[2], try Self.content(fields[3], Array(fields[4...]), limits))
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte
    }

    /// Returns a field as a line that a member could have sent: not blank, and not too long.
    private static func text(_ field: String, _ limits: ChatLimits) throws(ChatRefusal) -> String {
        let count = field.utf8.count
        if count > limits.lineBytes { throw ChatRefusal("a line of \(count) bytes, of at most \(limits.lineBytes)") }
        if field.utf8.allSatisfy({ $0 == UInt8(ascii: " ") }) { throw ChatRefusal("a blank line") }
        return field
    }

    private static func content(
        _ verb: String, _ fields: [String], _ limits: ChatLimits
    ) throws(ChatRefusal) -> Content {
        switch (verb, fields.count) {
        case ("said", 3):
            return .said(
                room: try ChatName(fields[0]), by: try ChatName(fields[1]), text: try text(fields[2], limits))
        case ("joined", 2): return .joined(room: try ChatName(fields[0]), try ChatName(fields[1]))
        case ("left", 3):
            guard let parting = ChatParting(rawValue: fields[2]) else { throw ChatRefusal("an unknown way to leave") }
            return .left(room: try ChatName(fields[0]), try ChatName(fields[1]), parting)
        case ("renamed", 3):
            return .renamed(room: try ChatName(fields[0]), from: try ChatName(fields[1]), to: try ChatName(fields[2]))
        case ("whispered", 4):
            guard ChatServer.isName(fields[1]) else { throw ChatRefusal("a whisper to a malformed server name") }
            return .whispered(
                to: try ChatName(fields[0]), at: fields[1], by: try ChatName(fields[2]),
                text: try text(fields[3], limits))
        case ("here", 2...(namesAtOnce + 1)):
            var names: [ChatName] = []
            for field in fields.dropFirst() { names.append(try ChatName(field)) }
            return .here(room: try ChatName(fields[0]), names)
        case ("hello", 0): return .hello
        case ("alive", 0): return .alive
        case ("gone", 0): return .gone
        default: throw ChatRefusal("an unknown event")
        }
    }
}
