// The users' file: a line a user, NAME:HASH, as crypt(5) writes hashes. Bytes in, bytes out; no file is opened here. A line
// that is malformed or locked concerns its own user and no other.

/// Names and their hashes.
public struct UserList: Sendable {
    /// A line of the file that lets nobody in.
    public struct Problem: Sendable, Hashable, CustomStringConvertible {
        /// The line's number, from 1 on.
        public let line: Int
        /// What it says, or what is wrong with it, and whom it locks.
        public let text: String

        /// As an operator reads it.
        public var description: String { "line \(line) \(text)" }
    }

    /// What a line is.
    enum Line: Equatable {
        /// A comment, or nothing.
        case none
        /// A user and a hash.
        case user([UInt8], hash: [UInt8])
        /// A user who cannot log in, and why.
        case locked([UInt8], because: String)
        /// Neither.
        case malformed(String)
    }

    /// The longest hash that crypt(3) makes.
    private static let longestHash = 384
    /// What stands in front of a hash, or in its place, of a locked user (passwd(5), shadow(5)).
    static let lockMark = UInt8(ascii: "!")
    private static let otherLockMark = UInt8(ascii: "*")

    private var hashes: [[UInt8]: [UInt8]] = [:]
    private var names: [[UInt8]] = []
    /// Lines that let nobody in, in their order.
    public private(set) var problems: [Problem] = []

    /// Nobody.
    public init() {}

    /// Reads a file. Empty lines and those that begin with `#` say nothing; a line may end with CR LF.
    public init(parsing bytes: [UInt8]) {
        var seen: [[UInt8]: Int] = [:]
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            switch Self.parse(line) {
            case .none: continue
            case .malformed(let reason): problems.append(Problem(line: number, text: "\(reason), and is ignored"))
            case .user(let name, _) where seen[name] != nil, .locked(let name, _) where seen[name] != nil:
                // Which of them counts cannot be known.
                let text = Self.locking(name, "names the user of line \(seen[name] ?? 0) again")
                problems.append(Problem(line: number, text: text))
                hashes[name] = nil
            case .user(let name, let hash):
                seen[name] = number
                set(hash, of: name)
            case .locked(let name, let reason):
                seen[name] = number
                problems.append(Problem(line: number, text: Self.locking(name, reason)))
            }
        }
        names.removeAll { hashes[$0] == nil }
    }

    private static func locking(_ name: [UInt8], _ reason: String) -> String {
        "\(reason): \(String(decoding: name, as: UTF8.self)) cannot log in"
    }

    /// A user's hash; `nil` for a name that nobody has, and for a locked user.
    public func hash(of name: [UInt8]) -> [UInt8]? { hashes[name] }

    /// A hash that costs what that of a user costs, for names that nobody has; `nil` when there is no user.
    public var anyHash: [UInt8]? { names.first.flatMap { hashes[$0] } }

    /// How many users can log in.
    public var count: Int { names.count }

    private mutating func set(_ hash: [UInt8], of name: [UInt8]) {
        if hashes.updateValue(hash, forKey: name) == nil { names.append(name) }
    }

    // MARK: Lines

    /// Reads one line, without the newline at its end.
    static func parse(_ line: ArraySlice<UInt8>) -> Line {
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        if line.isEmpty || line.first == UInt8(ascii: "#") { return .none }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return .malformed("is not NAME:HASH") }
        let (name, hash) = (Array(line[..<colon]), Array(line[(colon + 1)...]))
        guard isName(name) else { return .malformed("has no valid user name") }
        if isHash(hash) { return .user(name, hash: hash) }
        if hash.first == lockMark || hash.first == otherLockMark { return .locked(name, because: "is locked") }
        return .locked(name, because: "has no hash of crypt(3)")
    }

    /// Whether this is a hash as crypt(5) writes them.
    static func isHash(_ hash: some BidirectionalCollection<UInt8>) -> Bool {
        hash.first == UInt8(ascii: "$") && hash.count < longestHash
            && hash.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: ":") }
    }

    /// Whether a user may be called so: 1 to 32 letters, digits, `-`, `_`, `.`, all ASCII.
    public static func isName(_ name: [UInt8]) -> Bool {
        let marks = Array("-_.".utf8)
        return (1...32).contains(name.count)
            && name.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte != 0x40 && byte < 0x7f
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || marks.contains(byte)
            }
    }
}
