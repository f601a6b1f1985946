// Raw descriptors for tests: pipes, socket pairs, regular files.

import Glibc
import SystemPackage

/// Two connected descriptors that close themselves.
final class Pair {
    private(set) var first: FileDescriptor
    private(set) var second: FileDescriptor

    private init(_ pair: [CInt]) {
        first = FileDescriptor(rawValue: pair[0])
        second = FileDescriptor(rawValue: pair[1])
    }

    /// A non-blocking pipe: the first is read, the second written.
    static func pipe() -> Pair {
        var pair: [CInt] = [0, 0]
        precondition(unsafe Glibc.pipe(&pair) == 0)
        for end in pair {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        return Pair(pair)
    }

    /// Two ends of a local stream.
    static func sockets() -> Pair {
        var pair: [CInt] = [0, 0]
        let type = CInt(SOCK_STREAM.rawValue | UInt32(SOCK_CLOEXEC.rawValue) | UInt32(SOCK_NONBLOCK.rawValue))
        precondition(unsafe socketpair(AF_UNIX, type, 0, &pair) == 0)
        return Pair(pair)
    }

    deinit {
        closeFirst()
        closeSecond()
    }

    func closeFirst() {
        if first.rawValue >= 0 { Glibc.close(first.rawValue) }
        first = FileDescriptor(rawValue: -1)
    }

    func closeSecond() {
        if second.rawValue >= 0 { Glibc.close(second.rawValue) }
        second = FileDescriptor(rawValue: -1)
    }

    /// Gives a descriptor up to another owner.
    func forgetFirst() { first = FileDescriptor(rawValue: -1) }
    func forgetSecond() { second = FileDescriptor(rawValue: -1) }
}

extension FileDescriptor {
    /// Writes a text; answers how many bytes were taken.
    @discardableResult
    func put(_ text: String) -> Int { unsafe Glibc.write(rawValue, text, text.utf8.count) }

    /// Reads all that is there.
    @discardableResult
    func takeAll() -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe Glibc.read(rawValue, &buffer, buffer.count)
            if count <= 0 { return all }
            all += buffer[..<count]
        }
    }

    /// Writes until nothing more is taken.
    func fill() {
        let bytes = [UInt8](repeating: 7, count: 65536)
        while unsafe Glibc.write(rawValue, bytes, bytes.count) > 0 {}
    }
}

/// A regular file with some text, that nobody else sees.
func regularFile(_ text: String) -> FileDescriptor {
    var name = Array("/tmp/reactor-test-XXXXXX".utf8CString)
    let descriptor = FileDescriptor(rawValue: unsafe mkstemp(&name))
    unsafe unlink(name)
    descriptor.put(text)
    lseek(descriptor.rawValue, 0, SEEK_SET)
    return descriptor
}
