// One TCP connection: what it is made of, and what its user can ask of it. How it reads, writes, ends and keeps its
// deadlines stands in the files beside this one; its states are drawn in ConnectionState.swift; every call of its handler
// is in Connection+Delivery.swift.

public import SystemPackage

/// A TCP connection on an event loop.
///
/// Used on its loop's thread only. Calls after the end do nothing.
@safe public final class Connection: EventSource {
    // The small ones stand together: an idle connection is counted in bytes.

    var state: ConnectionState = .awaitsFirstBytes
    /// Input that is still thrown away while lingering.
    var lingerBytesLeft: Int32 = 0
    var descriptor: OwnedDescriptor?
    /// The peer's address; behind a proxy that says so (``ProxyProtocol``), that of the client.
    public let peer: SocketAddress
    let limits: ConnectionLimits
    /// Told when the connection is over, so that limits are kept; `nil` for a connection that we made, and for one that is
    /// over: what makes the owner's handlers may hold the connection.
    var owner: ConnectionOwner?
    // Safe: retained in `begin`, released in `deliverClosed`, the last delivery, and nil from then on; no delivery runs
    // inside another of the same connection.
    var box: Unmanaged<HandlerBox>?
    var closeReason: CloseReason?

    /// What waits to be sent, while the state says `queued`, or has been sent and is still to be told.
    var queue: OutputQueue?
    var receivedCount = 0
    var sentCount = 0
    /// How much of that the peer had acknowledged at the last check of the deadlines.
    var acknowledgedCount = 0

    // MARK: Time

    /// When a byte last went in either direction, an acknowledged one included.
    var lastActivity: MonotonicTime
    /// When output last made progress, as ``noteAcknowledged(_:)`` and ``noteTaken()`` see it.
    var lastProgress: MonotonicTime
    /// When the message that is awaited, or the lingering, has to be over.
    var deadline: MonotonicTime
    var timer = Timer.none
    /// When the timer fires.
    var timerTime = MonotonicTime.never

    init(
        loop: EventLoop, _ descriptor: consuming OwnedDescriptor, peer: SocketAddress, limits: ConnectionLimits,
        owner: ConnectionOwner?
    ) {
        let name = descriptor.name
        self.descriptor = consume descriptor
        self.peer = peer
        self.limits = limits
        self.owner = owner
        lastActivity = loop.turnTime
        lastProgress = loop.turnTime
        deadline = loop.turnTime + limits.firstMessage
        super.init(loop: loop, name: name)
    }

    // MARK: Asking

    /// Whether the connection is open in both directions and ``close()`` was not called.
    public var isOpen: Bool { state.isDisjoint(with: [.notOpen, .ended, .finishing, .finished]) }

    /// Whether the connection is over: its descriptor is closed, or about to be.
    public var isClosed: Bool { state.isClosed }

    /// Bytes received since the connection began.
    public var bytesReceived: Int { receivedCount }

    /// Bytes that the kernel took since the connection began.
    public var bytesSent: Int { sentCount }

    /// Bytes that were written and not yet taken by the kernel; those of files are ``queuedFileBytes``.
    public var queuedBytes: Int { (queue?.byteCount ?? 0) + (state.contains(.gathering) ? loop.gathered : 0) }

    /// This side's address. Asks the kernel. `nil` when the connection is over.
    public var local: SocketAddress? {
        var address = SocketAddress.unspecified
        guard !state.isClosed, loop.kernel.localAddress(of: name, &address).succeeded else { return nil }
        return address
    }

    /// Who is at the other end of a Unix socket. Asks the kernel. `nil` for other sockets, and when the connection is over.
    public var peerCredentials: PeerCredentials? {
        var credentials = PeerCredentials()
        // The socket's own family counts: behind a proxy, the peer is what the proxy says.
        guard local?.isUnix == true, loop.kernel.peerCredentials(of: name, &credentials).succeeded else { return nil }
        return credentials
    }

    /// The address at the other end of the socket: that of the proxy, where ``peer`` is a client's behind it. Asks the
    /// kernel. `nil` when the connection is over or was lost.
    public var directPeer: SocketAddress? {
        var address = SocketAddress.unspecified
        guard !state.isClosed, loop.kernel.peerAddress(of: name, &address).succeeded else { return nil }
        return address
    }

    /// The connection's descriptor, for options and for looking at it; the connection goes on owning it. `nil` when the
    /// connection is over.
    ///
    /// From then on, closing costs one system call more, since a duplicate may have been made of it.
    public var fileDescriptor: FileDescriptor? {
        guard !state.isClosed else { return nil }
        state.insert(.descriptorShared)
        return name
    }

    // MARK: Pausing

    /// Stops reading: the kernel keeps what arrives, and the peer has to wait. ``ConnectionHandler/received(_:on:)`` is
    /// not called until ``resumeReading()``.
    public func pauseReading() {
        guard state.isOpen else { return }
        state.insert(.pausedByUser)
        updateInterest()
    }

    /// Reads again, unless output is above its watermark, when reading resumes by itself.
    public func resumeReading() {
        guard state.contains(.pausedByUser) else { return }
        state.remove(.pausedByUser)
        readingResumed()
    }

    /// Whether nothing is read now: by ``pauseReading()``, because the peer does not read what it is sent, or because of
    /// its rate.
    public var isReadingPaused: Bool { !state.isDisjoint(with: [.pausedByUser, .pausedByPressure, .pausedByRate]) }

    /// Tells the registry what the connection waits for.
    func updateInterest() {
        guard isRegistered else { return }
        var interest: Interest = state.wantsToRead ? .readable : []
        if state.intersection([.queued, .outOfBuffers, .heldByRate]) == .queued { interest.insert(.writable) }
        loop.setInterest(interest, of: self)
        if interest.isEmpty && !loop.capabilities.reportsHangUp { armDeadline(loop.turnTime + Self.probeInterval) }
    }

    /// Something that kept the connection from reading has gone.
    func readingResumed() {
        updateInterest()
        guard isRegistered else { return }
        if state.wantsHeldInput {
            loop.lookAgain(at: self, .readable)
        } else if state.wantsToRead && loop.isEdgeTriggered {
            // An edge that came meanwhile is not told again: look as if it had come now.
            // The end may have been among what was told: read until there is nothing, whatever a receive brings.
            loop.lookAgain(at: self, [.readable, .peerClosed])
        }
    }

    // MARK: The loop's calls

    override func ready(_ readiness: Readiness) {
        // Almost always: bytes, and nothing else.
        if readiness == .readable && state.readsFreely { return read(readiness) }
        if readiness.contains(.writable) && state.contains(.queued) {
            flushQueue()
            settle()
        }
        if state.wantsHeldInput { deliverResumed() }
        if state.wantsToRead {
            guard readiness != .writable else { return }
            if state.contains(.limitsReading) { readLimited(readiness) } else { read(readiness) }
        } else if !state.isClosed, readiness.contains(.error) {
            failWithPendingError()
        } else if readiness.contains(.hangUp), !state.isClosed, state.contains(.ended) {
            // Both directions are over: what is queued can reach nobody.
            terminate(CloseReason(.failed, error: SocketError(.send, subject: "\(peer)", errno: .brokenPipe)))
        }
    }

    override func registrationFailed(_ errno: Errno) {
        terminate(CloseReason(.failed, error: SocketError(.watch, subject: "\(peer)", errno: errno)))
    }

    override func descriptorLost() {
        _ = descriptor.take()?.release()
        terminate(CloseReason(.failed, error: SocketError(.watch, subject: "\(peer)", errno: .badFileDescriptor)))
    }

    override func selectorChanged() { updateInterest() }  // who wants nothing may have to be looked at by timer now

    override func rateAllows(_ direction: RateMeter.Direction) { continueAfterRate(direction) }

    override func flushOutput() { flushUnflushed() }

    override func deadlineReached() { checkDeadlines() }

    override func finishClosing() { closeDescriptor() }

    override func loopEnded() { terminate(CloseReason(.loopEnded)) }

    override var reportName: String {
        "\(handlerName) of \(peer)"
    }
}

/// Keeps count of connections. A class, not a protocol, because a reference to one is half as large.
class ConnectionOwner {
    /// A connection of this owner's is over: its descriptor is closed.
    func connectionClosed(_ connection: Connection) {}
}
