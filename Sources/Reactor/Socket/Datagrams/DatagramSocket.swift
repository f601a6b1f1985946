// A UDP socket: its state, its creation and its end. Receiving and sending are in the files beside this one; every call
// of its handler is in DatagramSocket+Delivery.swift.
//
//     open --close(), end of the loop, an error unrelated to a datagram--> closing: deregistered
//          --end of the turn--> queue sent or dropped, descriptor closed, `closed` called

public import SystemPackage

/// A UDP socket on an event loop.
///
/// Created by ``EventLoop/bindDatagrams(on:options:handler:)-(SocketAddress,_,_)`` and
/// ``EventLoop/connectDatagrams(to:from:options:handler:)``. It may be used on its loop's thread only. Calls on a
/// closed socket do nothing.
public final class DatagramSocket: EventSource {
    struct State: OptionSet {
        let rawValue: UInt8
        /// A batch is being delivered; what the handler sends leaves after it.
        static let delivering = State(rawValue: 1)
        /// In the loop's list of sources with unflushed output.
        static let unflushed = State(rawValue: 2)
        /// The kernel's send buffer is full; waiting for writability.
        static let blocked = State(rawValue: 4)
        /// The kernel has no buffers, and no event reports when it has; waiting for a timer.
        static let outOfBuffers = State(rawValue: 8)
        /// The kernel has no memory to receive or to watch; not watched until a timer fires.
        static let outOfMemory = State(rawValue: 16)
        /// Pressure was reported, and `drained` has not been called since.
        static let owesDrained = State(rawValue: 32)

        static let cannotSend: State = [.blocked, .outOfBuffers]
    }

    /// An error that has not been reported to the handler yet.
    struct Failure {
        let operation: SocketError.Operation
        let errno: Errno
        let peer: SocketAddress?
    }

    /// The pause before a retry when the kernel has no buffers or no memory.
    static let retryInterval = Duration.milliseconds(10)

    /// The address that the socket was bound to when created, with the port that the kernel chose for 0; port 0 if
    /// unbound.
    public let address: SocketAddress
    /// The peer of a connected socket, or `nil`.
    public let peer: SocketAddress?
    /// The socket's counters.
    public var statistics: DatagramStatistics { counters }
    /// The number of datagrams queued for sending.
    public var queuedDatagrams: Int { outbox.count }
    /// Whether the socket is closed: its descriptor is closed, or will be at the end of the turn.
    public var isClosed: Bool { !isRegistered }
    /// The descriptor, for reading or setting socket options; the socket keeps its ownership. `nil` when closed.
    public var fileDescriptor: FileDescriptor? { isRegistered ? fd : nil }

    var state: State = []
    var counters = DatagramStatistics()
    var handler: (any DatagramHandler)?
    let inbox: DatagramInbox
    let outbox: DatagramOutbox
    let datagramsPerTurn: Int
    /// The guard of replies; `nil` if they are unlimited.
    let replyGuard: ReplyGuard?
    /// Whether the socket is bound to the wildcard address, so that each datagram carries its destination address.
    let isWildcard: Bool
    /// The index in the inbox of the datagram being handled; -1 if none.
    var delivered = -1
    var failures: [Failure] = []
    private var descriptor: OwnedDescriptor?
    private var closeError: SocketError?

    /// Creates a socket, binds it, and connects it if there is a peer; without both, the kernel binds it at the first
    /// send.
    ///
    /// - Parameters:
    ///   - family: any address of the family, if there is neither a local address nor a peer.
    ///   - inherited: a descriptor already bound to `wanted`. The socket takes its ownership, and closes it if this
    ///     throws.
    init(
        loop: EventLoop, on wanted: SocketAddress?, peer: SocketAddress?, family: SocketAddress = .unspecified,
        inherited: FileDescriptor? = nil, options: DatagramOptions, handler: any DatagramHandler
    ) throws(SocketError) {
        let kernel = loop.kernel
        let like = wanted ?? peer ?? family
        for address in [wanted, peer, family] where address?.isUnix == true {
            throw SocketError(.open, subject: "\(like)", reason: "datagram sockets are UDP, not Unix sockets")
        }
        let made = inherited.map { SystemResult(Int($0.rawValue)) } ?? kernel.socket(.datagram, for: like)
        if let errno = made.errno { throw SocketError(.open, subject: "\(like)", errno: errno) }
        let socket = OwnedDescriptor(made.descriptor)
        var address = like
        let isWildcard = peer == nil && wanted?.isWildcard == true
        do throws(SocketError) {
            try loop.checkCapacity(for: socket.fd)
            try options.apply(to: socket.fd, kernel, for: like, reportsLocalAddress: isWildcard)
            if inherited == nil, let wanted, let errno = kernel.bind(socket.fd, to: wanted).errno {
                throw SocketError(.listen, subject: "\(wanted)", errno: errno)
            }
            if let peer, let errno = retryingInterrupts({ kernel.connect(socket.fd, to: peer) }).errno {
                throw SocketError(.connect, subject: "\(peer)", errno: errno)
            }
            if let errno = kernel.localAddress(of: socket.fd, &address).errno {
                throw SocketError(.listen, subject: "\(like)", errno: errno)
            }
        } catch {
            socket.close(kernel)
            throw error
        }
        let fd = socket.fd
        descriptor = consume socket
        self.address = address
        self.peer = peer
        self.handler = handler
        self.isWildcard = isWildcard
        let isGuarded = wanted != nil && peer == nil && options.replies != .unlimited
        replyGuard = isGuarded ? ReplyGuard(options.replies, port: address.port) : nil
        inbox = DatagramInbox(
            capacity: options.batchSize, datagramSize: options.datagramSize, keepsLocalAddresses: isWildcard)
        outbox = DatagramOutbox(
            capacity: options.queuedDatagrams, byteCapacity: max(65_536, options.queuedBytes),
            keepsLocalAddresses: isWildcard)
        datagramsPerTurn = max(1, options.datagramsPerTurn)
        super.init(loop: loop, fd: fd)
        loop.register(self, wanting: .readable)
    }

    // MARK: Ending

    /// Closes the socket at the end of this turn; queued datagrams are sent if the kernel has room, and otherwise
    /// dropped.
    public func close() { end(nil) }

    /// Begins closing.
    func end(_ error: SocketError?) {
        guard isRegistered else { return }
        closeError = error
        // The descriptor may have been lent out, so a duplicate may be open.
        loop.deregister(self, closesAlone: false)
        loop.closing.append(self)
    }

    override func loopEnded() { end(nil) }

    override func descriptorLost() {
        _ = descriptor.take()?.release()
        counters.dropped += outbox.count
        outbox.removeAll()
        closeError = SocketError(.watch, subject: "\(address)", errno: .badFileDescriptor)
        loop.closing.append(self)
    }

    override func finishClosing() {
        state.subtract(.cannotSend)  // last attempt to send
        flush()
        counters.dropped += outbox.count
        outbox.removeAll()
        descriptor.take()?.close(loop.kernel)
        deliverClosed(closeError)
    }

    // MARK: The loop's calls

    override func ready(_ readiness: Readiness) {
        if readiness.contains(.writable) && state.contains(.blocked) {
            state.remove(.blocked)
            settle()
            updateInterest()
        }
        // Receiving reports errors, too.
        if readiness != .writable && isRegistered && !state.contains(.outOfMemory) { receive() }
    }

    override func flushOutput() {
        state.remove(.unflushed)
        if isRegistered { settle() }
    }

    override var reportName: String { "\(handler.map { "\(type(of: $0))" } ?? "datagram socket") on \(address)" }

    /// Sets the registry's interest in the socket.
    func updateInterest() {
        guard isRegistered else { return }
        let interest: Interest = state.contains(.blocked) ? [.readable, .writable] : .readable
        loop.setInterest(state.contains(.outOfMemory) ? [] : interest, of: self)
    }

    /// Stops watching for a short time, because the kernel has no memory.
    func pauseWatching() {
        if state.contains(.outOfMemory) { return }
        state.insert(.outOfMemory)
        updateInterest()
        retryLater { socket in
            socket.state.remove(.outOfMemory)
            socket.updateInterest()
            // An edge may have been missed during the pause; it is not reported again.
            if socket.loop.isEdgeTriggered { socket.loop.redispatch(socket, [.readable, .writable]) }
        }
    }

    override func registrationFailed(_ errno: Errno) {
        pauseWatching()
        // The selector may still report readiness that is no longer wanted; removal needs no memory.
        loop.registry.muteIfUnwanted(token, in: loop.selector)
    }

    /// Calls `resume` after a short pause, if the socket is still open.
    func retryLater(_ resume: @escaping (DatagramSocket) -> Void) {
        loop.schedule(after: Self.retryInterval) { [weak self] in
            if let self, isRegistered { resume(self) }
        }
    }
}
