// A UDP socket: what it is made of, how it comes to be and how it ends. How it receives and how it sends stands in the
// files beside this one; every call of its handler is in DatagramSocket+Delivery.swift.
//
//     open --close(), the loop's end, an error that no datagram explains--> closing: deregistered
//          --end of the turn--> what waits is sent or dropped, descriptor closed, `closed` told

public import SystemPackage

/// A UDP socket on an event loop. Made by ``EventLoop/bindDatagrams(on:options:handler:)-(SocketAddress,_,_)`` and
/// ``EventLoop/connectDatagrams(to:from:options:handler:)``.
///
/// Used on its loop's thread only. Calls after the end do nothing.
public final class DatagramSocket: EventSource {
    struct State: OptionSet {
        let rawValue: UInt8
        /// A batch is being delivered: what the handler sends leaves when it is over.
        static let delivering = State(rawValue: 1)
        /// In the loop's list of those that have something to send.
        static let unflushed = State(rawValue: 2)
        /// The kernel has no room: waiting for it to become writable.
        static let blocked = State(rawValue: 4)
        /// The kernel has no buffers, and no event tells when it has: waiting for a timer.
        static let outOfBuffers = State(rawValue: 8)
        /// The kernel had no memory to receive or to watch with: nothing is watched until a timer fires.
        static let outOfMemory = State(rawValue: 16)
        /// Pressure was told, and that it is over was not.
        static let owesDrained = State(rawValue: 32)

        static let cannotSend: State = [.blocked, .outOfBuffers]
    }

    /// An error that the handler has not been told yet.
    struct Failure {
        let operation: SocketError.Operation
        let errno: Errno
        let peer: SocketAddress?
    }

    /// How long to wait when the kernel has no buffers or no memory.
    static let retryInterval = Duration.milliseconds(10)

    /// Where it was bound when it was made, with the real port where 0 was asked for; port 0 of one that was not bound.
    public let address: SocketAddress
    /// The one peer that it is connected to, if it is.
    public let peer: SocketAddress?
    /// What it has counted.
    public var statistics: DatagramStatistics { counters }
    /// Datagrams that were sent here and not yet taken by the kernel.
    public var queuedDatagrams: Int { outbox.count }
    /// Whether the socket is over: its descriptor is closed, or about to be.
    public var isClosed: Bool { !isRegistered }
    /// The socket's descriptor, for options and for looking at it; the socket goes on owning it. `nil` when it is over.
    public var fileDescriptor: FileDescriptor? { isRegistered ? name : nil }

    var state: State = []
    var counters = DatagramStatistics()
    var handler: (any DatagramHandler)?
    let inbox: DatagramInbox
    let outbox: DatagramOutbox
    let datagramsPerTurn: Int
    /// Which answers leave; `nil` when all do.
    let answerGuard: AnswerGuard?
    /// Bound to all addresses of the machine: each datagram says which one it was sent to.
    let isWildcard: Bool
    /// The place in the inbox of the datagram that the handler is called with; -1 when it is not.
    var delivered = -1
    var failures: [Failure] = []
    private var descriptor: OwnedDescriptor?
    private var closeError: SocketError?

    /// Binds, and connects if there is a peer; with neither, the kernel binds it when it first sends.
    ///
    /// - Parameters:
    ///   - family: any address of the family, where there is no other that says so.
    ///   - inherited: a descriptor that is bound to `wanted` already, to be used and owned from now on; closed when this
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
            try loop.checkCapacity(for: socket.name)
            try options.apply(to: socket.name, kernel, for: like, reportsLocalAddress: isWildcard)
            if inherited == nil, let wanted, let errno = kernel.bind(socket.name, to: wanted).errno {
                throw SocketError(.listen, subject: "\(wanted)", errno: errno)
            }
            if let peer, let errno = retryingInterrupts({ kernel.connect(socket.name, to: peer) }).errno {
                throw SocketError(.connect, subject: "\(peer)", errno: errno)
            }
            if let errno = kernel.localAddress(of: socket.name, &address).errno {
                throw SocketError(.listen, subject: "\(like)", errno: errno)
            }
        } catch {
            socket.close(kernel)
            throw error
        }
        let name = socket.name
        descriptor = consume socket
        self.address = address
        self.peer = peer
        self.handler = handler
        self.isWildcard = isWildcard
        let isGuarded = wanted != nil && peer == nil && options.answers != .unlimited
        answerGuard = isGuarded ? AnswerGuard(options.answers, port: address.port) : nil
        inbox = DatagramInbox(
            capacity: options.batchSize, datagramSize: options.datagramSize, keepsLocalAddresses: isWildcard)
        outbox = DatagramOutbox(
            capacity: options.queuedDatagrams, byteCapacity: max(65_536, options.queuedBytes),
            keepsLocalAddresses: isWildcard)
        datagramsPerTurn = max(1, options.datagramsPerTurn)
        super.init(loop: loop, name: name)
        loop.register(self, wanting: .readable)
    }

    // MARK: Ending

    /// Closes the socket at the end of this turn; what waits is sent if the kernel has room for it, or dropped.
    public func close() { end(nil) }

    /// Begins the end.
    func end(_ error: SocketError?) {
        guard isRegistered else { return }
        closeError = error
        // The descriptor may have been handed out, and a duplicate of it be open.
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
        state.subtract(.cannotSend)  // once more, for there is no later
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
        // An error is told by receiving, like everything else.
        if readiness != .writable && isRegistered && !state.contains(.outOfMemory) { receive() }
    }

    override func flushOutput() {
        state.remove(.unflushed)
        if isRegistered { settle() }
    }

    override var reportName: String { "\(handler.map { "\(type(of: $0))" } ?? "datagram socket") on \(address)" }

    /// Tells the registry what the socket waits for.
    func updateInterest() {
        guard isRegistered else { return }
        let interest: Interest = state.contains(.blocked) ? [.readable, .writable] : .readable
        loop.setInterest(state.contains(.outOfMemory) ? [] : interest, of: self)
    }

    /// The kernel has no memory: nothing is watched for a little while.
    func pauseWatching() {
        if state.contains(.outOfMemory) { return }
        state.insert(.outOfMemory)
        updateInterest()
        retryLater { socket in
            socket.state.remove(.outOfMemory)
            socket.updateInterest()
            // An edge that came meanwhile is not told again: look as if it had come now.
            if socket.loop.isEdgeTriggered { socket.loop.lookAgain(at: socket, [.readable, .writable]) }
        }
    }

    override func registrationFailed(_ errno: Errno) {
        pauseWatching()
        // The selector may still tell of what nobody waits for any more; taking out needs no memory.
        loop.registry.muteIfUnwanted(token, in: loop.selector)
    }

    /// Calls `resume` in a little while, if the socket is still there.
    func retryLater(_ resume: @escaping (DatagramSocket) -> Void) {
        loop.schedule(after: Self.retryInterval) { [weak self] in
            if let self, isRegistered { resume(self) }
        }
    }
}
