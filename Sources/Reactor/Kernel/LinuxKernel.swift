// The real kernel: each call goes straight to Linux. Nothing is decided here and nothing is kept.

import CReactor
public import SystemPackage

/// Linux itself. It has no state: every loop may share ``shared``, on any thread.
public final class LinuxKernel: Kernel, Sendable {
    /// The kernel of this machine.
    public static let shared = LinuxKernel()

    private init() {
        precondition(MemoryLayout<EpollEvent>.stride == Int(creactor_epoll_event_size))
        precondition(MemoryLayout<PollEntry>.stride == MemoryLayout<pollfd>.stride)
    }

    // MARK: Time

    public func now() -> MonotonicTime { MonotonicTime(nanoseconds: creactor_monotonic_nanoseconds()) }

    public func ticks() -> UInt64 { creactor_ticks() }

    // MARK: Readiness

    public func epollCreate() -> SystemResult { SystemResult(rawValue: creactor_epoll_create()) }

    public func epollControl(
        _ epoll: FileDescriptor, _ operation: EpollOperation, _ descriptor: FileDescriptor, events: UInt32, data: UInt64
    ) -> SystemResult {
        SystemResult(
            rawValue: creactor_epoll_ctl(epoll.rawValue, operation.rawValue, descriptor.rawValue, events, data))
    }

    public func epollWait(
        _ epoll: FileDescriptor, into events: inout MutableSpan<EpollEvent>, timeout: WaitTimeout
    ) -> SystemResult {
        let count = CInt(clamping: events.count)
        return unsafe events.withUnsafeMutableBytes { bytes in
            // 0 and "for ever" are the same to the older call, which every kernel and every tool knows.
            if timeout.nanoseconds > 0 {
                let result = unsafe creactor_epoll_pwait2(
                    epoll.rawValue, bytes.baseAddress, count, timeout.nanoseconds)
                if result != -Int(ENOSYS) { return SystemResult(rawValue: result) }
            }
            return unsafe SystemResult(
                rawValue: creactor_epoll_wait(epoll.rawValue, bytes.baseAddress, count, timeout.milliseconds))
        }
    }

    public func poll(_ entries: inout MutableSpan<PollEntry>, timeout: WaitTimeout) -> SystemResult {
        let count = UInt(entries.count)
        return unsafe entries.withUnsafeMutableBytes { bytes in
            unsafe SystemResult(rawValue: creactor_poll(bytes.baseAddress, count, timeout.nanoseconds))
        }
    }

    public func select(
        below limit: Int, read: inout MutableSpan<UInt64>, write: inout MutableSpan<UInt64>,
        except: inout MutableSpan<UInt64>, timeout: WaitTimeout
    ) -> SystemResult {
        let words = (limit + 63) / 64
        precondition(
            words <= read.count && words <= write.count && words <= except.count, "a bitmap is shorter than its limit")
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

    public func streamSocket(for address: SocketAddress) -> SystemResult {
        SystemResult(rawValue: creactor_socket(address.familyNumber, CInt(SOCK_STREAM.rawValue)))
    }

    public func bind(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        unsafe address.withSystemAddress { pointer, length in
            unsafe SystemResult(rawValue: creactor_bind(socket.rawValue, pointer, length))
        }
    }

    public func listen(_ socket: FileDescriptor, backlog: Int) -> SystemResult {
        SystemResult(rawValue: creactor_listen(socket.rawValue, CInt(clamping: backlog)))
    }

    public func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult {
        unsafe SocketAddress.filled(&peer) { pointer, length in
            unsafe creactor_accept(listener.rawValue, pointer, length)
        }
    }

    public func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult {
        unsafe address.withSystemAddress { pointer, length in
            unsafe SystemResult(rawValue: creactor_connect(socket.rawValue, pointer, length))
        }
    }

    public func localAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult {
        unsafe SocketAddress.filled(&address) { pointer, length in
            unsafe creactor_getsockname(socket.rawValue, pointer, length)
        }
    }

    public func setOption(_ option: SocketOption, of socket: FileDescriptor, to value: Int) -> SystemResult {
        SystemResult(
            rawValue: creactor_setsockopt(socket.rawValue, option.level, option.name, CInt(clamping: value)))
    }

    public func setResetOnClose(_ socket: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_setsockopt_linger(socket.rawValue, 1, 0))
    }

    public func pendingError(of socket: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_getsockopt(socket.rawValue, SOL_SOCKET, SO_ERROR))
    }

    public func receive(_ socket: FileDescriptor, into buffer: inout MutableRawSpan) -> SystemResult {
        unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe SystemResult(rawValue: creactor_recv(socket.rawValue, bytes.baseAddress, bytes.count))
        }
    }

    public func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe SystemResult(rawValue: creactor_send(socket.rawValue, bytes.baseAddress, bytes.count))
        }
    }

    public func shutdownWriting(_ socket: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_shutdown_write(socket.rawValue))
    }

    // MARK: Descriptors

    public func close(_ descriptor: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_close(descriptor.rawValue))
    }

    public func read(_ descriptor: FileDescriptor, into buffer: inout MutableRawSpan) -> SystemResult {
        unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe SystemResult(rawValue: creactor_read(descriptor.rawValue, bytes.baseAddress, bytes.count))
        }
    }

    public func write(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe SystemResult(rawValue: creactor_write(descriptor.rawValue, bytes.baseAddress, bytes.count))
        }
    }

    public func reserveDescriptor() -> SystemResult { SystemResult(rawValue: creactor_open_null()) }

    public func descriptorLimit() -> SystemResult { SystemResult(rawValue: creactor_descriptor_limit()) }

    public func forkCount() -> UInt32 { creactor_fork_count() }

    // MARK: Wake-up and signals

    public func eventDescriptor() -> SystemResult { SystemResult(rawValue: creactor_eventfd()) }

    public func notifier(for event: FileDescriptor) -> @Sendable () -> SystemResult {
        {
            var one: UInt64 = 1
            return unsafe SystemResult(rawValue: creactor_write(event.rawValue, &one, 8))
        }
    }

    public func clearNotifications(_ event: FileDescriptor) -> SystemResult {
        var count: UInt64 = 0
        return unsafe SystemResult(rawValue: creactor_read(event.rawValue, &count, 8))
    }

    public func signalDescriptor(for signals: [Signal]) -> SystemResult {
        SystemResult(rawValue: creactor_signalfd(signals.reduce(0) { $0 | 1 << UInt64($1.rawValue) }))
    }

    public func readSignal(_ descriptor: FileDescriptor) -> SystemResult {
        SystemResult(rawValue: creactor_read_signal(descriptor.rawValue))
    }

    public func setBlocked(_ signal: Signal, _ blocked: Bool) -> SystemResult {
        SystemResult(rawValue: creactor_block_signal(signal.rawValue, blocked ? 1 : 0))
    }
}

