// A child process with pipes as its standard input and output: started with posix_spawn(3), reaped through a pidfd.

import CReactor
import SystemPackage

/// How a child process ended.
public enum ProcessEnd: Sendable, Hashable, CustomStringConvertible {
    /// It exited with this status.
    case exited(Int32)
    /// This signal ended it.
    case killed(Signal)

    /// The end in words.
    public var description: String {
        switch self {
        case .exited(let status): "exit status \(status)"
        case .killed(let signal): "ended by \(signal)"
        }
    }
}

/// A child process that was just started. Its owner closes the descriptors.
struct SpawnedProcess {
    /// The process ID.
    let process: CInt
    /// Readable once the process has ended (pidfd_open(2)).
    let pidfd: FileDescriptor
    /// The end of the pipe to its standard input.
    let input: FileDescriptor
    /// The end of the pipe from its standard output.
    let output: FileDescriptor

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - path: the path of the program; no search path is used.
    ///   - arguments: its arguments, without its name.
    ///   - environment: its environment as `NAME=VALUE`; `nil` for this process's own.
    static func start(_ path: String, arguments: [String], environment: [String]?) throws(SocketError)
        -> SpawnedProcess
    {
        if ([path] + arguments + (environment ?? [])).contains(where: { $0.utf8.contains(0) }) {
            throw SocketError(.spawn, subject: path, reason: "a path, argument or variable contains a zero byte")
        }
        // Otherwise a pipe could get the number of a standard stream that is closed here.
        creactor_occupy_standard_streams()
        let (childInput, input) = try pipe(for: path)
        let childOutput: FileDescriptor
        let output: FileDescriptor
        do throws(SocketError) {
            (output, childOutput) = try pipe(for: path)
        } catch {
            close(childInput, input)
            throw error
        }
        // The child expects blocking streams; the flag belongs to each end of a pipe alone.
        for end in [childInput, childOutput] { _ = creactor_set_status_flags(end.rawValue, end == childInput ? 0 : 1) }
        let started = unsafe withStrings([path] + arguments) { arguments in
            guard let environment else {
                return unsafe SystemResult(
                    rawValue: creactor_spawn(
                        path, arguments, creactor_environment(), childInput.rawValue, childOutput.rawValue))
            }
            return unsafe withStrings(environment) { environment in
                unsafe SystemResult(
                    rawValue: creactor_spawn(
                        path, arguments, environment, childInput.rawValue, childOutput.rawValue))
            }
        }
        close(childInput, childOutput)
        if let errno = started.errno {
            close(input, output)
            throw SocketError(.spawn, subject: path, errno: errno)
        }
        let process = CInt(started.rawValue)
        let opened = SystemResult(rawValue: creactor_pidfd_open(process))
        if let errno = opened.errno {
            _ = creactor_end_process(process)
            close(input, output)
            throw SocketError(.spawn, subject: path, errno: errno)
        }
        return SpawnedProcess(process: process, pidfd: opened.descriptor, input: input, output: output)
    }

    /// Reaps the process; `nil` while it is running.
    static func reap(_ process: CInt) -> ProcessEnd? {
        var code: CInt = 0
        let result = retryingInterrupts { unsafe SystemResult(rawValue: creactor_reap(process, &code)) }
        if result.rawValue == 0 { return nil }
        // ECHILD: other code of this process has reaped it.
        if result.errno != nil { return .exited(-1) }
        return code < 0 ? .killed(Signal(rawValue: -code)) : .exited(code)
    }

    /// Sends the process a signal. The caller has not reaped it.
    static func signal(_ process: CInt, _ signal: Signal) -> SystemResult {
        SystemResult(rawValue: creactor_kill(process, signal.rawValue))
    }

    /// Kills the process and reaps it.
    func abandon() {
        _ = creactor_end_process(process)
        Self.close(pidfd)
    }

    private static func pipe(for path: String) throws(SocketError) -> (FileDescriptor, FileDescriptor) {
        var ends: [CInt] = [0, 0]
        let made = unsafe SystemResult(rawValue: creactor_pipe(&ends))
        if let errno = made.errno { throw SocketError(.spawn, subject: path, errno: errno) }
        return (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
    }

    private static func close(_ descriptors: FileDescriptor...) {
        for descriptor in descriptors { _ = creactor_close(descriptor.rawValue) }
    }
}
