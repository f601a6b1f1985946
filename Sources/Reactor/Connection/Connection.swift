// One TCP connection: its stored properties and its public interface. Reading, writing, closing and deadlines are in
// the files beside this one; ConnectionState.swift draws its states; Connection+Delivery.swift makes every call of its
// handler.

public import SystemPackage

/// A TCP connection on an event loop.
///
/// Confined to its loop's thread. Calls after it has closed do nothing.
@safe public final class Connection: EventSource {
    // Small fields stand together: the memory of an idle connection is counted in bytes.

    var state: ConnectionState = .awaitsFirstBytes
    /// Bytes of input that may still be discarded while lingering.
    var lingerBytesLeft: Int32 = 0
    var descriptor: OwnedDescriptor?
    /// The peer's address; behind a trusted proxy (``ProxyProtocol``), the client's.
    public let peer: SocketAddress
    let limits: ConnectionLimits
    /// The owner, notified when the connection has closed, so that it can enforce its limits; `nil` for an outgoing
    /// connection, and once the connection has closed, because the owner's handler factory may hold the connection.
    var owner: ConnectionOwner?
    // Safe: retained in `setHandler`, released in `deliverClosed`, the last delivery, and nil from then on; no delivery
    // runs inside another of the same connection.
    var box: Unmanaged<HandlerBox>?
    var closeReason: CloseReason?

    /// Queued output, while the state contains `queued`; and the outcomes of files that are still to be delivered.
    var queue: OutputQueue?
    var receivedCount = 0
    var sentCount = 0
    /// The part of ``sentCount`` that the peer had acknowledged at the last check of the deadlines.
    var acknowledgedCount = 0

    // MARK: Time

    /// The time at which a byte last moved in either direction or was acknowledged.
    var lastActivity: MonotonicTime
    /// The time at which output last made progress, as ``noteAcknowledged(_:)`` and ``noteTaken()`` determine it.
    var lastProgress: MonotonicTime
    /// The deadline of the awaited message, or of lingering.
    var deadline: MonotonicTime
    var timer = LoopTimer.none
    /// The time at which the timer fires.
    var timerTime = MonotonicTime.never

    init(
        loop: EventLoop, _ descriptor: consuming OwnedDescriptor, peer: SocketAddress, limits: ConnectionLimits,
        owner: ConnectionOwner?
    ) {
        let fd = descriptor.fd
        self.descriptor = consume descriptor
        self.peer = peer
        self.limits = limits
        self.owner = owner
        lastActivity = loop.turnTime
        lastProgress = loop.turnTime
        deadline = loop.turnTime + limits.firstMessageNanoseconds
        if limits.reportsPressureOnly { state.insert(.reportsPressureOnly) }
        super.init(loop: loop, fd: fd)
    }

    // MARK: Properties

    /// Whether the connection is open in both directions and ``close()`` has not been called.
    public var isOpen: Bool { state.isDisjoint(with: [.notOpen, .ended, .closingWrite, .writeClosed]) }

    /// Whether the connection has ended: its descriptor is closed, or will be at the end of the turn.
    public var isClosed: Bool { state.isClosed }

    /// The number of bytes received since the connection began.
    public var bytesReceived: Int { receivedCount }

    /// The number of bytes that the kernel accepted for sending since the connection began.
    public var bytesSent: Int { sentCount }

    /// The number of written bytes that the kernel has not accepted yet; ``queuedFileBytes`` counts those of files.
    public var queuedBytes: Int { (queue?.byteCount ?? 0) + (state.contains(.gathering) ? loop.gathered : 0) }

    /// The local address, `nil` when the connection has closed. Makes a system call (getsockname(2)).
    public var local: SocketAddress? {
        var address = SocketAddress.unspecified
        guard !state.isClosed, loop.kernel.localAddress(of: fd, &address).succeeded else { return nil }
        return address
    }

    /// The credentials of the peer of a Unix socket; `nil` for other sockets, and when the connection has closed. Makes
    /// a system call (`SO_PEERCRED`, unix(7)).
    public var peerCredentials: PeerCredentials? {
        var credentials = PeerCredentials()
        // The socket's own family decides: behind a proxy, `peer` is the client's address.
        guard local?.isUnix == true, loop.kernel.peerCredentials(of: fd, &credentials).succeeded else { return nil }
        return credentials
    }

    /// The address of the socket's peer: that of the proxy, where ``peer`` is the address of a client behind it. `nil`
    /// when the connection has closed or was lost. Makes a system call (getpeername(2)).
    public var directPeer: SocketAddress? {
        var address = SocketAddress.unspecified
        guard !state.isClosed, loop.kernel.peerAddress(of: fd, &address).succeeded else { return nil }
        return address
    }

    /// The connection's descriptor, for setting options and for inspection; the connection keeps owning it. `nil` when
    /// the connection has closed.
    ///
    /// Once it has been read, closing costs one more system call, since the caller may have duplicated it.
    public var fileDescriptor: FileDescriptor? {
        guard !state.isClosed else { return nil }
        state.insert(.descriptorShared)
        return fd
    }

    // MARK: Pausing

    /// Stops reading: the kernel buffers what arrives, and the peer has to wait. ``ConnectionHandler/received(_:on:)``
    /// is not called until ``resumeReading()``.
    public func pauseReading() {
        guard state.isOpen else { return }
        state.insert(.pausedByUser)
        updateInterest()
    }

    /// Resumes reading. While backpressure pauses reading (``pressurePolicy``), it stays paused and resumes by itself once
    /// queued output is at or below the low watermark.
    public func resumeReading() {
        guard state.contains(.pausedByUser) else { return }
        state.remove(.pausedByUser)
        readingResumed()
    }

    /// Whether reading is paused: by ``pauseReading()``, by backpressure, or by a rate limit.
    public var isReadingPaused: Bool { !state.isDisjoint(with: [.pausedByUser, .pausedByPressure, .pausedByRate]) }

    /// Updates the registered interest.
    func updateInterest() {
        guard isRegistered else { return }
        var interest: Interest = state.wantsToRead ? .readable : []
        if state.intersection([.queued, .outOfBuffers, .heldByRate]) == .queued { interest.insert(.writable) }
        if state.contains(.plain) { interest = passingOutput(interest) }
        loop.setInterest(interest, of: self)
        if interest.isEmpty && !loop.capabilities.reportsHangUp { armDeadline(loop.turnTime + Self.probeNanoseconds) }
    }

    /// Continues reading after one of the causes of a pause is gone.
    func readingResumed() {
        updateInterest()
        guard isRegistered else { return }
        if state.wantsHeldInput {
            loop.redispatch(self, .readable)
        } else if state.wantsToRead && loop.isEdgeTriggered {
            // An edge that came meanwhile is not reported again: act as if it had come now. It may have reported the
            // end of the stream too: read until the operation would block, even after a short read.
            loop.redispatch(self, [.readable, .peerClosed])
        }
    }

    // MARK: The loop's calls

    override func ready(_ readiness: Readiness) {
        // The common case: bytes, and nothing else.
        if readiness == .readable && state.readsFreely { return read(readiness) }
        readyOtherwise(readiness)
    }

    /// Handles all other readiness. Not inlined: it would cost the common case registers.
    @inline(never)
    private func readyOtherwise(_ readiness: Readiness) {
        if state.contains(.plain) { return readyPlain(readiness) }
        if readiness.contains(.writable) && state.contains(.queued) {
            flushQueue()
            settle()
        }
        if state.wantsHeldInput { deliverResumed() }
        if state.wantsToRead {
            guard readiness != .writable else { return }
            if state.isDisjoint(with: [.limitsReading, .takesDescriptors]) {
                read(readiness)
            } else {
                readOffFastPath(readiness)
            }
        } else if !state.isClosed, readiness.contains(.error) {
            failWithPendingError()
        } else if readiness.contains(.hangUp), !state.isClosed, state.contains(.ended) {
            // Both directions have ended: queued output can no longer reach the peer.
            terminate(CloseReason(.failed, error: SocketError(.send, subject: "\(peer)", errno: .brokenPipe)))
        }
    }

    override func registrationFailed(_ errno: Errno) {
        terminate(CloseReason(.failed, error: SocketError(.watch, subject: "\(peer)", errno: errno)))
    }

    override func descriptorLost() {
        _ = descriptor.take()?.release()
        endAdoption()
        terminate(CloseReason(.failed, error: SocketError(.watch, subject: "\(peer)", errno: .badFileDescriptor)))
    }

    override func selectorChanged() { updateInterest() }  // without interest, hang-ups may need a timer now

    override func rateAllows(_ direction: RateMeter.Direction) { continueAfterRate(direction) }

    override func flushOutput() { flushUnflushed() }

    override func deadlineReached() { checkDeadlines() }

    override func finishClosing() { closeDescriptor() }

    override func loopEnded() { terminate(CloseReason(.loopEnded)) }

    override var reportName: String {
        "\(handlerName) of \(peer)"
    }
}

/// An object that counts its connections. A class, not a protocol, because a reference to one is half as large.
class ConnectionOwner {
    /// Handles the close of one of its connections; the descriptor is closed already.
    func connectionClosed(_ connection: Connection) {}
}
