// Readiness handlers for any descriptor: standard input, pipes, terminals, eventfds.

public import SystemPackage

/// A watch of a descriptor that the caller owns.
///
/// Created by ``EventLoop/watch(_:for:_:)``; call ``cancel()`` before closing the descriptor.
///
/// ## A descriptor closed by its owner
///
/// The handler is called once with ``Readiness/invalid``, also while its interest is empty, and the watch has ended by
/// then. When the loop notices depends on the selector: poll(2) reports it at once, select(2) while the interest is not
/// empty. epoll(7) forgets a closed descriptor silently: the loop notices when the interest grows, or when another
/// descriptor of the same number is registered.
public final class DescriptorWatch: EventSource {
    private var handler: ((Readiness) -> Void)?

    init(loop: EventLoop, fd: FileDescriptor, handler: @escaping (Readiness) -> Void) {
        self.handler = handler
        super.init(loop: loop, fd: fd)
    }

    /// The watched descriptor.
    public var descriptor: FileDescriptor { fd }

    /// The readiness that the handler is called for. Hang-ups and errors are reported as well, unless the interest is
    /// empty.
    public var interest: Interest {
        get { isRegistered ? loop.registry.interest(of: self) : [] }
        set {
            guard isRegistered else { return }
            let added = newValue.subtracting(interest)
            loop.setInterest(newValue, of: self)
            if !added.isEmpty && loop.isEdgeTriggered { lookForMissedEdge(added) }
        }
    }

    /// Polls for an edge that came before the interest included it, because the selector does not report it again. Nor
    /// does it report that the descriptor was closed meanwhile: edge-triggered, a change of interest makes no system
    /// call.
    private func lookForMissedEdge(_ added: Interest) {
        var entry = [PollEntry(descriptor: fd.rawValue, events: Int16(added.rawValue))]
        var span = entry.mutableSpan
        let result = loop.kernel.poll(&span, timeout: .none)
        if result.rawValue == 0 { return }
        // A failed poll gives no information: act as if the edge had come now.
        let found = result.succeeded ? UInt16(bitPattern: span[0].found) : UInt16(added.rawValue)
        loop.redispatch(self, Readiness(rawValue: found))
    }

    /// Ends the watch at once: the handler is not called again, and the descriptor may be closed.
    public func cancel() {
        if isRegistered { loop.deregister(self, closesAlone: false) }
        // Released last, after the change: the deinit of a captured object may cancel this watch.
        let released = handler
        handler = nil
        withExtendedLifetime(released) {}
    }

    override func ready(_ readiness: Readiness) {
        let interest = interest
        if interest.isEmpty { return }
        // Edge-triggered, everything is reported; only the interest is passed on.
        let wanted = Readiness(rawValue: UInt16(interest.rawValue)).union([.error, .hangUp, .peerClosed])
        let reported = readiness.intersection(wanted)
        guard !reported.isEmpty, let handler else { return }
        loop.trace?.callback("watch of \(fd.rawValue): \(TraceText.readiness(reported.rawValue))")
        handler(reported)
        loop.callbackReturned(from: self)
    }

    override func registrationFailed(_ errno: Errno) {
        if errno == .notPermitted {
            loop.treatAsAlwaysReady(self)  // a regular file: it never blocks
        } else if isRegistered {
            loop.trace?.callback("watch of \(fd.rawValue): \(TraceText.readiness(Readiness.error.rawValue))")
            handler?(.error)
            cancel()
        }
    }

    override func descriptorLost() { loop.execute { [self] in deliverLost() } }

    private func deliverLost() {
        guard let lost = handler else { return }  // cancelled since
        handler = nil
        loop.trace?.callback("watch of \(fd.rawValue): \(TraceText.readiness(Readiness.invalid.rawValue))")
        lost(.invalid)
        loop.callbackReturned(from: self)
    }

    override func loopEnded() { cancel() }
}

extension EventLoop {
    /// Watches a descriptor and calls `handler` with its readiness, on the loop's thread.
    ///
    /// The descriptor should be non-blocking and stays the caller's: cancel the watch before closing it. On an
    /// edge-triggered loop the handler must read or write until the operation would block. A regular file is always
    /// ready, as it is for poll(2).
    /// - Parameters:
    ///   - descriptor: the descriptor to watch.
    ///   - interest: the readiness to call `handler` for.
    ///   - handler: called on the loop's thread.
    /// - Returns: The watch, which can be changed or cancelled.
    /// - Throws: ``SocketError`` when the selector cannot take a descriptor of this number, or this loop watches it
    ///   already.
    @discardableResult
    public func watch(
        _ descriptor: FileDescriptor, for interest: Interest, _ handler: @escaping (Readiness) -> Void
    ) throws(SocketError) -> DescriptorWatch {
        try checkCapacity(for: descriptor)
        // Tables are as long as the largest number: a number that is not open must not make them grow.
        if descriptor.rawValue >= 65_536 && isClosed(descriptor) {
            throw SocketError(.watch, subject: "descriptor \(descriptor.rawValue)", errno: .badFileDescriptor)
        }
        guard registry.source(of: descriptor) == nil else {
            throw SocketError(
                .watch, subject: "descriptor \(descriptor.rawValue)",
                reason: "this loop watches it already; cancel that watch")
        }
        let watch = DescriptorWatch(loop: self, fd: descriptor, handler: handler)
        register(watch, wanting: interest)
        return watch
    }

    private func isClosed(_ descriptor: FileDescriptor) -> Bool {
        var entry = [PollEntry(descriptor: descriptor.rawValue, events: 0)]
        var span = entry.mutableSpan
        guard kernel.poll(&span, timeout: .none).rawValue > 0 else { return false }
        return Readiness(rawValue: UInt16(bitPattern: span[0].found)).contains(.invalid)
    }
}
