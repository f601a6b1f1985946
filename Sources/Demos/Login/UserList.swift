// The users' file: a line a user, NAME:HASH, as crypt(5) writes hashes. Bytes in, bytes out; no file is opened here.

/// Names and their hashes.
public struct UserList: Sendable {
    /// A file that is none.
    public struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
        /// What is wrong, with the number of the line.
        public let description: String
    }

    /// The longest hash that crypt(3) makes.
    private static let longestHash = 384
    private var hashes: [[UInt8]: [UInt8]] = [:]
    private var names: [[UInt8]] = []

    /// Nobody.
    public init() {}

    /// Reads a file; empty lines and those that begin with `#` say nothing.
    public init(parsing bytes: [UInt8]) throws(Malformed) {
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
                throw Malformed(description: "line \(index + 1) is not NAME:HASH")
            }
            let (name, hash) = (Array(line[..<colon]), Array(line[(colon + 1)...]))
            guard Self.isName(name) else {
                throw Malformed(description: "line \(index + 1) has no name that a user may have")
            }
            guard hash.first == UInt8(ascii: "$"), hash.count < Self.longestHash,
                hash.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: ":") })
            else { throw Malformed(description: "line \(index + 1) has no hash that crypt(3) makes") }
            guard hashes[name] == nil else { throw Malformed(description: "line \(index + 1) names a user once more") }
            set(hash, of: name)
        }
    }

    /// A user's hash.
    public func hash(of name: [UInt8]) -> [UInt8]? { hashes[name] }

    /// A hash that costs what that of a user costs, for names that nobody has; `nil` when there is no user.
    public var anyHash: [UInt8]? { names.first.flatMap { hashes[$0] } }

    /// How many users there are.
    public var count: Int { names.count }

    /// Adds a user, or replaces a hash.
    public mutating func set(_ hash: [UInt8], of name: [UInt8]) {
        if hashes.updateValue(hash, forKey: name) == nil { names.append(name) }
    }

    /// The file.
    public var encoded: [UInt8] {
        names.flatMap { $0 + [UInt8(ascii: ":")] + (hashes[$0] ?? []) + [UInt8(ascii: "\n")] }
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
