// What servers tell each other, and how it is written: fields of text with a tab between them, which no text of a member
// may contain. Whoever can write to the backplane can write anything, so what is read is checked like a stranger's line.
//
//     version  origin  server  verb  fields of the verb ...
//     1        5f3a..  b       said  lobby  anna  hello

/// Something that happened on one server and concerns the others.
struct ChatEvent: Equatable {
    enum Content: Equatable {
        case said(room: ChatName, by: ChatName, text: String)
        case joined(room: ChatName, ChatName)
        case left(room: ChatName, ChatName, ChatParting)
        case renamed(room: ChatName, from: ChatName, to: ChatName)
        case whispered(to: ChatName, at: String, by: ChatName, text: String)
        /// A server has come, or has come back: what was known of it is void, and all others say who is with them.
        case hello
        /// Members who are in a room; so many at once as a message holds.
        case here(room: ChatName, [ChatName])
        case alive
        case gone
    }

    /// Which process this is from: a random number, so that a server knows its own words.
    let origin: UInt64
    /// What the server is called.
    let server: String
    let content: Content

    static let maximumBytes = 8 * 1024
    /// Names in one ``Content/here(room:_:)``: 64 of the longest fit.
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

    /// - Parameter limits: what holds for a member's own lines, and so for what others say.
    /// - Throws: ``ChatRefusal`` for anything that no server of this version and with these limits has written.
    init(_ bytes: [UInt8], _ limits: ChatLimits = ChatLimits()) throws(ChatRefusal) {
        if bytes.count > Self.maximumBytes { throw ChatRefusal("an event of \(bytes.count) bytes") }
        var fields: [String] = []
        for field in bytes.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false) {
            fields.append(try ChatText.decode(Array(field)))
        }
        guard fields.count >= 4, fields[0] == Self.version else { throw ChatRefusal("no event of version 1") }
        guard 1...16 ~= fields[1].utf8.count, fields[1].utf8.allSatisfy(Self.isHexadecimal),
            let origin = UInt64(fields[1], radix: 16), ChatServer.isName(fields[2])
        else { throw ChatRefusal("an event of nobody") }
        self.init(origin: origin, server: fields[2], try Self.content(fields[3], Array(fields[4...]), limits))
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte
    }

    /// Text as a member could have said it: not blank, no longer than a line.
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
            guard let parting = ChatParting(rawValue: fields[2]) else { throw ChatRefusal("no way to part") }
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
        default: throw ChatRefusal("an event that nobody knows")
        }
    }
}
