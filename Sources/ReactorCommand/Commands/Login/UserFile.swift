// The users' file of a server. It is reread after every change, so that `adduser` and `lock` take effect on a running
// server. All of this blocks, so it is called on pool threads, or before a loop runs.

import Demos
import ServedFiles
import Synchronization
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The users' file, which verifies passwords.
final class UserFile: PasswordVerifier {
    private struct State {
        var list = UserList()
        /// The version that was read; `nil` if the file may have changed since without a visible trace.
        var version: FileVersion?
        /// The hash that a password is compared with when no user has a usable hash.
        var otherUser: [UInt8] = []
        /// The problems that were already reported.
        var reported: Set<UserList.Problem> = []
    }

    /// The largest file that is read, in bytes.
    static let largest = 16 * 1024 * 1024
    /// The number of problems that one reading reports individually.
    private static let mostReports = 10

    private let path: FilePath
    private let report: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// Reads the file.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - report: called once with a line for the operator for every line of the file that allows no login.
    /// - Throws: ``CommandFailure`` when the file cannot be read, or when none of its users can log in.
    init(_ path: FilePath, report: @escaping @Sendable (String) -> Void) throws {
        self.path = path
        self.report = report
        try state.withLock { state in
            state.otherUser = try Crypt.hash(Array("unknown user".utf8))
            try read(&state)
            if state.list.count == 0, let problem = state.list.problems.first {
                throw CommandFailure("\(path): no user can log in: \(problem)")
            }
            reportProblems(&state)
        }
    }

    /// The number of users who can log in.
    var count: Int { state.withLock { $0.list.count } }

    func verify(user: [UInt8], password: [UInt8]) -> LoginVerdict {
        let hashes: (own: [UInt8]?, any: [UInt8])? = state.withLock { state in
            guard (try? read(&state)) != nil else { return nil }
            reportProblems(&state)
            return (state.list.hash(of: user), state.list.anyHash ?? state.otherUser)
        }
        guard let hashes else { return .unavailable }
        // Known and unknown users cost the same work. crypt(3) stops at a zero byte, so a password with one is hashed
        // without it and always wrong: the part before the zero byte might be the right password.
        let isPossible = hashes.own != nil && !password.contains(0) && password.count <= Crypt.longestPassword
        let setting = hashes.own ?? hashes.any
        let hash = Crypt.hash(password.isEmpty ? [0x20] : password.filter { $0 != 0 }, like: setting) ?? []
        let isEqual = ConstantTime.areEqual(hash, setting)
        return isEqual && isPossible && !password.isEmpty ? .right : .wrong
    }

    private func read(_ state: inout State) throws {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            defer { try? file.close() }
            let version = FileVersion(try Stat(file))
            if version == state.version { return }
            guard version.size <= Self.largest else { throw CommandFailure("\(path) is too large for a users' file") }
            state.list = UserList(parsing: try Self.contents(of: file, version.size))
            state.version = version.isSettled(at: time(nil)) ? version : nil
        } catch let error as Errno {
            throw CommandFailure(
                "cannot read \(path): \(error); create it with 'reactor login adduser --users \(path) NAME'")
        }
    }

    private func reportProblems(_ state: inout State) {
        let problems = Set(state.list.problems)
        guard problems != state.reported else { return }
        let new = state.list.problems.filter { !state.reported.contains($0) }
        // Problems that are fixed are forgotten, and reported again if they return.
        state.reported = problems
        for problem in new.prefix(Self.mostReports) { report("\(path): \(problem)") }
        if new.count > Self.mostReports { report("\(path): \(new.count - Self.mostReports) more such lines") }
    }

    /// Returns the first `count` bytes of a file, or fewer if it is shorter.
    static func contents(of file: FileDescriptor, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            // Safe: the read writes at most into the rest of the array, and the pointer is not kept.
            let taken = try unsafe bytes.withUnsafeMutableBytes { buffer in
                try unsafe file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            }
            if taken == 0 { break }
            filled += taken
        }
        return Array(bytes.prefix(filled))
    }
}
