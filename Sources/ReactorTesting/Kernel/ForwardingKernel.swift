// A kernel in front of another one: every call is passed on, and a conforming type implements those it changes.

package import Reactor
package import SystemPackage

/// A kernel that passes every call on to another one.
package protocol ForwardingKernel: SystemCalls {
    /// The kernel that receives the calls.
    var base: any SystemCalls { get }
}

extension ForwardingKernel {
    package func now() -> MonotonicTime { base.now() }
    package func ticks() -> UInt64 { base.ticks() }

    package func epollCreate() -> SystemResult { base.epollCreate() }

    package func epollControl(
        _ epoll: FileDescriptor, _ operation: EpollOperation, _ descriptor: FileDescriptor, events: UInt32, data: UInt64
    ) -> SystemResult {
        base.epollControl(epoll, operation, descriptor, events: events, data: data)
    }

    package func epollWait(_ epoll: FileDescriptor, into events: inout MutableSpan<EpollEvent>, timeout: WaitTimeout)
        -> SystemResult
    { base.epollWait(epoll, into: &events, timeout: timeout) }

    package func poll(_ entries: inout MutableSpan<PollEntry>, timeout: WaitTimeout) -> SystemResult {
        base.poll(&entries, timeout: timeout)
    }

    package func select(
        below limit: Int, read: inout MutableSpan<UInt64>, write: inout MutableSpan<UInt64>,
        except: inout MutableSpan<UInt64>, timeout: WaitTimeout
    ) -> SystemResult {
        base.select(below: limit, read: &read, write: &write, except: &except, timeout: timeout)
    }

    package func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult {
        base.socket(kind, for: address)
    }
    package func bind(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        base.bind(socket, to: address)
    }
    package func listen(_ socket: FileDescriptor, backlog: Int) -> SystemResult {
        base.listen(socket, backlog: backlog)
    }
    package func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult {
        base.accept(listener, peer: &peer)
    }
    package func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        base.connect(socket, to: address)
    }
    package func localAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        base.localAddress(of: socket, &address)
    }
    package func peerAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        base.peerAddress(of: socket, &address)
    }
    package func setOption(_ option: SocketOption, of socket: FileDescriptor, to value: Int) -> SystemResult {
        base.setOption(option, of: socket, to: value)
    }
    package func setResetOnClose(_ socket: FileDescriptor) -> SystemResult { base.setResetOnClose(socket) }
    package func pendingError(of socket: FileDescriptor) -> SystemResult { base.pendingError(of: socket) }
    package func receive(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        base.receive(socket, into: buffer)
    }
    package func peek(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        base.peek(socket, into: buffer)
    }
    package func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult { base.send(socket, bytes) }
    package func sendFile(to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int)
        -> SystemResult
    {
        base.sendFile(to: socket, from: file, at: offset, count: count)
    }
    package func unacknowledged(of socket: FileDescriptor) -> SystemResult { base.unacknowledged(of: socket) }
    package func takePending(_ signal: Signal) -> SystemResult { base.takePending(signal) }
    package func shutdownWriting(_ socket: FileDescriptor) -> SystemResult { base.shutdownWriting(socket) }

    package func peerCredentials(of socket: FileDescriptor, _ credentials: inout PeerCredentials) -> SystemResult {
        base.peerCredentials(of: socket, &credentials)
    }
    package func status(of path: FilePath, _ status: inout PathStatus) -> SystemResult {
        base.status(of: path, &status)
    }
    package func unlink(_ path: FilePath) -> SystemResult { base.unlink(path) }
    package func setPermissions(_ permissions: FilePermissions, of path: FilePath) -> SystemResult {
        base.setPermissions(permissions, of: path)
    }
    package func setPermissions(_ permissions: FilePermissions, of descriptor: FileDescriptor) -> SystemResult {
        base.setPermissions(permissions, of: descriptor)
    }
    package func lockDirectory(_ path: FilePath) -> SystemResult { base.lockDirectory(path) }
    package func unlockDirectory(_ lock: FileDescriptor) -> SystemResult { base.unlockDirectory(lock) }
    package func receiveDatagrams(_ socket: FileDescriptor, into inbox: DatagramInbox) -> SystemResult {
        base.receiveDatagrams(socket, into: inbox)
    }
    package func sendDatagrams(_ socket: FileDescriptor, _ outbox: DatagramOutbox) -> SystemResult {
        base.sendDatagrams(socket, outbox)
    }
    package func setMulticast(
        _ operation: MulticastOperation, _ group: SocketAddress, interface: UInt32, of socket: FileDescriptor
    ) -> SystemResult { base.setMulticast(operation, group, interface: interface, of: socket) }

    package func close(_ descriptor: FileDescriptor) -> SystemResult { base.close(descriptor) }
    package func read(_ descriptor: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        base.read(descriptor, into: buffer)
    }
    package func write(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult { base.write(descriptor, bytes) }
    package func send(_ socket: FileDescriptor, _ bytes: RawSpan, passing descriptors: [FileDescriptor]) -> SystemResult
    {
        base.send(socket, bytes, passing: descriptors)
    }
    package func receive(
        _ socket: FileDescriptor, into buffer: consuming MutableRawSpan, _ passed: inout PassedDescriptors
    ) -> SystemResult { base.receive(socket, into: buffer, &passed) }
    package func describe(_ descriptor: FileDescriptor, _ status: inout DescriptorStatus) -> SystemResult {
        base.describe(descriptor, &status)
    }
    package func setStatusFlags(_ flags: CInt, of descriptor: FileDescriptor) -> SystemResult {
        base.setStatusFlags(flags, of: descriptor)
    }
    package func setCloseOnExec(_ descriptor: FileDescriptor) -> SystemResult { base.setCloseOnExec(descriptor) }
    package func reserveDescriptor() -> SystemResult { base.reserveDescriptor() }
    package func descriptorLimit() -> SystemResult { base.descriptorLimit() }
    package func forkCount() -> UInt32 { base.forkCount() }

    package func eventDescriptor() -> SystemResult { base.eventDescriptor() }
    package func notifier(for event: FileDescriptor) -> @Sendable () -> SystemResult { base.notifier(for: event) }
    package func clearNotifications(_ event: FileDescriptor) -> SystemResult { base.clearNotifications(event) }
    package func signalDescriptor(for signals: [Signal]) -> SystemResult { base.signalDescriptor(for: signals) }
    package func readSignal(_ descriptor: FileDescriptor) -> SystemResult { base.readSignal(descriptor) }
    package func setBlocked(_ signal: Signal, _ blocked: Bool) -> SystemResult { base.setBlocked(signal, blocked) }
    package func setForwarded(_ signal: Signal, _ forwarded: Bool) -> SystemResult {
        base.setForwarded(signal, forwarded)
    }
}
