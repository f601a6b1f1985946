// A second process of this program, which takes over the listening sockets. It is started, then awaited or abandoned.
// Its environment is what Inheritance reads.
//
//     started --reports that it is serving--> ready
//        +--- cannot be executed, exits, takes too long --> failed

import CReactor
import SystemPackage

/// A socket to be handed to a successor. Its owner keeps its own descriptor of the socket.
struct HandedSocket {
    let descriptor: FileDescriptor
    var name: String?
    let role: SocketRole
}

/// A process that takes over the listening sockets.
struct Successor {
    /// The state of a successor.
    enum Outcome { case waiting, ready, failed(String) }

    /// The process ID.
    let process: CInt
    /// Readable when the outcome has changed. The owner of this value closes it.
    let readyPipe: FileDescriptor

    /// Starts this program in a new process.
    ///
    /// - Parameters:
    ///   - arguments: its command line, the program's name first.
    ///   - sockets: the sockets that it takes over.
    /// - Throws: ``SocketError`` if the process or the pipe cannot be created.
    static func start(arguments: [String], sockets: [HandedSocket]) throws(SocketError) -> Successor {
        let path = try ownPath()
        var ends: [CInt] = [0, 0]
        let made = unsafe SystemResult(rawValue: creactor_pipe(&ends))
        if let errno = made.errno { throw SocketError(.handOver, subject: path, errno: errno) }
        var descriptors = sockets.map(\.descriptor.rawValue) + [ends[1]]
        let count = CInt(descriptors.count)
        let started = unsafe withStrings(arguments) { arguments in
            unsafe withStrings(environment(sockets)) { environment in
                // The first entry has room for the process ID after its equals sign.
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

    /// Returns the current state, without waiting.
    func outcome() -> Outcome {
        var word: UInt8 = 0
        let result = retryingInterrupts { unsafe SystemResult(rawValue: creactor_read(readyPipe.rawValue, &word, 1)) }
        if result.wouldBlock { return .waiting }
        if result.rawValue == 0 { return .failed("it ended before it was ready") }
        if result.errno != nil { return .failed("its status cannot be read") }
        return word == 0 ? .ready : .failed("\(Errno(rawValue: CInt(word)))")
    }

    /// Kills the process if it is still running, and reaps it.
    func abandon() { _ = creactor_end_process(process) }

    // MARK: Environment and path

    private static let processVariable = "LISTEN_PID"

    /// Returns this process's environment with the variables of Inheritance; first the process ID, with room for its
    /// digits.
    private static func environment(_ sockets: [HandedSocket]) -> [String] {
        var entries = [
            "\(processVariable)=0000000000", "LISTEN_FDS=\(sockets.count)", "REACTOR_READY_FD=\(3 + sockets.count)",
        ]
        if !sockets.isEmpty { entries.append("REACTOR_ROLES=" + sockets.map(\.role.rawValue).joined(separator: ",")) }
        // systemd names a socket without a name "unknown" (sd_listen_fds(3)).
        if sockets.contains(where: { $0.name != nil }) {
            entries.append("LISTEN_FDNAMES=" + sockets.map { $0.name ?? "unknown" }.joined(separator: ":"))
        }
        let replaced = [
            processVariable + "=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "REACTOR_READY_FD=", "REACTOR_ROLES=",
        ]
        guard var entry = unsafe creactor_environment() else { return entries }
        // Safe: the environment is an array of C strings that ends with a null pointer (environ(7)).
        while let text = unsafe entry.pointee {
            let text = unsafe String(cString: text)
            if !replaced.contains(where: text.hasPrefix) { entries.append(text) }
            unsafe entry += 1
        }
        return entries
    }

    /// Returns the path that this program was started from. It may hold a newer version by now, which is then started.
    private static func ownPath() throws(SocketError) -> String {
        var bytes = [CChar](repeating: 0, count: 4096)
        let result = unsafe SystemResult(rawValue: creactor_executable(&bytes, bytes.count))
        if let errno = result.errno { throw SocketError(.handOver, subject: "this program", errno: errno) }
        let path = String(decoding: bytes.prefix(result.rawValue).map(UInt8.init(bitPattern:)), as: UTF8.self)
        // Linux appends this when the file has been replaced (proc(5)).
        let replaced = " (deleted)"
        return path.hasSuffix(replaced) ? String(path.dropLast(replaced.count)) : path
    }

}

/// Lends strings as an array of C strings that ends with a null pointer.
func withStrings(
    _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> SystemResult
) -> SystemResult {
    // Safe: the copies live until the body has returned.
    var pointers = unsafe texts.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    defer { unsafe pointers.forEach { unsafe free($0) } }
    return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
}
