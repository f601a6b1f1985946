// The one door to the operating system. Everything above speaks to this protocol, at the level of system calls, so that
// selectors, loop and connections can all be run on a simulated kernel. It knows nobody above it.

public import SystemPackage

/// One entry of an epoll wait, laid out as the kernel's `struct epoll_event` (epoll_event(3type)).
@frozen
package struct EpollEvent: Sendable, BitwiseCopyable {
    /// What was found: ``Readiness`` has the same values.
    package var events: UInt32
    #if !arch(x86_64)
        @usableFromInline var padding: UInt32 = 0
    #endif
    // Two halves, because x86-64 packs the structure and a UInt64 would be aligned.
    @usableFromInline var low: UInt32
    @usableFromInline var high: UInt32

    /// The 64 bits given with the registration.
    @inlinable package var data: UInt64 { UInt64(high) << 32 | UInt64(low) }

    /// An event with its bits and data.
    @inlinable
    package init(events: UInt32, data: UInt64) {
        self.events = events
        low = UInt32(truncatingIfNeeded: data)
        high = UInt32(truncatingIfNeeded: data >> 32)
    }
}

/// One entry of `poll`, laid out as the kernel's `struct pollfd` (poll(2)).
@frozen
package struct PollEntry: Sendable, BitwiseCopyable {
    /// The descriptor to watch.
    package var descriptor: CInt
    /// What to watch for.
    package var events: Int16
    /// What was found.
    package var found: Int16 = 0

    /// An entry that watches `descriptor` for `events`.
    package init(descriptor: CInt, events: Int16) {
        self.descriptor = descriptor
        self.events = events
    }
}

/// What travels over a socket (socket(2), `type`).
package struct SocketKind: Sendable, Hashable {
    enum Value { case stream, datagram }
    let value: Value

    /// A stream of bytes: TCP, or a Unix stream socket.
    package static let stream = SocketKind(value: .stream)
    /// Datagrams: UDP.
    package static let datagram = SocketKind(value: .datagram)
}

/// What an epoll set is told about a descriptor (`EPOLL_CTL_ADD`, `_DEL`, `_MOD`; the same values).
package enum EpollOperation: CInt, Sendable {
    /// Starts watching.
    case add = 1
    /// Stops watching.
    case delete = 2
    /// Changes what is watched for.
    case modify = 3
}

/// What a socket is to do about a multicast group (ip(7), ipv6(7)).
package enum MulticastOperation: Sendable {
    /// Receive what is sent to the group (`IP_ADD_MEMBERSHIP`, `IPV6_JOIN_GROUP`).
    case join
    /// No longer receive it (`IP_DROP_MEMBERSHIP`, `IPV6_LEAVE_GROUP`).
    case leave
    /// Send to groups of this family through the interface (`IP_MULTICAST_IF`, `IPV6_MULTICAST_IF`).
    case sendThrough
}

/// The system that an event loop runs on: ``LinuxKernel``, a ``TracingKernel`` around it, or the simulated one of
/// `ReactorTesting`.
///
/// The calls behind it are not public, so that they may change. Only this package's types conform to it.
public protocol Kernel: AnyObject {}

extension Kernel {
    /// The same system, with its calls.
    package var calls: any SystemCalls {
        guard let calls = self as? any SystemCalls else {
            preconditionFailure("\(type(of: self)) is not one of this package's kernels")
        }
        return calls
    }
}

/// The system calls that the framework makes, each under its own name and with its man page's meaning.
///
/// Every call answers at once; none waits but ``epollWait(_:into:timeout:)``, ``poll(_:timeout:)`` and
/// ``select(below:read:write:except:timeout:)``. All sockets and descriptors it makes are non-blocking and
/// close-on-exec. An implementation reports `EINTR` as it comes: callers retry.
///
/// ``LinuxKernel`` is the real one. A loop and all that belongs to it call it on the loop's thread only, but for the
/// function that ``notifier(for:)`` makes.
package protocol SystemCalls: Kernel {
    // MARK: Time

    /// The monotonic clock (clock_gettime(2), `CLOCK_MONOTONIC`).
    func now() -> MonotonicTime
    /// A counter that runs with time and costs next to nothing to read; its unit is unknown. It only tells whether it
    /// is worth reading the clock.
    func ticks() -> UInt64

    // MARK: Readiness

    /// epoll_create1(2).
    func epollCreate() -> SystemResult
    /// epoll_ctl(2).
    func epollControl(
        _ epoll: FileDescriptor, _ operation: EpollOperation, _ descriptor: FileDescriptor, events: UInt32, data: UInt64
    ) -> SystemResult
    /// epoll_pwait2(2); answers how many of `events` it filled, from the first.
    func epollWait(_ epoll: FileDescriptor, into events: inout MutableSpan<EpollEvent>, timeout: WaitTimeout)
        -> SystemResult
    /// ppoll(2); answers how many entries have something found.
    func poll(_ entries: inout MutableSpan<PollEntry>, timeout: WaitTimeout) -> SystemResult
    /// pselect6(2) on bitmaps of 64-bit words, least significant bit first; answers how many bits are left set.
    func select(
        below limit: Int, read: inout MutableSpan<UInt64>, write: inout MutableSpan<UInt64>,
        except: inout MutableSpan<UInt64>, timeout: WaitTimeout
    ) -> SystemResult

    // MARK: Sockets

    /// socket(2): a socket of this kind, for addresses like this one.
    func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult
    /// bind(2).
    func bind(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult
    /// listen(2).
    func listen(_ socket: FileDescriptor, backlog: Int) -> SystemResult
    /// accept4(2); sets `peer` when it succeeds.
    func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult
    /// connect(2); `EINPROGRESS` is the usual answer.
    func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult
    /// getsockname(2); sets `address` when it succeeds.
    func localAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult
    /// getpeername(2); sets `address` when it succeeds.
    func peerAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult
    /// setsockopt(2) with an integer.
    func setOption(_ option: SocketOption, of socket: FileDescriptor, to value: Int) -> SystemResult
    /// setsockopt(2) with `SO_LINGER` on and zero seconds: closing then resets the connection.
    func setResetOnClose(_ socket: FileDescriptor) -> SystemResult
    /// getsockopt(2) with `SO_ERROR`: fetches and clears the pending error, 0 when there is none.
    func pendingError(of socket: FileDescriptor) -> SystemResult
    /// recv(2); 0 is the end of the stream.
    func receive(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult
    /// recv(2) with `MSG_PEEK`: what it answers stays to be received.
    func peek(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult
    /// send(2) with `MSG_NOSIGNAL`; answers how many bytes were taken.
    func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult
    /// sendfile(2) from this place of a file, whose own position is neither used nor moved; answers how many bytes were
    /// taken, 0 at the file's end. Where send would answer `EPIPE`, it raises `SIGPIPE` as well.
    func sendFile(to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int) -> SystemResult
    /// ioctl(2) with `SIOCOUTQ`; returns how much of what the socket took its peer has not acknowledged. TCP counts
    /// bytes, and 1 for an end of stream that is on its way (tcp(7)). A Unix socket counts the memory of what its peer has
    /// not received, in pieces: it falls when a whole piece was received (unix(7)).
    func unacknowledged(of socket: FileDescriptor) -> SystemResult
    /// shutdown(2) with `SHUT_WR`.
    func shutdownWriting(_ socket: FileDescriptor) -> SystemResult

    // MARK: Unix sockets and their paths

    /// getsockopt(2) with `SO_PEERCRED`; sets `credentials` when it succeeds.
    func peerCredentials(of socket: FileDescriptor, _ credentials: inout PeerCredentials) -> SystemResult
    /// lstat(2): what is at a path itself, not what it links to; sets `status` when it succeeds.
    func status(of path: FilePath, _ status: inout PathStatus) -> SystemResult
    /// unlink(2).
    func unlink(_ path: FilePath) -> SystemResult
    /// chmod(2).
    func setPermissions(_ permissions: FilePermissions, of path: FilePath) -> SystemResult
    /// fchmod(2). Of a socket that is not bound yet: what its path will have, less the umask.
    func setPermissions(_ permissions: FilePermissions, of descriptor: FileDescriptor) -> SystemResult
    /// open(2) of a directory and flock(2) of it; `EWOULDBLOCK` when somebody else has locked it. Closing unlocks.
    func lockDirectory(_ path: FilePath) -> SystemResult
    /// flock(2) with `LOCK_UN`, then close(2). Closing alone does not unlock while a forked child holds a duplicate.
    func unlockDirectory(_ lock: FileDescriptor) -> SystemResult

    // MARK: Datagrams

    /// recvmmsg(2): replaces what is in `inbox` by what has arrived, as much as it has room for; answers how many.
    /// Fewer than there is room for say that the socket was empty then, or has an error, which the next call tells.
    func receiveDatagrams(_ socket: FileDescriptor, into inbox: DatagramInbox) -> SystemResult
    /// sendmmsg(2) with `MSG_NOSIGNAL`: sends the first datagrams of `outbox` and leaves them there; answers how many.
    /// An error is told only of the first.
    func sendDatagrams(_ socket: FileDescriptor, _ outbox: DatagramOutbox) -> SystemResult
    /// setsockopt(2) with `IP_ADD_MEMBERSHIP`, `IP_MULTICAST_IF` and the like, on the interface with this index; 0 leaves
    /// the choice to the kernel.
    func setMulticast(
        _ operation: MulticastOperation, _ group: SocketAddress, interface: UInt32, of socket: FileDescriptor
    ) -> SystemResult

    // MARK: Descriptors

    /// close(2).
    func close(_ descriptor: FileDescriptor) -> SystemResult
    /// read(2).
    func read(_ descriptor: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult
    /// write(2). For descriptors that are not sockets.
    func write(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult
    /// A descriptor that stands for nothing, kept in reserve (open(2) of `/dev/null`).
    func reserveDescriptor() -> SystemResult
    /// getrlimit(2), `RLIMIT_NOFILE`, the soft limit.
    func descriptorLimit() -> SystemResult
    /// How often this process has forked: a child shares the parent's epoll registrations.
    func forkCount() -> UInt32

    // MARK: Wake-up and signals

    /// eventfd(2).
    func eventDescriptor() -> SystemResult
    /// What adds one to an eventfd, as a function that any thread may call while the descriptor is open.
    func notifier(for event: FileDescriptor) -> @Sendable () -> SystemResult
    /// Sets an eventfd back to zero.
    func clearNotifications(_ event: FileDescriptor) -> SystemResult
    /// signalfd(2) for these signals.
    func signalDescriptor(for signals: [Signal]) -> SystemResult
    /// Takes one signal from a signalfd; answers its number.
    func readSignal(_ descriptor: FileDescriptor) -> SystemResult
    /// sigtimedwait(2) without waiting: takes a signal that is blocked and pending; answers its number, or `EAGAIN`.
    func takePending(_ signal: Signal) -> SystemResult
    /// pthread_sigmask(3): blocks or unblocks a signal for the calling thread; answers 1 when it was blocked before.
    func setBlocked(_ signal: Signal, _ blocked: Bool) -> SystemResult
    /// sigaction(2) and tgkill(2): has a signal that any thread receives sent on to the calling one, which has it blocked,
    /// or no longer. Calls for the same signal and thread are counted.
    func setForwarded(_ signal: Signal, _ forwarded: Bool) -> SystemResult
}
