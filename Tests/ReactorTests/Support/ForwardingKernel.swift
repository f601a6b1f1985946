// The system as the tests see it: every call goes to another kernel, and subclasses change what they want to change.

import Reactor
import SystemPackage

/// A kernel that hands everything on.
class ForwardingKernel: SystemCalls {
    let base: any SystemCalls

    init(_ base: any SystemCalls = LinuxKernel.shared) { self.base = base }

    func now() -> MonotonicTime { base.now() }
    func ticks() -> UInt64 { base.ticks() }

    func epollCreate() -> SystemResult { base.epollCreate() }

    func epollControl(
        _ epoll: FileDescriptor, _ operation: EpollOperation, _ descriptor: FileDescriptor, events: UInt32, data: UInt64
    ) -> SystemResult {
        base.epollControl(epoll, operation, descriptor, events: events, data: data)
    }

    func epollWait(_ epoll: FileDescriptor, into events: inout MutableSpan<EpollEvent>, timeout: WaitTimeout)
        -> SystemResult
    { base.epollWait(epoll, into: &events, timeout: timeout) }

    func poll(_ entries: inout MutableSpan<PollEntry>, timeout: WaitTimeout) -> SystemResult {
        base.poll(&entries, timeout: timeout)
    }

    func select(
        below limit: Int, read: inout MutableSpan<UInt64>, write: inout MutableSpan<UInt64>,
        except: inout MutableSpan<UInt64>, timeout: WaitTimeout
    ) -> SystemResult {
        base.select(below: limit, read: &read, write: &write, except: &except, timeout: timeout)
    }

    func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult { base.socket(kind, for: address) }
    func bind(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult { base.bind(socket, to: address) }
    func listen(_ socket: FileDescriptor, backlog: Int) -> SystemResult { base.listen(socket, backlog: backlog) }
    func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult {
        base.accept(listener, peer: &peer)
    }
    func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        base.connect(socket, to: address)
    }
    func localAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        base.localAddress(of: socket, &address)
    }
    func peerAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        base.peerAddress(of: socket, &address)
    }
    func setOption(_ option: SocketOption, of socket: FileDescriptor, to value: Int) -> SystemResult {
        base.setOption(option, of: socket, to: value)
    }
    func setResetOnClose(_ socket: FileDescriptor) -> SystemResult { base.setResetOnClose(socket) }
    func pendingError(of socket: FileDescriptor) -> SystemResult { base.pendingError(of: socket) }
    func receive(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        base.receive(socket, into: buffer)
    }
    func peek(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        base.peek(socket, into: buffer)
    }
    func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult { base.send(socket, bytes) }
    func sendFile(to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int) -> SystemResult {
        base.sendFile(to: socket, from: file, at: offset, count: count)
    }
    func unacknowledged(of socket: FileDescriptor) -> SystemResult { base.unacknowledged(of: socket) }
    func takePending(_ signal: Signal) -> SystemResult { base.takePending(signal) }
    func shutdownWriting(_ socket: FileDescriptor) -> SystemResult { base.shutdownWriting(socket) }

    func peerCredentials(of socket: FileDescriptor, _ credentials: inout PeerCredentials) -> SystemResult {
        base.peerCredentials(of: socket, &credentials)
    }
    func status(of path: FilePath, _ status: inout PathStatus) -> SystemResult { base.status(of: path, &status) }
    func unlink(_ path: FilePath) -> SystemResult { base.unlink(path) }
    func setPermissions(_ permissions: FilePermissions, of path: FilePath) -> SystemResult {
        base.setPermissions(permissions, of: path)
    }
    func setPermissions(_ permissions: FilePermissions, of descriptor: FileDescriptor) -> SystemResult {
        base.setPermissions(permissions, of: descriptor)
    }
    func lockDirectory(_ path: FilePath) -> SystemResult { base.lockDirectory(path) }
    func unlockDirectory(_ lock: FileDescriptor) -> SystemResult { base.unlockDirectory(lock) }
    func receiveDatagrams(_ socket: FileDescriptor, into inbox: DatagramInbox) -> SystemResult {
        base.receiveDatagrams(socket, into: inbox)
    }
    func sendDatagrams(_ socket: FileDescriptor, _ outbox: DatagramOutbox) -> SystemResult {
        base.sendDatagrams(socket, outbox)
    }
    func setMulticast(
        _ operation: MulticastOperation, _ group: SocketAddress, interface: UInt32, of socket: FileDescriptor
    ) -> SystemResult { base.setMulticast(operation, group, interface: interface, of: socket) }

    func close(_ descriptor: FileDescriptor) -> SystemResult { base.close(descriptor) }
    func read(_ descriptor: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        base.read(descriptor, into: buffer)
    }
    func write(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult { base.write(descriptor, bytes) }
    func send(_ socket: FileDescriptor, _ bytes: RawSpan, passing descriptors: [FileDescriptor]) -> SystemResult {
        base.send(socket, bytes, passing: descriptors)
    }
    func receive(
        _ socket: FileDescriptor, into buffer: consuming MutableRawSpan, _ passed: inout PassedDescriptors
    ) -> SystemResult { base.receive(socket, into: buffer, &passed) }
    func describe(_ descriptor: FileDescriptor, _ status: inout DescriptorStatus) -> SystemResult {
        base.describe(descriptor, &status)
    }
    func setStatusFlags(_ flags: CInt, of descriptor: FileDescriptor) -> SystemResult {
        base.setStatusFlags(flags, of: descriptor)
    }
    func setCloseOnExec(_ descriptor: FileDescriptor) -> SystemResult { base.setCloseOnExec(descriptor) }
    func reserveDescriptor() -> SystemResult { base.reserveDescriptor() }
    func descriptorLimit() -> SystemResult { base.descriptorLimit() }
    func forkCount() -> UInt32 { base.forkCount() }

    func eventDescriptor() -> SystemResult { base.eventDescriptor() }
    func notifier(for event: FileDescriptor) -> @Sendable () -> SystemResult { base.notifier(for: event) }
    func clearNotifications(_ event: FileDescriptor) -> SystemResult { base.clearNotifications(event) }
    func signalDescriptor(for signals: [Signal]) -> SystemResult { base.signalDescriptor(for: signals) }
    func readSignal(_ descriptor: FileDescriptor) -> SystemResult { base.readSignal(descriptor) }
    func setBlocked(_ signal: Signal, _ blocked: Bool) -> SystemResult { base.setBlocked(signal, blocked) }
    func setForwarded(_ signal: Signal, _ forwarded: Bool) -> SystemResult { base.setForwarded(signal, forwarded) }
}
