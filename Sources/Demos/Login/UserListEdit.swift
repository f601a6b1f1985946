// Edits of the user file, as bytes: only the lines of one user change; all others, including comments, empty and
// malformed lines, are kept byte for byte.

/// An edit of one user's line.
package enum UserListEdit: Sendable {
    /// Adds a user with a hash, or replaces the hash of an existing one, which unlocks the user.
    case set(hash: [UInt8], replacing: Bool)
    /// Locks a user by `!` before the hash (passwd(1), `-l`).
    case lock
    /// Unlocks a user.
    case unlock

    /// A failed edit.
    package enum Failure: Error, Sendable, Hashable {
        /// The user exists already and may not be replaced.
        case exists
        /// The user does not exist.
        case notFound
        /// The user has no hash that could be unlocked.
        case noHash
    }

    /// Returns the file after the edit.
    ///
    /// - Throws: ``Failure``.
    package func apply(to file: [UInt8], _ name: [UInt8]) throws(Failure) -> [UInt8] {
        let newline = UInt8(ascii: "\n")
        var lines = file.split(separator: newline, omittingEmptySubsequences: false)
        // Without a newline at the end of the file, the last element is a line of its own.
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
            // Remove a second line of the same user: which of the two is intended is unknown.
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

    /// Returns the hash that replaces a user's.
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

    /// Returns the user of a line, if any.
    private static func name(of line: ArraySlice<UInt8>) -> [UInt8]? {
        switch UserList.parse(line) {
        case .user(let name, _), .locked(let name, _): name
        case .none, .malformed: nil
        }
    }
}
