// The only interface to the operating system, at the level of system calls, so that selectors, event loops and
// connections run unchanged on a simulated kernel. It depends on nothing above it.

package import SystemPackage

/// One entry of an epoll wait, laid out as the kernel's `struct epoll_event` (epoll_event(3type)).
@frozen
package struct EpollEvent: Sendable, BitwiseCopyable {
    /// The events that are ready; the values are those of ``Readiness``.
    package var events: UInt32
    #if !arch(x86_64)
        @usableFromInline var padding: UInt32 = 0
    #endif
    // Two halves: x86-64 packs the structure, and Swift would align a UInt64 to 8 bytes.
    @usableFromInline var low: UInt32
    @usableFromInline var high: UInt32

    /// The 64 bits of user data given at registration.
    @inlinable package var data: UInt64 { UInt64(high) << 32 | UInt64(low) }

    /// Creates an event from its bits and user data.
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
    /// The events to watch for.
    package var events: Int16
    /// The events that are ready (`revents`).
    package var found: Int16 = 0

    /// Creates an entry that watches `descriptor` for `events`.
    package init(descriptor: CInt, events: Int16) {
        self.descriptor = descriptor
        self.events = events
    }
}

/// The type of a socket (socket(2), `type`).
package struct SocketKind: Sendable, Hashable {
    enum Value { case stream, datagram }
    let value: Value

    /// A byte stream: TCP, or a Unix stream socket.
    package static let stream = SocketKind(value: .stream)
    /// Datagrams: UDP.
    package static let datagram = SocketKind(value: .datagram)
}

/// An operation of epoll_ctl(2), with the values of `EPOLL_CTL_ADD`, `EPOLL_CTL_DEL` and `EPOLL_CTL_MOD`.
package enum EpollOperation: CInt, Sendable {
    /// Adds a descriptor to the epoll set.
    case add = 1
    /// Removes a descriptor from the epoll set.
    case delete = 2
    /// Changes the events that a descriptor is watched for.
    case modify = 3
}

/// A multicast setting of a socket (ip(7), ipv6(7)).
package enum MulticastOperation: Sendable {
    /// Joins the group and receives its datagrams (`IP_ADD_MEMBERSHIP`, `IPV6_JOIN_GROUP`).
    case join
    /// Leaves the group (`IP_DROP_MEMBERSHIP`, `IPV6_LEAVE_GROUP`).
    case leave
    /// Selects the outgoing interface for groups of this address family (`IP_MULTICAST_IF`, `IPV6_MULTICAST_IF`).
    case sendThrough
}

/// The system that an event loop runs on: ``LinuxKernel``, a ``TracingKernel`` around it, or the simulated kernel of
/// `ReactorTesting`.
///
/// The system calls themselves are not public and may change between releases. Only types of this package conform.
public protocol Kernel: AnyObject {}

extension Kernel {
    /// The system calls of this kernel.
    package var calls: any SystemCalls {
        guard let calls = self as? any SystemCalls else {
            preconditionFailure("\(type(of: self)) is not one of this package's kernels")
        }
        return calls
    }
}

/// The system calls that the framework makes, with the semantics of their man pages.
///
/// Only ``epollWait(_:into:timeout:)``, ``poll(_:timeout:)`` and ``select(below:read:write:except:timeout:)`` wait;
/// every other call returns at once. All descriptors that a kernel creates are non-blocking and close-on-exec. An
/// implementation reports `EINTR` to its caller, which retries.
///
/// ``LinuxKernel`` is the real implementation. An event loop and its connections make these calls on the loop's thread
/// only; the function that ``notifier(for:)`` returns may be called on any thread.
package protocol SystemCalls: Kernel {
    // MARK: Time

    /// Returns the current monotonic time: clock_gettime(2), `CLOCK_MONOTONIC`.
    func now() -> MonotonicTime
    /// Returns a counter that advances with time and costs a few cycles to read. Its unit is unspecified: it only
    /// indicates whether the clock is worth reading.
    func ticks() -> UInt64

    // MARK: Readiness

    /// Creates an epoll set: epoll_create1(2).
    func epollCreate() -> SystemResult
    /// Adds, changes or removes a descriptor of an epoll set: epoll_ctl(2).
    func epollControl(
        _ epoll: FileDescriptor, _ operation: EpollOperation, _ descriptor: FileDescriptor, events: UInt32, data: UInt64
    ) -> SystemResult
    /// Waits for events of an epoll set: epoll_pwait2(2). Returns how many of `events` it filled, from the first.
    func epollWait(_ epoll: FileDescriptor, into events: inout MutableSpan<EpollEvent>, timeout: WaitTimeout)
        -> SystemResult
    /// Waits for events: ppoll(2). Returns how many entries are ready.
    func poll(_ entries: inout MutableSpan<PollEntry>, timeout: WaitTimeout) -> SystemResult
    /// Waits for events: pselect6(2), on bitmaps of 64-bit words, least significant bit first. Returns how many bits
    /// remain set.
    func select(
        below limit: Int, read: inout MutableSpan<UInt64>, write: inout MutableSpan<UInt64>,
        except: inout MutableSpan<UInt64>, timeout: WaitTimeout
    ) -> SystemResult

    // MARK: Sockets

    /// Creates a socket of this kind for the family of an address: socket(2).
    func socket(_ kind: SocketKind, for address: SocketAddress) -> SystemResult
    /// Binds a socket to an address: bind(2).
    func bind(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult
    /// Listens with a backlog: listen(2).
    func listen(_ socket: FileDescriptor, backlog: Int) -> SystemResult
    /// Accepts a connection: accept4(2). Sets `peer` on success.
    func accept(_ listener: FileDescriptor, peer: inout SocketAddress) -> SystemResult
    /// Starts to connect: connect(2). The usual result is `EINPROGRESS`.
    func connect(_ socket: FileDescriptor, to address: SocketAddress) -> SystemResult
    /// Sets `address` to a socket's own address on success: getsockname(2).
    func localAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult
    /// Sets `address` to the peer's address on success: getpeername(2).
    func peerAddress(of socket: FileDescriptor, _ address: inout SocketAddress) -> SystemResult
    /// Sets an integer option: setsockopt(2).
    func setOption(_ option: SocketOption, of socket: FileDescriptor, to value: Int) -> SystemResult
    /// Makes close(2) reset the connection: setsockopt(2) with `SO_LINGER` on and a linger time of 0 s.
    func setResetOnClose(_ socket: FileDescriptor) -> SystemResult
    /// Returns and clears the pending error, or 0: getsockopt(2) with `SO_ERROR`.
    func pendingError(of socket: FileDescriptor) -> SystemResult
    /// Receives bytes: recv(2). Returns 0 at the end of the stream.
    func receive(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult
    /// Copies received bytes and leaves them in the receive buffer: recv(2) with `MSG_PEEK`.
    func peek(_ socket: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult
    /// Sends bytes: send(2) with `MSG_NOSIGNAL`. Returns how many bytes the kernel took.
    func send(_ socket: FileDescriptor, _ bytes: RawSpan) -> SystemResult
    /// Sends part of a file: sendfile(2). The file's own offset is neither used nor changed. Returns how many bytes the
    /// kernel took, 0 at the end of the file. In case of `EPIPE` it also raises `SIGPIPE`, because sendfile(2) has no
    /// `MSG_NOSIGNAL`.
    func sendFile(to socket: FileDescriptor, from file: FileDescriptor, at offset: Int64, count: Int) -> SystemResult
    /// Returns how much sent data the peer has not acknowledged: ioctl(2) with `SIOCOUTQ`. TCP counts bytes, plus 1 for
    /// an unacknowledged FIN (tcp(7)). A Unix socket counts the memory of the buffers that its peer has not received;
    /// the count falls when a whole buffer has been received (unix(7)).
    func unacknowledged(of socket: FileDescriptor) -> SystemResult
    /// Half-closes a socket: shutdown(2) with `SHUT_WR`.
    func shutdownWriting(_ socket: FileDescriptor) -> SystemResult

    // MARK: Unix sockets and their paths

    /// Sets `credentials` to the peer's on success: getsockopt(2) with `SO_PEERCRED`.
    func peerCredentials(of socket: FileDescriptor, _ credentials: inout PeerCredentials) -> SystemResult
    /// Sends bytes with descriptors over a Unix socket: sendmsg(2) with `SCM_RIGHTS` and `MSG_NOSIGNAL`.
    func send(_ socket: FileDescriptor, _ bytes: RawSpan, passing descriptors: [FileDescriptor]) -> SystemResult
    /// Receives bytes with descriptors: recvmsg(2) with `MSG_CMSG_CLOEXEC`.
    func receive(
        _ socket: FileDescriptor, into buffer: consuming MutableRawSpan, _ passed: inout PassedDescriptors
    ) -> SystemResult
    /// Sets `status` on success, without following a symbolic link: lstat(2).
    func status(of path: FilePath, _ status: inout PathStatus) -> SystemResult
    /// Removes a path: unlink(2).
    func unlink(_ path: FilePath) -> SystemResult
    /// Sets the permissions of a path: chmod(2).
    func setPermissions(_ permissions: FilePermissions, of path: FilePath) -> SystemResult
    /// Sets the permissions of a descriptor: fchmod(2). On an unbound socket, they apply to its future path, less the
    /// umask.
    func setPermissions(_ permissions: FilePermissions, of descriptor: FileDescriptor) -> SystemResult
    /// Opens and locks a directory: open(2) and flock(2). `EWOULDBLOCK` if it is locked already; close(2) unlocks it.
    func lockDirectory(_ path: FilePath) -> SystemResult
    /// flock(2) with `LOCK_UN`, then close(2). Closing alone does not unlock while a forked child holds a duplicate.
    func unlockDirectory(_ lock: FileDescriptor) -> SystemResult

    // MARK: Datagrams

    /// Receives datagrams: recvmmsg(2). Replaces the contents of `inbox` and returns how many datagrams it now holds. A
    /// count below the capacity means that the socket was empty, or has an error, which the next call reports.
    func receiveDatagrams(_ socket: FileDescriptor, into inbox: DatagramInbox) -> SystemResult
    /// Sends datagrams from the front of `outbox`: sendmmsg(2) with `MSG_NOSIGNAL`. Returns how many were sent; the
    /// caller removes them. An error is reported for the first datagram only.
    func sendDatagrams(_ socket: FileDescriptor, _ outbox: DatagramOutbox) -> SystemResult
    /// Changes a multicast setting: setsockopt(2) with `IP_ADD_MEMBERSHIP`, `IP_MULTICAST_IF` and the like. `interface`
    /// is an interface index; 0 leaves the choice to the kernel.
    func setMulticast(
        _ operation: MulticastOperation, _ group: SocketAddress, interface: UInt32, of socket: FileDescriptor
    ) -> SystemResult

    // MARK: Descriptors

    /// Closes a descriptor: close(2).
    func close(_ descriptor: FileDescriptor) -> SystemResult
    /// Reads bytes: read(2).
    func read(_ descriptor: FileDescriptor, into buffer: consuming MutableRawSpan) -> SystemResult
    /// Writes bytes to a descriptor that is not a socket: write(2).
    func write(_ descriptor: FileDescriptor, _ bytes: RawSpan) -> SystemResult
    /// Sets `status` on success: fcntl(2) with `F_GETFL`, fstat(2), and getsockopt(2) with `SO_TYPE` and
    /// `SO_ACCEPTCONN` for a socket.
    func describe(_ descriptor: FileDescriptor, _ status: inout DescriptorStatus) -> SystemResult
    /// Sets the status flags of an open file description, which duplicates share: fcntl(2) with `F_SETFL`.
    func setStatusFlags(_ flags: CInt, of descriptor: FileDescriptor) -> SystemResult
    /// Makes a descriptor close-on-exec: fcntl(2) with `F_SETFD`.
    func setCloseOnExec(_ descriptor: FileDescriptor) -> SystemResult
    /// Opens a spare descriptor, to be held in reserve: open(2) of `/dev/null`.
    func reserveDescriptor() -> SystemResult
    /// Returns the soft limit of open descriptors: getrlimit(2), `RLIMIT_NOFILE`.
    func descriptorLimit() -> SystemResult
    /// Returns how often this process has forked. A child process shares its parent's epoll registrations.
    func forkCount() -> UInt32

    // MARK: Wake-up and signals

    /// Creates an event descriptor: eventfd(2).
    func eventDescriptor() -> SystemResult
    /// Returns a function that adds 1 to an eventfd. Any thread may call it while the descriptor is open.
    func notifier(for event: FileDescriptor) -> @Sendable () -> SystemResult
    /// Resets an eventfd to 0.
    func clearNotifications(_ event: FileDescriptor) -> SystemResult
    /// Creates a descriptor that reports these signals: signalfd(2).
    func signalDescriptor(for signals: [Signal]) -> SystemResult
    /// Reads one signal from a signalfd and returns its number.
    func readSignal(_ descriptor: FileDescriptor) -> SystemResult
    /// Consumes a blocked, pending signal without waiting: sigtimedwait(2). Returns its number, or `EAGAIN`.
    func takePending(_ signal: Signal) -> SystemResult
    /// Blocks or unblocks a signal in the calling thread: pthread_sigmask(3). Returns 1 if it was blocked before, else
    /// 0.
    func setBlocked(_ signal: Signal, _ blocked: Bool) -> SystemResult
    /// Starts or stops forwarding a signal from any thread to the calling one, which blocks it: sigaction(2) and
    /// tgkill(2). Calls for the same signal and thread are counted.
    func setForwarded(_ signal: Signal, _ forwarded: Bool) -> SystemResult
}
