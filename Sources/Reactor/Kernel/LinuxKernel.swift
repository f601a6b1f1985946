// The real kernel: each method makes one system call, without logic or state of its own.

import CReactor
package import SystemPackage

/// The Linux kernel.
///
/// It is stateless: all loops, on any thread, use ``shared``.
public final class LinuxKernel: SystemCalls, Sendable {
    /// The only instance.
    public static let shared = LinuxKernel()

    private init() {
        precondition(MemoryLayout<EpollEvent>.stride == Int(creactor_epoll_event_size))
        precondition(MemoryLayout<PollEntry>.stride == MemoryLayout<pollfd>.stride)
    }

    // MARK: Time

    /// clock_gettime(2), `CLOCK_MONOTONIC`.
    package func now() -> MonotonicTime { MonotonicTime(nanoseconds: creactor_monotonic_nanoseconds()) }

    /// Returns the processor's time-stamp counter. Its unit is unspecified: it only indicates whether the clock is
    /// worth reading.
    package func ticks() -> UInt64 { creactor_ticks() }

    // MARK: Readiness

    /// epoll_create1(2).
    package func epollCreate() -> SystemResult { SystemResult(rawValue: creactor_epoll_create()) }

    /// epoll_ctl(2).
    package func epollControl(
        _ epoll: FileDescriptor, _ operation: EpollOperation, _ descriptor: FileDescriptor, events: UInt32, data: UInt64
    ) -> SystemResult {
        SystemResult(
            rawValue: creactor_epoll_ctl(epoll.rawValue, operation.rawValue, descriptor.rawValue, events, data))
    }

    /// epoll_pwait2(2); epoll_wait(2) if the timeout does not need it or the kernel does not have it.
    package func epollWait(
        _ epoll: FileDescriptor, into events: inout MutableSpan<EpollEvent>, timeout: WaitTimeout
    ) -> SystemResult {
        let count = CInt(clamping: events.count)
        return unsafe events.withUnsafeMutableBytes { bytes in
            // Timeouts of 0 and infinity need no nanoseconds: epoll_wait(2) exists on every kernel and in every tool.
            if timeout.nanoseconds > 0 {
                let result = unsafe creactor_epoll_pwait2(
                    epoll.rawValue, bytes.baseAddress, count, timeout.nanoseconds)
                if result != -Int(ENOSYS) { return SystemResult(rawValue: result) }
            }
            return unsafe SystemResult(
                rawValue: creactor_epoll_wait(epoll.rawValue, bytes.baseAddress, count, timeout.milliseconds))
        }
    }

    /// ppoll(2).
    package func poll(_ entries: inout MutableSpan<PollEntry>, timeout: WaitTimeout) -> SystemResult {
        let count = UInt(entries.count)
        return unsafe entries.withUnsafeMutableBytes { bytes in
            unsafe SystemResult(rawValue: creactor_poll(bytes.baseAddress, count, timeout.nanoseconds))
        }
    }

    /// pselect6(2), on bitmaps of 64-bit words. `EINVAL` if a bitmap is shorter than `limit` bits.
    package func select(
        below limit: Int, read: inout MutableSpan<UInt64>, write: inout MutableSpan<UInt64>,
        except: inout MutableSpan<UInt64>, timeout: WaitTimeout
    ) -> SystemResult {
        // The kernel would write past the end of a bitmap shorter than the limit.
        guard limit >= 0, limit <= min(read.count, write.count, except.count) * 64, limit <= CInt.max else {
            return SystemResult(.invalidArgument)
        }
        return unsafe read.withUnsafeMutableBytes { read in
            unsafe write.withUnsafeMutableBytes { write in
                unsafe except.withUnsafeMutableBytes { except in
                    unsafe SystemResult(
                        rawValue: creactor_select(
                            CInt(limit), read.baseAddress, write.baseAddress, except.baseAddress, timeout.nanoseconds))
                }
            }
        }
    }

    // MARK: Sockets

    /// socket(2).
    package func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult {
        let type = kind == .stream ? SOCK_STREAM : SOCK_DGRAM
        return SystemResult(rawValue: creactor_socket(address.familyNumber, CInt(type.rawValue)))
    }

    /// bind(2).
    package func bind(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        unsafe address.withSystemAddress { pointer, length in
            unsafe SystemResult(rawValue: creactor_bind(socket.rawValue, pointer, length))
        }
    }

    /// listen(2).
    package func listen(_ socket: FileDescriptor, backlog: Int) -> SystemResult {
        SystemResult(rawValue: creactor_listen(socket.rawValue, CInt(clamping: backlog)))
    }

    /// accept4(2).
    package func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult {
        unsafe SocketAddress.filled(&peer) { pointer, length in
            unsafe creactor_accept(listener.rawValue, pointer, length)
        }
    }

    /// connect(2).
    package func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        unsafe address.withSystemAddress { pointer, length in
            unsafe SystemResult(rawValue: creactor_connect(socket.rawValue, pointer, length))
        }
    }

    /// getsockname(2).
    package func localAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        unsafe SocketAddress.filled(&address) { pointer, length in
            unsafe creactor_getsockname(socket.rawValue, pointer, length)
        }
    }

    /// getpeername(2).
    package func peerAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        unsafe SocketAddress.filled(&address) { pointer, length in
            unsafe creactor_getpeername(socket.rawValue, pointer, length)
        }
    }

    /// setsockopt(2) with an integer.
    package func setOption(_ option: SocketOption, of socket: FileDescriptor, to value: Int) -> SystemResult {
        SystemResult(
            rawValue: creactor_setsockopt(socket.rawValue, option.level, option.name, CInt(clamping: value)))
    }

    /// setsockopt(2) with `SO_LINGER` on and a linger time of 0 s.
    package func setResetOnClose(_ socket: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_setsockopt_linger(socket.rawValue, 1, 0))
    }

    /// getsockopt(2) with `SO_ERROR`.
    package func pendingError(of socket: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_getsockopt(socket.rawValue, SOL_SOCKET, SO_ERROR))
    }

    /// recv(2).
    package func receive(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe SystemResult(rawValue: creactor_recv(socket.rawValue, bytes.baseAddress, bytes.count))
        }
    }

    /// recv(2) with `MSG_PEEK`.
    package func peek(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe SystemResult(rawValue: creactor_peek(socket.rawValue, bytes.baseAddress, bytes.count))
        }
    }

    /// send(2) with `MSG_NOSIGNAL`.
    package func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe SystemResult(rawValue: creactor_send(socket.rawValue, bytes.baseAddress, bytes.count))
        }
    }

    /// ioctl(2) with `SIOCOUTQ`.
    package func unacknowledged(of socket: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_unacknowledged(socket.rawValue))
    }

    /// shutdown(2) with `SHUT_WR`.
    package func shutdownWriting(_ socket: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_shutdown_write(socket.rawValue))
    }

    // MARK: Descriptors

    /// close(2).
    package func close(_ descriptor: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_close(descriptor.rawValue))
    }

    /// read(2).
    package func read(_ descriptor: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult {
        unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe SystemResult(rawValue: creactor_read(descriptor.rawValue, bytes.baseAddress, bytes.count))
        }
    }

    /// write(2).
    package func write(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe SystemResult(rawValue: creactor_write(descriptor.rawValue, bytes.baseAddress, bytes.count))
        }
    }

    /// fcntl(2), fstat(2), getsockopt(2).
    package func describe(_ descriptor: FileDescriptor, _ status: inout DescriptorStatus) -> SystemResult {
        var found = creactor_descriptor()
        let result = unsafe SystemResult(rawValue: creactor_describe(descriptor.rawValue, &found))
        if result.succeeded { status = DescriptorStatus(found) }
        return result
    }

    /// fcntl(2) with `F_SETFL`.
    package func setStatusFlags(_ flags: CInt, of descriptor: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_set_status_flags(descriptor.rawValue, flags))
    }

    /// fcntl(2) with `F_SETFD`.
    package func setCloseOnExec(_ descriptor: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_set_close_on_exec(descriptor.rawValue))
    }

    /// open(2) of `/dev/null`.
    package func reserveDescriptor() -> SystemResult { SystemResult(rawValue: creactor_open_null()) }

    /// getrlimit(2), the soft limit of `RLIMIT_NOFILE`.
    package func descriptorLimit() -> SystemResult { SystemResult(rawValue: creactor_descriptor_limit()) }

    /// Returns how often this process has forked since the first call (pthread_atfork(3)).
    package func forkCount() -> UInt32 { creactor_fork_count() }

    // MARK: Wake-up and signals

    /// eventfd(2).
    package func eventDescriptor() -> SystemResult { SystemResult(rawValue: creactor_eventfd()) }

    /// Returns a function that writes 1 to an eventfd: write(2).
    package func notifier(for event: FileDescriptor) -> @Sendable () -> SystemResult {
        {
            var one: UInt64 = 1
            return unsafe SystemResult(rawValue: creactor_write(event.rawValue, &one, 8))
        }
    }

    /// read(2) of an eventfd.
    package func clearNotifications(_ event: FileDescriptor) -> SystemResult {
        var count: UInt64 = 0
        return unsafe SystemResult(rawValue: creactor_read(event.rawValue, &count, 8))
    }

    /// signalfd(2); `EINVAL` for numbers outside 1 to 64.
    package func signalDescriptor(for signals: [Signal]) -> SystemResult {
        guard signals.allSatisfy({ 1...64 ~= $0.rawValue }) else { return SystemResult(.invalidArgument) }
        return SystemResult(rawValue: creactor_signalfd(signals.reduce(0) { $0 | 1 << UInt64($1.rawValue - 1) }))
    }

    /// read(2) of a signalfd.
    package func readSignal(_ descriptor: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_read_signal(descriptor.rawValue))
    }

    /// pthread_sigmask(3).
    package func setBlocked(_ signal: Signal, _ blocked: Bool) -> SystemResult {
        SystemResult(rawValue: creactor_block_signal(signal.rawValue, blocked ? 1 : 0))
    }

    /// sigaction(2) and tgkill(2), for all loops of the process: see ``SignalForwarding``.
    package func setForwarded(_ signal: Signal, _ forwarded: Bool) -> SystemResult {
        forwarded ? SignalForwarding.begin(signal) : SignalForwarding.end(signal)
    }
}
