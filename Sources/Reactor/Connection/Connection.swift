// One TCP connection: what it is made of, and what its user can ask of it. How it reads, writes, ends and keeps its
// deadlines stands in the files beside this one; every call of its handler is in Connection+Delivery.swift.
//
// Two directions, each open until it has ended; `close()` and `abort()` end both.
//
//     reading:   open --end of stream--> ended
//                (paused: by the user, by pressure; the kernel then keeps the bytes, and the peer waits)
//
//     writing:   open --finish()--> finishing --queue empty, shutdown(2)--> finished
//
//     life:      open --close()--> closing --queue empty--> lingering --peer ended, or enough--> closed
//                  |                  |                                                            ^
//                  +------------------+---- abort(), error, deadline, limit, both ended -----------+
//
// `closing` reads nothing more; `lingering` has shut down writing and throws input away, because closing a socket with
// unread input resets it, and a reset may destroy the last reply before the peer has read it (RFC 1122, 4.2.2.13).

public import SystemPackage

/// A TCP connection on an event loop.
///
/// Used on its loop's thread only. Calls after the end do nothing.
public final class Connection: EventSource {
    enum Life: UInt8 { case open, closing, lingering, closed }
    enum Writing: UInt8 { case open, finishing, finished }

    /// The peer's address.
    public let peer: SocketAddress
    let limits: ConnectionLimits
    var handler: (any ConnectionHandler)?
    /// Told when the connection is over, so that limits are kept.
    let acceptor: ConnectionAcceptor?
    var descriptor: OwnedDescriptor?

    // MARK: State

    var life = Life.open
    var writing = Writing.open
    var hasEnded = false
    var isPausedByUser = false
    var isPausedByPressure = false
    /// The handler is running, and what it writes is gathered.
    var isGathering = false
    /// In the loop's list of connections to be flushed.
    var isUnflushed = false
    /// Nobody but the framework has ever seen the descriptor.
    var isDescriptorPrivate = true
    /// ``drained`` has to be told.
    var owesDrained = false
    var awaitsMessage = true
    /// The handler says itself when a message is complete.
    var countsMessagesItself = false
    var closeReason: CloseReason?

    /// What waits to be sent; `nil` when nothing does.
    var queue: ByteQueue?
    var receivedCount = 0
    var sentCount = 0
    /// Throws away input until it is used up, while lingering.
    var lingerBytesLeft = 0

    // MARK: Time

    /// When a byte last went in either direction.
    var lastActivity: MonotonicTime
    /// When queued output last made progress.
    var lastProgress: MonotonicTime
    /// When the message that is awaited, or the lingering, has to be over.
    var deadline: MonotonicTime
    var timer = Timer.none
    /// When the timer fires.
    var timerTime = MonotonicTime.never

    /// Bytes received since the connection began.
    public var bytesReceived: Int { receivedCount }
    /// Bytes that the kernel took since the connection began.
    public var bytesSent: Int { sentCount }

    init(
        loop: EventLoop, _ descriptor: consuming OwnedDescriptor, peer: SocketAddress, limits: ConnectionLimits,
        acceptor: ConnectionAcceptor?
    ) {
        let name = descriptor.name
        self.descriptor = consume descriptor
        self.peer = peer
        self.limits = limits
        self.acceptor = acceptor
        lastActivity = loop.turnTime
        lastProgress = loop.turnTime
        deadline = loop.turnTime + limits.firstMessage
        super.init(loop: loop, name: name)
    }

    // MARK: Asking

    /// Whether the connection is open in both directions and ``close()`` was not called.
    public var isOpen: Bool { life == .open && !hasEnded && writing == .open }

    /// Whether the connection is over: its descriptor is closed, or about to be.
    public var isClosed: Bool { life == .closed }

    /// Bytes that were written and not yet taken by the kernel.
    public var queuedBytes: Int { (queue?.count ?? 0) + (isGathering ? loop.gatherBuffer.count : 0) }

    /// This side's address. Asks the kernel. `nil` when the connection is over.
    public var local: SocketAddress? {
        var address = SocketAddress.unspecified
        guard life != .closed, loop.kernel.localAddress(of: name, &address).succeeded else { return nil }
        return address
    }

    /// The connection's descriptor, for options and for looking at it; the connection goes on owning it. `nil` when the
    /// connection is over.
    ///
    /// From then on, closing costs one system call more, since a duplicate may have been made of it.
    public var fileDescriptor: FileDescriptor? {
        guard life != .closed else { return nil }
        isDescriptorPrivate = false
        return name
    }

    // MARK: Pausing

    /// Stops reading: the kernel keeps what arrives, and the peer has to wait. ``ConnectionHandler/received(_:on:)`` is
    /// not called until ``resumeReading()``.
    public func pauseReading() {
        isPausedByUser = true
        updateInterest()
    }

    /// Reads again, unless output is above its watermark, when reading resumes by itself.
    public func resumeReading() {
        isPausedByUser = false
        readingResumed()
    }

    /// Whether nothing is read now: by ``pauseReading()``, or because the peer does not read what it is sent.
    public var isReadingPaused: Bool { isPausedByUser || isPausedByPressure }

    // MARK: The loop's calls

    var wantsToRead: Bool {
        (life == .open && !hasEnded && !isPausedByUser && !isPausedByPressure) || life == .lingering
    }

    /// Tells the registry what the connection waits for.
    func updateInterest() {
        guard isRegistered else { return }
        var interest: Interest = wantsToRead ? .readable : []
        if queue != nil { interest.insert(.writable) }
        loop.setInterest(interest, of: self)
        if interest.isEmpty && !loop.capabilities.reportsHangUp { armDeadline(loop.turnTime + Self.probeInterval) }
    }

    /// Something that kept the connection from reading has gone.
    func readingResumed() {
        updateInterest()
        // An edge that came meanwhile is not told again: look as if it had come now.
        if isRegistered && wantsToRead && loop.capabilities.isEdgeTriggered { loop.lookAgain(at: self, .readable) }
    }

    override func ready(_ readiness: Readiness) {
        if readiness.contains(.writable) && queue != nil {
            flushQueue()
            settle()
        }
        if wantsToRead {
            if readiness.rawValue & ~Readiness.writable.rawValue != 0 { read(readiness) }
        } else if life != .closed, !readiness.isDisjoint(with: [.error, .invalid]) {
            failWithPendingError()
        } else if readiness.contains(.hangUp), hasEnded || life == .closing, life != .closed {
            // Both directions are over: what is queued can reach nobody.
            terminate(CloseReason(.failed, error: SocketError(.send, subject: "\(peer)", errno: .brokenPipe)))
        }
    }

    override func registrationFailed(_ errno: Errno) {
        terminate(CloseReason(.failed, error: SocketError(.watch, subject: "\(peer)", errno: errno)))
    }

    override func flushOutput() { flushUnflushed() }

    override func deadlineReached() { checkDeadlines() }

    override func finishClosing() { closeDescriptor() }

    override func loopEnded() { terminate(CloseReason(.loopEnded)) }

    override var reportName: String {
        "\(handler.map { String(describing: type(of: $0)) } ?? "connection") of \(peer)"
    }
}
