// Changes of the users' file, as bytes: the lines of one user change, and every other line stays as it is, byte for byte,
// comments, empty lines and malformed ones included.

/// A change of one user's line.
public enum UserListEdit: Sendable {
    /// Adds a user with a hash, or gives an existing one another, which unlocks it.
    case set(hash: [UInt8], replacing: Bool)
    /// Locks a user: `!` in front of the hash (passwd(1), `-l`).
    case lock
    /// Takes that back.
    case unlock

    /// A change that cannot be made.
    public enum Failure: Error, Sendable, Hashable {
        /// The user is there already, and may not be replaced.
        case exists
        /// There is no such user.
        case notFound
        /// The user has no hash that unlocking would bring back.
        case noHash
    }

    /// The file after the change.
    public func apply(to file: [UInt8], _ name: [UInt8]) throws(Failure) -> [UInt8] {
        let newline = UInt8(ascii: "\n")
        var lines = file.split(separator: newline, omittingEmptySubsequences: false)
        // The last line ends with the file, where that does not end with a newline.
        let isEnded = lines.last?.isEmpty ?? true
        if isEnded { lines = lines.dropLast() }
        var result: [UInt8] = []
        var isDone = false
        for (index, line) in lines.enumerated() {
            let isLast = index == lines.count - 1
            guard Self.name(of: line) == name else {
                result += line
                if !isLast || isEnded { result.append(newline) }
                continue
            }
            // A second line of the same user goes: which of the two counts cannot be known.
            if isDone { continue }
            isDone = true
            let ending = line.last == UInt8(ascii: "\r") ? [UInt8(ascii: "\r"), newline] : [newline]
            let hash = line[(line.firstIndex(of: UInt8(ascii: ":")) ?? line.startIndex)...].dropFirst()
            let old = Array(hash.last == UInt8(ascii: "\r") ? hash.dropLast() : hash)
            result += name + [UInt8(ascii: ":")] + (try changed(old)) + ending
        }
        if isDone { return result }
        guard case .set(let hash, _) = self else { throw .notFound }
        if let last = result.last, last != newline { result.append(newline) }
        return result + name + [UInt8(ascii: ":")] + hash + [newline]
    }

    /// Another hash in place of this one.
    private func changed(_ old: [UInt8]) throws(Failure) -> [UInt8] {
        switch self {
        case .set(let hash, let replacing):
            if !replacing { throw .exists }
            return hash
        case .lock: return old.first == UserList.lockMark ? old : [UserList.lockMark] + old
        case .unlock:
            let hash = Array(old.drop { $0 == UserList.lockMark })
            guard UserList.isHash(hash) else { throw .noHash }
            return hash
        }
    }

    /// The user that a line is about.
    private static func name(of line: ArraySlice<UInt8>) -> [UInt8]? {
        switch UserList.parse(line) {
        case .user(let name, _), .locked(let name, _): name
        case .none, .malformed: nil
        }
    }
}
