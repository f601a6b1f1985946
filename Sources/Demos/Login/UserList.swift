// The user file: one user per line, NAME:HASH, with hashes as in crypt(5). Parses bytes and opens no file. A malformed
// or locked line affects its own user only.

/// The users and their password hashes.
package struct UserList: Sendable {
    /// A line of the file that prevents a login.
    package struct Problem: Sendable, Hashable, CustomStringConvertible {
        /// The line number, from 1.
        package let line: Int
        /// The content or the defect of the line, and the user that it locks out.
        package let text: String

        /// The problem in words, for the operator.
        package var description: String { "line \(line) \(text)" }
    }

    /// A parsed line.
    enum Line: Equatable {
        /// An empty line or a comment.
        case none
        /// A user and a hash.
        case user([UInt8], hash: [UInt8])
        /// A user who cannot log in, and the reason.
        case locked([UInt8], because: String)
        /// A malformed line.
        case malformed(String)
    }

    /// The maximum length of a hash of crypt(3), in bytes.
    private static let longestHash = 384
    /// The mark before or instead of a locked user's hash (passwd(5), shadow(5)).
    static let lockMark = UInt8(ascii: "!")
    private static let otherLockMark = UInt8(ascii: "*")

    private var hashes: [[UInt8]: [UInt8]] = [:]
    private var names: [[UInt8]] = []
    /// The lines that prevent a login, in order.
    package private(set) var problems: [Problem] = []

    /// Creates an empty list.
    package init() {}

    /// Parses a file. Empty lines and those that begin with `#` are ignored; lines may end with CR LF.
    package init(parsing bytes: [UInt8]) {
        var seen: [[UInt8]: Int] = [:]
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            switch Self.parse(line) {
            case .none: continue
            case .malformed(let reason): problems.append(Problem(line: number, text: "\(reason), and is ignored"))
            case .user(let name, _) where seen[name] != nil, .locked(let name, _) where seen[name] != nil:
                // Which of the two lines is intended is unknown.
                let text = Self.locking(name, "repeats the user of line \(seen[name] ?? 0)")
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

    /// Returns a user's hash; `nil` for an unknown name or a locked user.
    package func hash(of name: [UInt8]) -> [UInt8]? { hashes[name] }

    /// A hash as costly as a user's, to check for unknown names; `nil` for an empty list.
    package var anyHash: [UInt8]? { names.first.flatMap { hashes[$0] } }

    /// The number of users who can log in.
    package var count: Int { names.count }

    private mutating func set(_ hash: [UInt8], of name: [UInt8]) {
        if hashes.updateValue(hash, forKey: name) == nil { names.append(name) }
    }

    // MARK: Lines

    /// Parses one line, without its newline.
    static func parse(_ line: ArraySlice<UInt8>) -> Line {
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        if line.isEmpty || line.first == UInt8(ascii: "#") { return .none }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return .malformed("is not NAME:HASH") }
        let (name, hash) = (Array(line[..<colon]), Array(line[(colon + 1)...]))
        guard isName(name) else { return .malformed("has no valid user name") }
        if isHash(hash) { return .user(name, hash: hash) }
        if hash.first == lockMark || hash.first == otherLockMark { return .locked(name, because: "is locked") }
        return .locked(name, because: "has no crypt(3) hash")
    }

    /// Returns whether the bytes look like a hash of crypt(5).
    static func isHash(_ hash: some BidirectionalCollection<UInt8>) -> Bool {
        hash.first == UInt8(ascii: "$") && hash.count < longestHash
            && hash.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: ":") }
    }

    /// Returns whether the bytes are a valid user name: 1 to 32 ASCII letters, digits, `-`, `_`, `.`.
    package static func isName(_ name: [UInt8]) -> Bool {
        let marks = Array("-_.".utf8)
        return (1...32).contains(name.count)
            && name.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte != 0x40 && byte < 0x7f
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || marks.contains(byte)
            }
    }
}
