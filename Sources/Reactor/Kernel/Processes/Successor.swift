// This program once more, in a process of its own that takes the listening sockets over: started, waited for, given up.
// What it is given is what Inheritance takes.
//
//     started --says that it serves--> ready
//        +--- cannot be executed, ends, takes too long --> failed

import CReactor
import SystemPackage

/// A socket on its way to a successor; its owner keeps it as well.
struct HandedSocket {
    let descriptor: FileDescriptor
    var name: String?
    let role: SocketRole
}

/// A process that takes listening sockets over.
struct Successor {
    /// What became of it.
    enum Outcome { case waiting, ready, failed(String) }

    /// The number of the process.
    let process: CInt
    /// Readable when there is news. Whoever has the successor closes it.
    let readyPipe: FileDescriptor

    /// Starts this program once more.
    ///
    /// - Parameters:
    ///   - arguments: its command line, the program's name first.
    ///   - sockets: what it takes over.
    /// - Throws: ``SocketError`` when the system has no room for it.
    static func start(arguments: [String], sockets: [HandedSocket]) throws(SocketError) -> Successor {
        let path = try ownPath()
        var ends: [CInt] = [0, 0]
        let made = unsafe SystemResult(rawValue: creactor_pipe(&ends))
        if let errno = made.errno { throw SocketError(.handOver, subject: path, errno: errno) }
        var descriptors = sockets.map(\.descriptor.rawValue) + [ends[1]]
        let count = CInt(descriptors.count)
        let started = unsafe withStrings(arguments) { arguments in
            unsafe withStrings(environment(sockets)) { environment in
                // Behind the equals sign of the first entry is room for the number.
                let digits = unsafe environment[0]! + processVariable.utf8.count + 1
                return unsafe SystemResult(
                    rawValue: creactor_start_process(path, arguments, environment, digits, &descriptors, count))
            }
        }
        _ = creactor_close(ends[1])
        if let errno = started.errno {
            _ = creactor_close(ends[0])
            throw SocketError(.handOver, subject: path, errno: errno)
        }
        return Successor(process: CInt(started.rawValue), readyPipe: FileDescriptor(rawValue: ends[0]))
    }

    /// Looks for news.
    func outcome() -> Outcome {
        var word: UInt8 = 0
        let result = retryingInterrupts { unsafe SystemResult(rawValue: creactor_read(readyPipe.rawValue, &word, 1)) }
        if result.wouldBlock { return .waiting }
        if result.rawValue == 0 { return .failed("it ended before it was ready") }
        if result.errno != nil { return .failed("it cannot be heard") }
        return word == 0 ? .ready : .failed("\(Errno(rawValue: CInt(word)))")
    }

    /// Gives it up: it is killed, if it still runs.
    func abandon() { _ = creactor_end_process(process) }

    // MARK: What it is started with

    private static let processVariable = "LISTEN_PID"

    /// Our environment, with what Inheritance reads; the process's number first, with room for its digits.
    private static func environment(_ sockets: [HandedSocket]) -> [String] {
        var entries = [
            "\(processVariable)=0000000000", "LISTEN_FDS=\(sockets.count)", "REACTOR_READY_FD=\(3 + sockets.count)",
        ]
        if !sockets.isEmpty { entries.append("REACTOR_ROLES=" + sockets.map(\.role.rawValue).joined(separator: ",")) }
        // "unknown" is what systemd calls a socket without a name (sd_listen_fds(3)).
        if sockets.contains(where: { $0.name != nil }) {
            entries.append("LISTEN_FDNAMES=" + sockets.map { $0.name ?? "unknown" }.joined(separator: ":"))
        }
        let replaced = [
            processVariable + "=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "REACTOR_READY_FD=", "REACTOR_ROLES=",
        ]
        guard var entry = unsafe creactor_environment() else { return entries }
        // Safe: a list of C strings that ends with a null pointer (environ(7)).
        while let text = unsafe entry.pointee {
            let text = unsafe String(cString: text)
            if !replaced.contains(where: text.hasPrefix) { entries.append(text) }
            unsafe entry += 1
        }
        return entries
    }

    /// Where this program lies now: where it was started from, although that may be another version by now, which is then
    /// the one to be started.
    private static func ownPath() throws(SocketError) -> String {
        var bytes = [CChar](repeating: 0, count: 4096)
        let result = unsafe SystemResult(rawValue: creactor_executable(&bytes, bytes.count))
        if let errno = result.errno { throw SocketError(.handOver, subject: "this program", errno: errno) }
        let path = String(decoding: bytes.prefix(result.rawValue).map(UInt8.init(bitPattern:)), as: UTF8.self)
        // How Linux says that the file was replaced (proc(5)).
        let replaced = " (deleted)"
        return path.hasSuffix(replaced) ? String(path.dropLast(replaced.count)) : path
    }

    /// Lends texts as a list of C strings that ends with a null pointer.
    private static func withStrings(
        _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> SystemResult
    ) -> SystemResult {
        // Safe: the copies live until the body has returned.
        var pointers = unsafe texts.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
    }
}
