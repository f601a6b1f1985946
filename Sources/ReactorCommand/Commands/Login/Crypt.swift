// crypt(3) with yescrypt, and the users' file: what `reactor login` checks passwords with. All of it blocks, and is called
// from threads of a pool, or before there is a loop.

import CCrypt
import Demos
import FoundationEssentials
import ServedFiles
import Synchronization
import SystemPackage

/// Hashes passwords.
enum Crypt {
    /// yescrypt (crypt(5)), at the cost that the library takes for right.
    private static let scheme = "$y$"
    /// The longest password that crypt(3) takes.
    static let longestPassword = 511

    /// Hashes a new password.
    ///
    /// - Throws: ``CommandFailure`` where the system's library knows no yescrypt.
    static func hash(_ password: [UInt8]) throws -> [UInt8] {
        var salt = [CChar](repeating: 0, count: Int(ccrypt_longest_hash))
        // Safe: the buffer is as long as the call is told that it is.
        guard unsafe ccrypt_salt(scheme, 0, &salt) == 1,
            let hash = hash(password, like: salt.map { UInt8(bitPattern: $0) })
        else {
            throw CommandFailure("this system's crypt(3) knows no yescrypt; install libcrypt (libxcrypt 4)")
        }
        return hash
    }

    /// Hashes a password with the scheme, the cost and the salt of a hash; `nil` when it is none.
    static func hash(_ password: [UInt8], like setting: [UInt8]) -> [UInt8]? {
        var result = [CChar](repeating: 0, count: Int(ccrypt_longest_hash))
        let password = password + [0]
        let setting = setting + [0]
        // Safe: all three end with a zero byte, or are as long as the call takes for granted.
        let isHash = unsafe password.withUnsafeBytes { password in
            unsafe setting.withUnsafeBytes { setting in
                unsafe ccrypt_hash(
                    password.assumingMemoryBound(to: CChar.self).baseAddress!,
                    setting.assumingMemoryBound(to: CChar.self).baseAddress!, &result)
            }
        }
        return isHash == 1 ? result.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) } : nil
    }
}

/// The users' file. Read again when it has changed, so that `adduser` takes effect on a server that runs.
final class UserFile: PasswordVerifier {
    private struct State {
        var list = UserList()
        var stamp: [Int] = []
        /// What a password of nobody's is hashed with.
        var nobody: [UInt8] = []
    }

    private static let largest = 16 * 1024 * 1024
    private let path: FilePath
    private let state = Mutex(State())

    /// Reads the file.
    ///
    /// - Throws: ``CommandFailure`` when it cannot be read, or is none.
    init(_ path: FilePath) throws {
        self.path = path
        try state.withLock { state in
            state.nobody = try Crypt.hash(Array("nobody".utf8))
            try update(&state)
        }
    }

    /// How many users there are.
    var count: Int { state.withLock { $0.list.count } }

    func verify(user: [UInt8], password: [UInt8]) -> LoginVerdict {
        let hashes: (own: [UInt8]?, any: [UInt8])? = state.withLock { state in
            guard (try? update(&state)) != nil else { return nil }
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

    private func update(_ state: inout State) throws {
        let bytes: [UInt8]
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            defer { try? file.close() }
            let status = try Stat(file)
            let stamp = [
                Int(status.size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                Int(truncatingIfNeeded: status.inode.rawValue),
            ]
            if stamp == state.stamp { return }
            guard status.size <= Self.largest else { throw CommandFailure("\(path) is larger than any list of users") }
            bytes = try Self.read(file, Int(status.size))
            state.stamp = stamp
        } catch let error as Errno {
            throw CommandFailure(
                "cannot read \(path): \(error); make it with 'reactor login adduser --users \(path) NAME'")
        }
        do throws(UserList.Malformed) { state.list = try UserList(parsing: bytes) } catch {
            state.stamp = []
            throw CommandFailure("\(path): \(error)")
        }
    }

    private static func read(_ file: FileDescriptor, _ count: Int) throws -> [UInt8] {
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

    /// Adds a user to a file, which is made if it is not there: under a temporary name first, for its owner only.
    ///
    /// - Throws: ``CommandFailure``.
    static func add(_ name: String, _ hash: [UInt8], to path: FilePath, replacing: Bool) throws {
        var list = UserList()
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            defer { try? file.close() }
            list = try UserList(parsing: try read(file, min(largest, Int(try Stat(file).size))))
        } catch Errno.noSuchFileOrDirectory {
            // It is made.
        } catch {
            throw CommandFailure("cannot read \(path): \(error)")
        }
        let user = Array(name.utf8)
        if list.hash(of: user) != nil && !replacing {
            throw CommandFailure("there is a user \(name) already; say --replace to give a new password")
        }
        list.set(hash, of: user)
        do {
            let folder = path.removingLastComponent()
            let directory = try ServedDirectory(folder.isEmpty ? "." : folder)
            guard let last = path.lastComponent else { throw FileAccessError(.invalidName) }
            let file = try directory.create(Array(last.string.utf8))
            do {
                try file.descriptor.setOwnerOnly()
                try file.descriptor.writeAll(list.encoded)
            } catch {
                file.discard()
                throw error
            }
            try file.commit(replacing: true, isDurable: true)
        } catch {
            throw CommandFailure("cannot write \(path): \(error)")
        }
    }
}
