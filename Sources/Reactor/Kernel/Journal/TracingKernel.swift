// A kernel that forwards every call to another one and logs it with its result, one line per call. The loop adds a line
// per callback, so that a trace shows in order what was called, what was ready and what the program did.

package import SystemPackage

/// A kernel that logs every system call, readiness event and callback of a loop, for learning and for bug reports.
///
///     let log = LogQueue(to: .standardError)
///     let loop = try EventLoop(kernel: TracingKernel { log.write($0) })
///
///     +0.000123  epoll_wait(4, forever) = 1
///                7 readable
///     +0.000141  recv(7) = 12  "hello world\n"
///                -> 7 received 12 bytes "hello world\n"
///     +0.000150  send(7, 12 bytes) = 12  "hello world\n"
///
/// By default a trace shows only the length of data, because data may contain passwords; with ``showsBytes`` it also
/// shows the first bytes, as above.
///
/// Times are in seconds since the kernel was created, taken when the call returned. The clock, the tick counter and
/// wake-ups from other threads are not traced. Use one tracing kernel per loop: two loops would interleave their lines.
public final class TracingKernel: SystemCalls {
    let base: any SystemCalls
    private let start: MonotonicTime
    private let output: (String) -> Void
    /// Whether lines show the first 32 bytes of sent and received data, in addition to its length. Default: `false`.
    package let showsBytes: Bool

    /// Creates a kernel that traces the calls to another.
    ///
    /// - Parameters:
    ///   - base: the kernel that performs the calls. Default: Linux.
    ///   - showsBytes: whether lines show the first bytes of sent and received data, passwords included. Default:
    ///     `false`.
    ///   - output: called with each line, without a newline, on the loop's thread, which it holds up. A ``LogQueue``
    ///     does not hold it up.
    public init(
        _ base: any Kernel = LinuxKernel.shared, showsBytes: Bool = false, output: @escaping (String) -> Void
    ) {
        self.base = base.calls
        self.showsBytes = showsBytes
        self.output = output
        start = self.base.now()
    }

    // MARK: Lines

    private static let indent = "           "

    /// Logs a callback that is about to be called.
    func callback(_ text: String) { output(Self.indent + "-> " + text) }

    private func ready(_ descriptor: CInt, _ bits: UInt16) {
        output("\(Self.indent)\(descriptor) \(TraceText.readiness(bits))")
    }

    func note(_ call: String, _ result: SystemResult, _ more: String = "") -> SystemResult {
        let time = TraceText.seconds(base.now().nanoseconds - start.nanoseconds)
        output("+\(time)  \(call) = \(TraceText.result(result))\(more.isEmpty ? "" : "  " + more)")
        return result
    }

    // MARK: Time

    /// clock_gettime(2), not traced.
    package func now() -> MonotonicTime { base.now() }
    /// The tick counter, not traced.
    package func ticks() -> UInt64 { base.ticks() }

    // MARK: Readiness

    /// epoll_create1(2).
    package func epollCreate() -> SystemResult { note("epoll_create1()", base.epollCreate()) }

    /// epoll_ctl(2).
    package func epollControl(
        _ epoll: FileDescriptor, _ operation: EpollOperation, _ descriptor: FileDescriptor, events: UInt32, data: UInt64
    ) -> SystemResult {
        let result = base.epollControl(epoll, operation, descriptor, events: events, data: data)
        let words = TraceText.readiness(UInt16(truncatingIfNeeded: events))
        let edge = events & 1 << 31 == 0 ? "" : ", edge-triggered"
        let wanted = operation == .delete ? "" : ": " + (words.isEmpty ? "nothing" : words) + edge
        return note("epoll_ctl(\(epoll.rawValue), \(operation) \(descriptor.rawValue)\(wanted))", result)
    }

    /// epoll_pwait2(2), with the events found.
    package func epollWait(
        _ epoll: FileDescriptor, into events: inout MutableSpan<EpollEvent>, timeout: WaitTimeout
    ) -> SystemResult {
        let result = note(
            "epoll_wait(\(epoll.rawValue), \(TraceText.timeout(timeout)))",
            base.epollWait(epoll, into: &events, timeout: timeout))
        for index in 0..<max(0, result.rawValue) {
            // The lower half of a loop's token is the descriptor.
            let descriptor = CInt(truncatingIfNeeded: events[index].data & 0xffff_ffff)
            ready(descriptor, UInt16(truncatingIfNeeded: events[index].events))
        }
        return result
    }

    /// ppoll(2), with the events found.
    package func poll(_ entries: inout MutableSpan<PollEntry>, timeout: WaitTimeout) -> SystemResult {
        let result = note(
            "poll(\(entries.count) descriptors, \(TraceText.timeout(timeout)))", base.poll(&entries, timeout: timeout))
        guard result.rawValue > 0 else { return result }
        for index in entries.indices where entries[index].found != 0 {
            ready(entries[index].descriptor, UInt16(bitPattern: entries[index].found))
        }
        return result
    }

    /// pselect6(2), with the events found.
    package func select(
        below limit: Int, read: inout MutableSpan<UInt64>, write: inout MutableSpan<UInt64>,
        except: inout MutableSpan<UInt64>, timeout: WaitTimeout
    ) -> SystemResult {
        let result = note(
            "select(below \(limit), \(TraceText.timeout(timeout)))",
            base.select(below: limit, read: &read, write: &write, except: &except, timeout: timeout))
        guard result.rawValue > 0 else { return result }
        for number in 0..<limit {
            let bit: UInt64 = 1 << UInt64(number % 64)
            var found: UInt16 = 0
            if read[number / 64] & bit != 0 { found |= 0x01 }
            if except[number / 64] & bit != 0 { found |= 0x02 }
            if write[number / 64] & bit != 0 { found |= 0x04 }
            if found != 0 { ready(CInt(number), found) }
        }
        return result
    }

    // MARK: Sockets

    /// socket(2).
    package func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult {
        note("socket(\(kind.value) for \(address))", base.socket(kind, for: address))
    }

    /// bind(2).
    package func bind(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        note("bind(\(socket.rawValue), \(address))", base.bind(socket, to: address))
    }

    /// listen(2).
    package func listen(_ socket: FileDescriptor, backlog: Int) -> SystemResult {
        note("listen(\(socket.rawValue), \(backlog))", base.listen(socket, backlog: backlog))
    }

    /// accept4(2), with the peer.
    package func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult {
        let result = base.accept(listener, peer: &peer)
        return note("accept4(\(listener.rawValue))", result, result.succeeded ? "\(peer)" : "")
    }

    /// connect(2).
    package func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        note("connect(\(socket.rawValue), \(address))", base.connect(socket, to: address))
    }

    /// getsockname(2), with the address.
    package func localAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        let result = base.localAddress(of: socket, &address)
        return note("getsockname(\(socket.rawValue))", result, result.succeeded ? "\(address)" : "")
    }

    /// getpeername(2).
    package func peerAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        let result = base.peerAddress(of: socket, &address)
        return note("getpeername(\(socket.rawValue))", result, result.succeeded ? "\(address)" : "")
    }

    /// setsockopt(2).
    package func setOption(_ option: SocketOption, of socket: FileDescriptor, to value: Int) -> SystemResult {
        note(
            "setsockopt(\(socket.rawValue), \(TraceText.name(of: option)), \(value))",
            base.setOption(option, of: socket, to: value))
    }

    /// setsockopt(2) with `SO_LINGER`.
    package func setResetOnClose(_ socket: FileDescriptor) -> SystemResult {
        note("setsockopt(\(socket.rawValue), reset on close)", base.setResetOnClose(socket))
    }

    /// getsockopt(2) with `SO_ERROR`, with the error.
    package func pendingError(of socket: FileDescriptor) -> SystemResult {
        let result = base.pendingError(of: socket)
        let error = result.rawValue > 0 ? "\(Errno(rawValue: CInt(truncatingIfNeeded: result.rawValue)))" : ""
        return note("getsockopt(\(socket.rawValue), pending error)", result, error)
    }

    /// recv(2), with the bytes received.
    package func receive(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        unsafe buffer.withUnsafeMutableBytes { memory in
            // Safe: the span lent to the call ends before the bytes are read.
            let result = unsafe base.receive(socket, into: memory.mutableBytes)
            return note("recv(\(socket.rawValue))", result, filled(unsafe memory.bytes, result))
        }
    }

    /// recv(2) with `MSG_PEEK`, with the bytes copied.
    package func peek(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        unsafe buffer.withUnsafeMutableBytes { memory in
            // Safe: the span lent to the call ends before the bytes are read.
            let result = unsafe base.peek(socket, into: memory.mutableBytes)
            return note("recv(\(socket.rawValue), MSG_PEEK)", result, filled(unsafe memory.bytes, result))
        }
    }

    /// send(2), with the bytes that the kernel took.
    package func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        let result = base.send(socket, bytes)
        return note("send(\(socket.rawValue), \(bytes.byteCount) bytes)", result, filled(bytes, result))
    }

    private func filled(_ bytes: RawSpan, _ result: SystemResult) -> String {
        result.rawValue > 0 && showsBytes ? TraceText.quoted(bytes.extracting(first: result.rawValue)) : ""
    }

    /// Returns the bytes after a space if ``showsBytes`` is set, else nothing.
    func shown(_ bytes: RawSpan) -> String { showsBytes ? " " + TraceText.quoted(bytes) : "" }

    /// shutdown(2).
    package func shutdownWriting(_ socket: FileDescriptor) -> SystemResult {
        note("shutdown(\(socket.rawValue), writing)", base.shutdownWriting(socket))
    }

    // MARK: Descriptors

    /// close(2).
    package func close(_ descriptor: FileDescriptor) -> SystemResult {
        note("close(\(descriptor.rawValue))", base.close(descriptor))
    }

    /// read(2), with the bytes read.
    package func read(_ descriptor: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        unsafe buffer.withUnsafeMutableBytes { memory in
            let result = unsafe base.read(descriptor, into: memory.mutableBytes)
            return note("read(\(descriptor.rawValue))", result, filled(unsafe memory.bytes, result))
        }
    }

    /// write(2), with the bytes that the kernel took.
    package func write(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        let result = base.write(descriptor, bytes)
        return note("write(\(descriptor.rawValue), \(bytes.byteCount) bytes)", result, filled(bytes, result))
    }

    /// open(2) of the spare descriptor.
    package func reserveDescriptor() -> SystemResult { note("open(/dev/null)", base.reserveDescriptor()) }

    /// getrlimit(2).
    package func descriptorLimit() -> SystemResult { note("getrlimit(descriptors)", base.descriptorLimit()) }

    /// The count of forks, not traced because it makes no system call.
    package func forkCount() -> UInt32 { base.forkCount() }

    // MARK: Wake-up and signals

    /// eventfd(2).
    package func eventDescriptor() -> SystemResult { note("eventfd()", base.eventDescriptor()) }

    /// The function that writes to an eventfd, not traced because other threads call it.
    package func notifier(for event: FileDescriptor) -> @Sendable () -> SystemResult { base.notifier(for: event) }

    /// read(2) of an eventfd.
    package func clearNotifications(_ event: FileDescriptor) -> SystemResult {
        note("read(\(event.rawValue))", base.clearNotifications(event))
    }

    /// signalfd(2).
    package func signalDescriptor(for signals: [Signal]) -> SystemResult {
        note("signalfd(\(signals.map(\.description).joined(separator: ", ")))", base.signalDescriptor(for: signals))
    }

    /// read(2) of a signalfd, with the signal.
    package func readSignal(_ descriptor: FileDescriptor) -> SystemResult {
        let result = base.readSignal(descriptor)
        let signal = result.succeeded ? "\(Signal(rawValue: CInt(truncatingIfNeeded: result.rawValue)))" : ""
        return note("read(\(descriptor.rawValue))", result, signal)
    }

    /// pthread_sigmask(3).
    package func setBlocked(_ signal: Signal, _ blocked: Bool) -> SystemResult {
        note("pthread_sigmask(\(blocked ? "block" : "unblock") \(signal))", base.setBlocked(signal, blocked))
    }

    /// sigaction(2).
    package func setForwarded(_ signal: Signal, _ forwarded: Bool) -> SystemResult {
        note(
            "sigaction(\(signal), \(forwarded ? "forward to this thread" : "former action"))",
            base.setForwarded(signal, forwarded))
    }
}
