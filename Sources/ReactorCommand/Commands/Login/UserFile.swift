// The users' file as a server reads it: again when it has changed, so that `adduser` and `lock` take effect on a server that
// runs. All of it blocks, and is called from threads of a pool, or before there is a loop.

import Demos
import ServedFiles
import Synchronization
import SystemPackage

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The users' file.
final class UserFile: PasswordVerifier {
    private struct State {
        var list = UserList()
        /// The version that was read; `nil` where it may have changed since without a trace.
        var version: FileVersion?
        /// What a password of nobody's is hashed with.
        var nobody: [UInt8] = []
        /// Problems that were reported.
        var reported: Set<UserList.Problem> = []
    }

    /// The largest file, in bytes.
    static let largest = 16 * 1024 * 1024
    /// Problems of one reading that are reported one by one.
    private static let mostReports = 10

    private let path: FilePath
    private let report: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// Reads the file.
    ///
    /// - Parameter report: takes a line for the operator about each line of the file that lets nobody in, once.
    /// - Throws: ``CommandFailure`` when it cannot be read, or when no user of it can log in.
    init(_ path: FilePath, report: @escaping @Sendable (String) -> Void) throws {
        self.path = path
        self.report = report
        try state.withLock { state in
            state.nobody = try Crypt.hash(Array("nobody".utf8))
            try read(&state)
            if state.list.count == 0, let problem = state.list.problems.first {
                throw CommandFailure("\(path): no user can log in: \(problem)")
            }
            reportProblems(&state)
        }
    }

    /// How many users there are.
    var count: Int { state.withLock { $0.list.count } }

    func verify(user: [UInt8], password: [UInt8]) -> LoginVerdict {
        let hashes: (own: [UInt8]?, any: [UInt8])? = state.withLock { state in
            guard (try? read(&state)) != nil else { return nil }
            reportProblems(&state)
            return (state.list.hash(of: user), state.list.anyHash ?? state.nobody)
        }
        guard let hashes else { return .unavailable }
        // The same work for everybody. A zero byte would end the password for crypt(3), and what is before it might be right.
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
            guard version.size <= Self.largest else { throw CommandFailure("\(path) is larger than any list of users") }
            state.list = UserList(parsing: try Self.contents(of: file, version.size))
            state.version = version.isSettled(at: time(nil)) ? version : nil
        } catch let error as Errno {
            throw CommandFailure(
                "cannot read \(path): \(error); make it with 'reactor login adduser --users \(path) NAME'")
        }
    }

    private func reportProblems(_ state: inout State) {
        let problems = Set(state.list.problems)
        guard problems != state.reported else { return }
        let new = state.list.problems.filter { !state.reported.contains($0) }
        // What is mended is forgotten, and reported again if it comes back.
        state.reported = problems
        for problem in new.prefix(Self.mostReports) { report("\(path): \(problem)") }
        if new.count > Self.mostReports { report("\(path): \(new.count - Self.mostReports) more such lines") }
    }

    static func contents(of file: FileDescriptor, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            // Safe: no more is read than there is room for.
            let taken = try unsafe bytes.withUnsafeMutableBytes { buffer in
                try unsafe file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            }
            if taken == 0 { break }
            filled += taken
        }
        return Array(bytes.prefix(filled))
    }
}
