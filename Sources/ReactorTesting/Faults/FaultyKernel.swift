// A kernel that fails on demand: the next calls of a kind return an error, transfers are short, calls are interrupted. All
// other calls reach the kernel behind it, so that a test meets the rare error on real sockets.

public import Reactor
public import SystemPackage

/// A kernel that passes calls on to another one, by default Linux, and makes some of them fail.
///
/// A test of what a server does when the system is out of descriptors, on real sockets:
///
///     let kernel = FaultyKernel()
///     kernel.fail(.accept, with: .tooManyOpenFiles, times: 2)
///     let loop = try EventLoop(kernel: kernel)
///     loop.onReport = { print($0) }
///     let listener = try loop.listen(on: "127.0.0.1:0") { _ in Echo() }
///
/// Like every kernel, it belongs to its loop's thread. ``Simulation`` needs no real sockets and takes no time; its
/// ``SimulatedKernel`` has the same functions.
public final class FaultyKernel: ForwardingKernel {
    package let base: any SystemCalls

    /// The number of calls of each kind so far, failed ones included.
    ///
    /// Kinds that cannot fail are not counted, nor is the removal of a descriptor from an epoll set.
    public private(set) var calls: [KernelCall: Int] = [:]
    /// The maximum size of a receive in bytes; at least 1. Default: unlimited.
    public var receiveLimit = Int.max
    /// The maximum size of a send in bytes; at least 1. Default: unlimited.
    public var sendLimit = Int.max
    /// The interval, in calls, at which a call that a signal may interrupt fails with `EINTR`; 2 interrupts every other
    /// one. Default: 0, never. connect(2) and close(2) are not interrupted.
    public var interruptsEvery = 0
    /// The time by which the monotonic clock is ahead of the other kernel's; it must not decrease. Default: zero.
    public var clockAhead = Duration.zero
    /// The timeout of each wait in nanoseconds, if ``recordsTimeouts`` is set; negative for an indefinite wait.
    package private(set) var timeouts: [Int64] = []
    /// Whether ``timeouts`` is recorded.
    package var recordsTimeouts = false
    private var plan = FaultPlan()
    private var interruptible = 0

    /// Creates a kernel without faults.
    ///
    /// - Parameter base: the kernel that performs the calls. Default: Linux.
    public init(over base: any Kernel = LinuxKernel.shared) { self.base = base.calls }

    /// The number of times that the selector has waited so far; a loop that spins has a high one.
    public var waits: Int { calls[.wait, default: 0] }

    /// Makes the next calls of a kind fail.
    ///
    /// Faults of the same kind follow each other in the order of these calls. The removal of a descriptor from an epoll
    /// set never fails.
    ///
    /// - Parameters:
    ///   - call: the kind of call.
    ///   - errno: the error they fail with.
    ///   - skip: the number of calls that succeed first; negative values count as 0. Default: 0.
    ///   - times: the number of calls that fail; values below 1 plan no fault. Default: 1.
    public func fail(_ call: KernelCall, with errno: Errno, after skip: Int = 0, times: Int = 1) {
        plan.add(call, errno, after: skip, times: times)
    }

    /// Cancels the planned faults of a kind of call.
    public func heal(_ call: KernelCall) { plan.remove(call) }

    private func fault(_ call: KernelCall) -> SystemResult? {
        calls[call, default: 0] += 1
        if interruptsEvery > 0 && Self.interruptibleCalls.contains(call) {
            interruptible += 1
            if interruptible % interruptsEvery == 0 { return SystemResult(.interrupted) }
        }
        return plan.next(call, 0).map { SystemResult($0) }
    }

    /// An interrupted connect(2) continues in the background, and an interrupted close(2) has closed.
    private static let interruptibleCalls = Set(KernelCall.allCases.filter { $0.possibleErrors.contains(.interrupted) })
        .subtracting([.connect, .close])

    private func noteWait(_ timeout: WaitTimeout) -> SystemResult? {
        if recordsTimeouts { timeouts.append(timeout.nanoseconds) }
        return fault(.wait)
    }
}

// MARK: The calls

extension FaultyKernel {
    package func now() -> MonotonicTime { base.now().advanced(by: clockAhead) }

    package func epollCreate() -> SystemResult { fault(.epollCreate) ?? base.epollCreate() }

    package func epollControl(
        _ epoll: FileDescriptor, _ operation: EpollOperation, _ descriptor: FileDescriptor, events: UInt32, data: UInt64
    ) -> SystemResult {
        if operation != .delete, let fault = fault(.epollControl) { return fault }
        return base.epollControl(epoll, operation, descriptor, events: events, data: data)
    }

    package func epollWait(
        _ epoll: FileDescriptor, into events: inout MutableSpan<EpollEvent>, timeout: WaitTimeout
    ) -> SystemResult { noteWait(timeout) ?? base.epollWait(epoll, into: &events, timeout: timeout) }

    package func poll(_ entries: inout MutableSpan<PollEntry>, timeout: WaitTimeout) -> SystemResult {
        noteWait(timeout) ?? base.poll(&entries, timeout: timeout)
    }

    package func select(
        below limit: Int, read: inout MutableSpan<UInt64>, write: inout MutableSpan<UInt64>,
        except: inout MutableSpan<UInt64>, timeout: WaitTimeout
    ) -> SystemResult {
        noteWait(timeout) ?? base.select(below: limit, read: &read, write: &write, except: &except, timeout: timeout)
    }

    package func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult {
        fault(.socket) ?? base.socket(kind, for: address)
    }

    package func bind(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        fault(.bind) ?? base.bind(socket, to: address)
    }

    package func listen(_ socket: FileDescriptor, backlog: Int) -> SystemResult {
        fault(.listen) ?? base.listen(socket, backlog: backlog)
    }

    package func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult {
        fault(.accept) ?? base.accept(listener, peer: &peer)
    }

    package func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        fault(.connect) ?? base.connect(socket, to: address)
    }

    package func localAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        fault(.localAddress) ?? base.localAddress(of: socket, &address)
    }

    package func peerAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        fault(.peerAddress) ?? base.peerAddress(of: socket, &address)
    }

    package func setOption(_ option: SocketOption, of socket: FileDescriptor, to value: Int) -> SystemResult {
        fault(.setOption) ?? base.setOption(option, of: socket, to: value)
    }

    package func setResetOnClose(_ socket: FileDescriptor) -> SystemResult {
        fault(.setResetOnClose) ?? base.setResetOnClose(socket)
    }

    package func pendingError(of socket: FileDescriptor) -> SystemResult {
        fault(.pendingError) ?? base.pendingError(of: socket)
    }

    package func receive(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        if let fault = fault(.receive) { return fault }
        let limit = max(1, receiveLimit)
        if limit >= buffer.byteCount { return base.receive(socket, into: buffer) }
        // Receives beside the caller's buffer, because a mutable span cannot lend its front. Safe: bytes are initialized.
        var part = [UInt8](repeating: 0, count: limit)
        var bytes = part.mutableSpan
        let result = unsafe base.receive(socket, into: bytes.mutableBytes)
        if result.succeeded {
            for index in 0..<result.rawValue {
                buffer.storeBytes(of: part[index], toByteOffset: index, as: UInt8.self)
            }
        }
        return result
    }

    package func peek(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        if let fault = fault(.peek) { return fault }
        return base.peek(socket, into: buffer)
    }

    package func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        fault(.send) ?? base.send(socket, bytes.extracting(first: min(bytes.byteCount, max(1, sendLimit))))
    }

    package func sendFile(
        to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int
    ) -> SystemResult {
        fault(.sendFile) ?? base.sendFile(to: socket, from: file, at: offset, count: min(count, max(1, sendLimit)))
    }

    package func unacknowledged(of socket: FileDescriptor) -> SystemResult {
        fault(.unacknowledged) ?? base.unacknowledged(of: socket)
    }

    package func shutdownWriting(_ socket: FileDescriptor) -> SystemResult {
        fault(.shutdown) ?? base.shutdownWriting(socket)
    }

    package func peerCredentials(of socket: FileDescriptor, _ credentials: inout PeerCredentials) -> SystemResult {
        fault(.peerCredentials) ?? base.peerCredentials(of: socket, &credentials)
    }

    package func status(of path: FilePath, _ status: inout PathStatus) -> SystemResult {
        fault(.pathStatus) ?? base.status(of: path, &status)
    }

    package func unlink(_ path: FilePath) -> SystemResult { fault(.unlink) ?? base.unlink(path) }

    package func setPermissions(_ permissions: FilePermissions, of path: FilePath) -> SystemResult {
        fault(.setPermissions) ?? base.setPermissions(permissions, of: path)
    }

    package func setPermissions(_ permissions: FilePermissions, of descriptor: FileDescriptor) -> SystemResult {
        fault(.setPermissions) ?? base.setPermissions(permissions, of: descriptor)
    }

    package func lockDirectory(_ path: FilePath) -> SystemResult {
        fault(.lockDirectory) ?? base.lockDirectory(path)
    }

    package func receiveDatagrams(_ socket: FileDescriptor, into inbox: DatagramInbox) -> SystemResult {
        fault(.receiveDatagrams) ?? base.receiveDatagrams(socket, into: inbox)
    }

    package func sendDatagrams(_ socket: FileDescriptor, _ outbox: DatagramOutbox) -> SystemResult {
        fault(.sendDatagrams) ?? base.sendDatagrams(socket, outbox)
    }

    package func setMulticast(
        _ operation: MulticastOperation, _ group: SocketAddress, interface: UInt32, of socket: FileDescriptor
    ) -> SystemResult {
        fault(.setMulticast) ?? base.setMulticast(operation, group, interface: interface, of: socket)
    }

    /// close(2) releases the descriptor even when it reports an error.
    package func close(_ descriptor: FileDescriptor) -> SystemResult {
        let result = base.close(descriptor)
        return fault(.close) ?? result
    }

    package func read(_ descriptor: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        if let fault = fault(.read) { return fault }
        return base.read(descriptor, into: buffer)
    }

    package func write(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        fault(.write) ?? base.write(descriptor, bytes)
    }

    package func reserveDescriptor() -> SystemResult { fault(.reserve) ?? base.reserveDescriptor() }

    package func eventDescriptor() -> SystemResult { fault(.eventDescriptor) ?? base.eventDescriptor() }

    package func clearNotifications(_ event: FileDescriptor) -> SystemResult {
        fault(.clearNotifications) ?? base.clearNotifications(event)
    }

    package func signalDescriptor(for signals: [Signal]) -> SystemResult {
        fault(.signalDescriptor) ?? base.signalDescriptor(for: signals)
    }

    package func readSignal(_ descriptor: FileDescriptor) -> SystemResult {
        fault(.readSignal) ?? base.readSignal(descriptor)
    }
}
