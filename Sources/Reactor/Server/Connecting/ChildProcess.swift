// A child process whose standard streams are a connection: what the child writes is received, and what is written reaches
// its standard input.
//
//     running --connection closed, closeWrite()--> its standard input has ended, still running
//        +---------- it exits or is killed -------> reaped, `exited` is called

import SystemPackage

/// A child process whose standard input and output are a ``Connection``.
///
/// Created by ``EventLoop/spawn(_:arguments:environment:limits:exited:handler:)``.
public final class ChildProcess {
    /// The process ID. Another process may have it once this one has ended.
    public let processID: Int32
    /// The connection to its standard streams. It may end before or after the process does.
    public let connection: Connection
    /// How the process ended; `nil` while it is running.
    public private(set) var end: ProcessEnd?
    private let exited: (ProcessEnd) -> Void
    private var pidfd: OwnedDescriptor?
    private var watch: DescriptorWatch?

    fileprivate init(_ spawned: SpawnedProcess, _ connection: Connection, _ exited: @escaping (ProcessEnd) -> Void) {
        processID = spawned.process
        pidfd = OwnedDescriptor(spawned.pidfd)
        self.connection = connection
        self.exited = exited
    }

    deinit { pidfd.take()?.close() }

    /// Sends the process a signal. Does nothing once it has ended.
    public func send(_ signal: Signal) {
        if end == nil { _ = SpawnedProcess.signal(processID, signal) }
    }

    fileprivate func begin(_ spawned: SpawnedProcess) throws(SocketError) {
        watch = try connection.loop.watch(spawned.pidfd, for: .readable) { [self] _ in reap() }
    }

    private func reap() {
        guard let end = SpawnedProcess.reap(processID) else { return }
        self.end = end
        watch?.cancel()
        watch = nil
        pidfd.take()?.close()
        exited(end)
    }
}

extension EventLoop {
    /// Starts a program, and makes its standard input and output a connection.
    ///
    ///     try loop.spawn("/usr/bin/sort") { _ in Sorter() }
    ///
    /// ``Connection/closeWrite()`` ends its standard input. The connection's pressure policy is
    /// ``PressurePolicy/reportsOnly``, because a program may have to write before it reads on. Standard error stays this
    /// process's. The program has no blocked and no ignored signals, and inherits the descriptors that are not
    /// close-on-exec.
    ///
    /// The process is not ended with the connection or the loop: it finds its streams closed. A loop that has ended no
    /// longer reaps it.
    ///
    /// - Parameters:
    ///   - path: the path of the program. The search path is not used.
    ///   - arguments: its arguments, without its name. Default: none.
    ///   - environment: its environment, as `NAME=VALUE`. Default: that of this process.
    ///   - limits: the limits of the connection; ``Limits/firstMessageTime`` is ignored.
    ///   - exited: called on the loop's thread when the process has ended, which may be before its last output was
    ///     received.
    ///   - handler: creates the handler of the connection, in the next turn.
    /// - Returns: The process.
    /// - Throws: ``SocketError`` when the program cannot be executed, or descriptors have run out. Needs Linux 5.3.
    @discardableResult
    public func spawn(
        _ path: String, arguments: [String] = [], environment: [String]? = nil, limits: Limits = Limits(),
        exited: @escaping (ProcessEnd) -> Void = { _ in }, handler: @escaping HandlerFactory
    ) throws(SocketError) -> ChildProcess {
        let spawned = try SpawnedProcess.start(path, arguments: arguments, environment: environment)
        let connection: Connection
        // The process reads while it writes, as cat(1) does: pausing its output for its input would stop both.
        var limits = limits
        limits.pressurePolicy = .reportsOnly
        do throws(SocketError) {
            connection = try adopt(
                OwnedDescriptor(spawned.output), writingTo: OwnedDescriptor(spawned.input), limits: limits,
                handler: handler)
        } catch {
            spawned.abandon()
            throw error
        }
        let child = ChildProcess(spawned, connection, exited)
        do throws(SocketError) {
            try child.begin(spawned)
        } catch {
            connection.abort()
            _ = SpawnedProcess.signal(spawned.process, Signal(rawValue: 9))
            throw error
        }
        return child
    }
}
