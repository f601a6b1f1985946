// A kernel that plays a script: an exact list of expected calls with their results. It simulates nothing; it is for
// tests that pin which system calls the framework makes, and in which order.

public import Reactor
package import SystemPackage

/// A kernel that returns scripted results and records every deviation from the script.
public final class ScriptedKernel: SystemCalls {
    /// The calls that are still expected.
    public private(set) var remaining: [ScriptedCall] = []
    /// The deviations from the script, one per line; empty when there were none.
    public private(set) var differences: [String] = []
    /// The calls that succeed at any time without being expected. Default: setting options.
    public var ignored: Set<KernelCall> = [.setOption, .setResetOnClose]
    /// All bytes sent, by descriptor.
    public private(set) var sent: [CInt: [UInt8]] = [:]
    /// The time on the kernel's clock, in nanoseconds.
    public var time: Int64 = 1_000_000_000
    private var played = 0
    private var tokens: [CInt: UInt64] = [:]

    /// Creates a kernel with a script.
    public init(_ script: [ScriptedCall]) { remaining = script }

    /// Appends calls to the script.
    public func expect(_ calls: ScriptedCall...) { remaining += calls }

    /// Checks that the calls followed the script to its end.
    ///
    /// - Throws: ``ScriptDifference`` when they did not.
    public func verify() throws {
        var lines = differences
        if !remaining.isEmpty {
            lines.append("never called: " + remaining.map(\.description).joined(separator: ", "))
        }
        if !lines.isEmpty { throw ScriptDifference(description: lines.joined(separator: "\n")) }
    }

    /// Returns the next line of the script if it expects this call; otherwise records a deviation and returns a
    /// failure.
    private func play(_ call: KernelCall, _ descriptor: CInt? = nil, _ detail: String = "") -> ScriptedCall {
        let came = (descriptor.map { "\(call) \($0)" } ?? "\(call)") + detail
        if ignored.contains(call), remaining.first?.call != call { return .expect(call) }
        played += 1
        guard let next = remaining.first else {
            differences.append("call \(played): expected no call, got \(came)")
            return .expect(call, fails: .noFunction)
        }
        if next.call != call || next.descriptor != nil && descriptor != nil && next.descriptor != descriptor {
            differences.append("call \(played): expected \(next), got \(came)")
            return .expect(call, fails: .noFunction)
        }
        remaining.removeFirst()
        return next
    }
}

/// The deviations of a run from its script.
public struct ScriptDifference: Error, CustomStringConvertible {
    /// The deviations, one per line.
    public let description: String
}

// MARK: - The calls

extension ScriptedKernel {
    /// Returns ``time``.
    public func now() -> MonotonicTime { MonotonicTime(nanoseconds: time) }
    /// Returns ``time``.
    public func ticks() -> UInt64 { UInt64(bitPattern: time) }

    /// epoll_create1(2).
    package func epollCreate() -> SystemResult { play(.epollCreate).result }
    /// epoll_ctl(2).
    package func epollControl(
        _ epoll: FileDescriptor, _ operation: EpollOperation, _ descriptor: FileDescriptor, events: UInt32, data: UInt64
    ) -> SystemResult {
        let words = Readiness(rawValue: UInt16(truncatingIfNeeded: events)).description
        let next = play(.epollControl, descriptor.rawValue, " (\(operation) \(words))")
        if next.result.succeeded { tokens[descriptor.rawValue] = data }
        return next.result
    }
    /// epoll_pwait2(2).
    package func epollWait(
        _ epoll: FileDescriptor, into events: inout MutableSpan<EpollEvent>, timeout: WaitTimeout
    ) -> SystemResult {
        let next = play(.wait)
        for (index, ready) in next.ready.enumerated() {
            events[index] = EpollEvent(events: UInt32(ready.readiness), data: tokens[ready.descriptor] ?? .max)
        }
        return next.result
    }
    /// ppoll(2).
    package func poll(_ entries: inout MutableSpan<PollEntry>, timeout: WaitTimeout) -> SystemResult {
        let next = play(.wait)
        for index in entries.indices {
            let ready = next.ready.first { $0.descriptor == entries[index].descriptor }
            entries[index].found = Int16(bitPattern: ready?.readiness ?? 0)
        }
        return next.result
    }
    /// pselect6(2).
    package func select(
        below limit: Int, read: inout MutableSpan<UInt64>, write: inout MutableSpan<UInt64>,
        except: inout MutableSpan<UInt64>, timeout: WaitTimeout
    ) -> SystemResult {
        let next = play(.wait)
        for word in 0..<(limit + 63) / 64 { (read[word], write[word], except[word]) = (0, 0, 0) }
        for ready in next.ready where 0..<limit ~= Int(ready.descriptor) {
            let (word, bit) = (Int(ready.descriptor) / 64, UInt64(1) << UInt64(ready.descriptor % 64))
            if ready.readiness & 1 != 0 { read[word] |= bit }
            if ready.readiness & 4 != 0 { write[word] |= bit }
            if ready.readiness & 2 != 0 { except[word] |= bit }
        }
        return next.result
    }

    /// socket(2).
    package func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult { play(.socket).result }
    /// bind(2).
    package func bind(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        play(.bind, socket.rawValue).result
    }
    /// listen(2).
    package func listen(_ socket: FileDescriptor, backlog: Int) -> SystemResult {
        play(.listen, socket.rawValue).result
    }
    /// accept4(2); the peer is 127.0.0.1 with the descriptor's number as its port.
    package func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult {
        let answer = play(.accept, listener.rawValue).result
        if answer.succeeded { peer = .loopback(port: UInt16(clamping: answer.rawValue)) }
        return answer
    }
    /// connect(2).
    package func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        play(.connect, socket.rawValue).result
    }
    /// getsockname(2); leaves the address as it is.
    package func localAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        play(.localAddress, socket.rawValue).result
    }
    /// getpeername(2); leaves the address as it is.
    package func peerAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        play(.peerAddress, socket.rawValue).result
    }
    /// setsockopt(2).
    package func setOption(_ option: SocketOption, of socket: FileDescriptor, to value: Int) -> SystemResult {
        play(.setOption, socket.rawValue).result
    }
    /// setsockopt(2) with `SO_LINGER`.
    package func setResetOnClose(_ socket: FileDescriptor) -> SystemResult {
        play(.setResetOnClose, socket.rawValue).result
    }
    /// getsockopt(2) with `SO_ERROR`.
    package func pendingError(of socket: FileDescriptor) -> SystemResult { play(.pendingError, socket.rawValue).result }
    /// getsockopt(2) with `SO_PEERCRED`; leaves the credentials as they are.
    package func peerCredentials(of socket: FileDescriptor, _ credentials: inout PeerCredentials) -> SystemResult {
        play(.peerCredentials, socket.rawValue).result
    }
    /// lstat(2); leaves the status as it is.
    package func status(of path: FilePath, _ status: inout PathStatus) -> SystemResult { play(.pathStatus).result }
    /// unlink(2).
    package func unlink(_ path: FilePath) -> SystemResult { play(.unlink).result }
    /// chmod(2).
    package func setPermissions(_ permissions: FilePermissions, of path: FilePath) -> SystemResult {
        play(.setPermissions).result
    }
    /// fchmod(2).
    package func setPermissions(_ permissions: FilePermissions, of descriptor: FileDescriptor) -> SystemResult {
        play(.setPermissions, descriptor.rawValue).result
    }
    /// open(2) and flock(2) of a directory.
    package func lockDirectory(_ path: FilePath) -> SystemResult { play(.lockDirectory).result }
    /// flock(2) with `LOCK_UN`, then close(2).
    package func unlockDirectory(_ lock: FileDescriptor) -> SystemResult { close(lock) }
    /// recv(2).
    package func receive(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        fill(buffer, play(.receive, socket.rawValue))
    }
    /// recv(2) with `MSG_PEEK`.
    package func peek(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        fill(buffer, play(.peek, socket.rawValue))
    }
    private func fill(_ buffer: consuming MutableRawSpan, _ next: ScriptedCall) -> SystemResult {
        // Safe: the precondition keeps the copy within the bounds of the buffer.
        unsafe buffer.withUnsafeMutableBytes { target in
            precondition(next.bytes.count <= target.count, "the script delivers more bytes than the buffer holds")
            unsafe target.copyBytes(from: next.bytes)
        }
        return next.result
    }
    /// send(2).
    package func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        let next = play(.send, socket.rawValue, " (\(bytes.byteCount) bytes)")
        let count = min(max(0, next.result.rawValue), bytes.byteCount)
        // Safe: the bytes are copied while they are borrowed.
        unsafe bytes.withUnsafeBytes { unsafe sent[socket.rawValue, default: []] += $0.prefix(count) }
        return next.result.succeeded ? SystemResult(count) : next.result
    }
    /// sendfile(2).
    package func sendFile(to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int)
        -> SystemResult
    { play(.sendFile, socket.rawValue, " (\(count) bytes at \(offset) of \(file.rawValue))").result }
    /// ioctl(2) with `SIOCOUTQ`.
    package func unacknowledged(of socket: FileDescriptor) -> SystemResult {
        play(.unacknowledged, socket.rawValue).result
    }
    /// Reports that no signal is pending.
    package func takePending(_ signal: Signal) -> SystemResult { SystemResult(.resourceTemporarilyUnavailable) }
    /// shutdown(2).
    package func shutdownWriting(_ socket: FileDescriptor) -> SystemResult { play(.shutdown, socket.rawValue).result }
    /// recvmmsg(2); the sender is 127.0.0.1 with 40,000 and the descriptor's number as its port.
    package func receiveDatagrams(_ socket: FileDescriptor, into inbox: DatagramInbox) -> SystemResult {
        let next = play(.receiveDatagrams, socket.rawValue)
        inbox.removeAll()
        if next.result.rawValue > 0 {
            // Safe: the bytes belong to an array that outlives the call, and the inbox copies them.
            unsafe inbox.append(
                next.bytes.span.bytes, from: .loopback(port: 40_000 + UInt16(clamping: min(20_000, socket.rawValue))))
        }
        return next.result
    }
    /// sendmmsg(2).
    package func sendDatagrams(_ socket: FileDescriptor, _ outbox: DatagramOutbox) -> SystemResult {
        let next = play(.sendDatagrams, socket.rawValue, " (\(outbox.count) datagrams)")
        let count = min(max(0, next.result.rawValue), outbox.count)
        for index in 0..<count {
            // Safe: the bytes are copied while they are borrowed.
            outbox.withBytes(of: index) {
                unsafe $0.withUnsafeBytes { unsafe sent[socket.rawValue, default: []] += $0 }
            }
        }
        return next.result.succeeded ? SystemResult(count) : next.result
    }
    /// setsockopt(2) with a multicast option.
    package func setMulticast(
        _ operation: MulticastOperation, _ group: SocketAddress, interface: UInt32, of socket: FileDescriptor
    ) -> SystemResult { play(.setMulticast, socket.rawValue).result }
    /// close(2).
    package func close(_ descriptor: FileDescriptor) -> SystemResult { play(.close, descriptor.rawValue).result }
    /// read(2).
    package func read(_ descriptor: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        play(.read, descriptor.rawValue).result
    }
    /// write(2).
    package func write(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        play(.write, descriptor.rawValue).result
    }
    /// send(2): the descriptors are ignored.
    package func send(_ socket: FileDescriptor, _ bytes: RawSpan, passing descriptors: [FileDescriptor])
        -> SystemResult
    { send(socket, bytes) }
    /// recv(2): no descriptors come.
    package func receive(
        _ socket: FileDescriptor, into buffer: consuming MutableRawSpan, _ passed: inout PassedDescriptors
    ) -> SystemResult { receive(socket, into: buffer) }
    /// Reports a connected stream socket, without a line of the script.
    package func describe(_ descriptor: FileDescriptor, _ status: inout DescriptorStatus) -> SystemResult {
        status = DescriptorStatus(kind: .stream, flags: 2)
        return SystemResult(0)
    }
    /// Succeeds, without a line of the script.
    package func setStatusFlags(_ flags: CInt, of descriptor: FileDescriptor) -> SystemResult { SystemResult(0) }
    /// Succeeds, without a line of the script.
    package func setCloseOnExec(_ descriptor: FileDescriptor) -> SystemResult { SystemResult(0) }
    /// open(2) of the reserve descriptor.
    package func reserveDescriptor() -> SystemResult { play(.reserve).result }
    /// Returns 1,024.
    package func descriptorLimit() -> SystemResult { SystemResult(1024) }
    /// Returns 0.
    public func forkCount() -> UInt32 { 0 }
    /// eventfd(2).
    package func eventDescriptor() -> SystemResult { play(.eventDescriptor).result }
    /// Returns a notifier that does nothing.
    package func notifier(for event: FileDescriptor) -> @Sendable () -> SystemResult { { SystemResult(8) } }
    /// read(2) of an eventfd.
    package func clearNotifications(_ event: FileDescriptor) -> SystemResult {
        play(.clearNotifications, event.rawValue).result
    }
    /// signalfd(2).
    package func signalDescriptor(for signals: [Signal]) -> SystemResult { play(.signalDescriptor).result }
    /// read(2) of a signalfd.
    package func readSignal(_ descriptor: FileDescriptor) -> SystemResult {
        play(.readSignal, descriptor.rawValue).result
    }
    /// Succeeds: no signal was blocked before.
    package func setBlocked(_ signal: Signal, _ blocked: Bool) -> SystemResult { SystemResult(0) }
    /// Succeeds: there is only one thread.
    package func setForwarded(_ signal: Signal, _ forwarded: Bool) -> SystemResult { SystemResult(0) }
}
