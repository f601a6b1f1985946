// A kernel that fails on demand: an errno for the next calls of an operation, short transfers, interruptions, virtual
// descriptor numbers. It also counts the waits, which is how a spin is seen.

import Glibc
import Reactor
import SystemPackage

/// Linux with faults. Used on its loop's thread only, as every kernel.
final class FaultyKernel: ForwardingKernel {
    /// A system call that can be made to fail.
    enum Operation: Hashable {
        case epollControl, wait, accept, connect, receive, send, socket, reserve, listen, receiveDatagrams,
            sendDatagrams
    }

    /// How often the selector has waited.
    private(set) var waits = 0
    /// The timeout of each wait, in nanoseconds, when asked for.
    private(set) var timeouts: [Int64] = []
    var recordsTimeouts = false
    /// Calls of each operation, failed ones included.
    private(set) var calls: [Operation: Int] = [:]
    /// At most so many bytes a receive and a send.
    var receiveLimit = Int.max
    var sendLimit = Int.max
    /// Every so many calls of an operation that may be interrupted, it is; 0 never.
    var interruptsEvery = 0
    /// New sockets get numbers from here on.
    var lowestDescriptor: CInt = 0
    /// What the monotonic clock shows more than the real one.
    var clockAhead: Int64 = 0
    private var faults: [Operation: (errno: Errno, left: Int)] = [:]
    private var interruptible = 0

    /// Makes the next calls of an operation fail.
    func fail(_ operation: Operation, with errno: Errno, times: Int = 1) {
        faults[operation] = (errno, times)
    }

    /// Ends a fault before its time.
    func heal(_ operation: Operation) { faults[operation] = nil }

    private func fault(_ operation: Operation) -> SystemResult? {
        calls[operation, default: 0] += 1
        if interruptsEvery > 0 && operation != .connect && operation != .epollControl {
            interruptible += 1
            if interruptible % interruptsEvery == 0 { return SystemResult(.interrupted) }
        }
        guard let fault = faults[operation], fault.left > 0 else { return nil }
        faults[operation] = (fault.errno, fault.left - 1)
        return SystemResult(fault.errno)
    }

    private func noteWait(_ timeout: WaitTimeout) -> SystemResult? {
        waits += 1
        if recordsTimeouts { timeouts.append(timeout.nanoseconds) }
        return fault(.wait)
    }

    private func raised(_ result: SystemResult) -> SystemResult {
        guard result.succeeded, lowestDescriptor > 0 else { return result }
        let high = fcntl(result.descriptor.rawValue, F_DUPFD_CLOEXEC, lowestDescriptor)
        _ = base.close(result.descriptor)
        return SystemResult(rawValue: high < 0 ? -Int(errno) : Int(high))
    }

    override func now() -> MonotonicTime { MonotonicTime(nanoseconds: base.now().nanoseconds + clockAhead) }

    override func epollControl(
        _ epoll: FileDescriptor, _ operation: EpollOperation, _ descriptor: FileDescriptor, events: UInt32, data: UInt64
    ) -> SystemResult {
        if operation != .delete, let fault = fault(.epollControl) { return fault }
        return base.epollControl(epoll, operation, descriptor, events: events, data: data)
    }

    override func epollWait(
        _ epoll: FileDescriptor, into events: inout MutableSpan<EpollEvent>, timeout: WaitTimeout
    ) -> SystemResult { noteWait(timeout) ?? base.epollWait(epoll, into: &events, timeout: timeout) }

    override func poll(_ entries: inout MutableSpan<PollEntry>, timeout: WaitTimeout) -> SystemResult {
        noteWait(timeout) ?? base.poll(&entries, timeout: timeout)
    }

    override func select(
        below limit: Int, read: inout MutableSpan<UInt64>, write: inout MutableSpan<UInt64>,
        except: inout MutableSpan<UInt64>, timeout: WaitTimeout
    ) -> SystemResult {
        noteWait(timeout) ?? base.select(below: limit, read: &read, write: &write, except: &except, timeout: timeout)
    }

    override func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult {
        fault(.socket) ?? raised(base.socket(kind, for: address))
    }

    override func listen(_ socket: FileDescriptor, backlog: Int) -> SystemResult {
        fault(.listen) ?? base.listen(socket, backlog: backlog)
    }

    override func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult {
        fault(.accept) ?? raised(base.accept(listener, peer: &peer))
    }

    override func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        fault(.connect) ?? base.connect(socket, to: address)
    }

    override func receive(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        if let fault = fault(.receive) { return fault }
        if receiveLimit >= buffer.byteCount { return base.receive(socket, into: buffer) }
        let limit = receiveLimit
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(socket.rawValue, $0.baseAddress, limit, 0) }
        return SystemResult(rawValue: count < 0 ? -Int(errno) : count)
    }

    override func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        fault(.send) ?? base.send(socket, bytes.extracting(first: min(bytes.byteCount, sendLimit)))
    }

    override func receiveDatagrams(_ socket: FileDescriptor, into inbox: DatagramInbox) -> SystemResult {
        fault(.receiveDatagrams) ?? base.receiveDatagrams(socket, into: inbox)
    }

    override func sendDatagrams(_ socket: FileDescriptor, _ outbox: DatagramOutbox) -> SystemResult {
        fault(.sendDatagrams) ?? base.sendDatagrams(socket, outbox)
    }

    override func reserveDescriptor() -> SystemResult { fault(.reserve) ?? base.reserveDescriptor() }
}
