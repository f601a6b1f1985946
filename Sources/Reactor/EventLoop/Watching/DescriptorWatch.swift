// Any descriptor with a plain readiness handler: standard input, pipes, terminals, eventfds.

public import SystemPackage

/// A registration of a descriptor that somebody else owns. Made by
/// ``EventLoop/watch(_:for:_:)``; call ``cancel()`` before the descriptor is closed.
public final class DescriptorWatch: EventSource {
    private var handler: ((Readiness) -> Void)?

    init(loop: EventLoop, name: FileDescriptor, handler: @escaping (Readiness) -> Void) {
        self.handler = handler
        super.init(loop: loop, name: name)
    }

    /// The descriptor that is watched.
    public var descriptor: FileDescriptor { name }

    /// What the handler is called for. Hang-up and errors are told unasked, unless this is empty.
    public var interest: Interest {
        get { isRegistered ? loop.registry.interest(of: self) : [] }
        set {
            guard isRegistered else { return }
            let added = newValue.subtracting(interest)
            loop.setInterest(newValue, of: self)
            // An edge that came while nobody wanted it is not told again: look as if it had come now.
            if !added.isEmpty && loop.isEdgeTriggered {
                loop.lookAgain(at: self, Readiness(rawValue: UInt16(added.rawValue)))
            }
        }
    }

    /// Ends the watch, at once: the handler is not called again, and the descriptor may be closed.
    public func cancel() {
        guard isRegistered else { return }
        loop.deregister(self, closesAlone: false)
        // Released last, and after the change: what it holds may cancel this watch as it goes.
        let released = handler
        handler = nil
        withExtendedLifetime(released) {}
    }

    override func ready(_ readiness: Readiness) {
        let interest = interest
        if interest.isEmpty { return }
        // Edge-triggered, all is told; only what was asked for is passed on.
        let wanted = Readiness(rawValue: UInt16(interest.rawValue)).union([.error, .hangUp, .invalid, .peerClosed])
        let told = readiness.intersection(wanted)
        guard !told.isEmpty, let handler else { return }
        loop.trace?.callback("watch of \(name.rawValue): \(TraceText.readiness(told.rawValue))")
        handler(told)
        loop.callbackReturned(from: self)
        // The owner closed the descriptor without a word: nothing more can be told about it.
        if told.contains(.invalid) { cancel() }
    }

    override func registrationFailed(_ errno: Errno) {
        if errno == .notPermitted {
            loop.treatAsAlwaysReady(self)  // a regular file: it never blocks
        } else if isRegistered {
            let told: Readiness = errno == .badFileDescriptor ? .invalid : .error
            loop.trace?.callback("watch of \(name.rawValue): \(TraceText.readiness(told.rawValue))")
            handler?(told)
            cancel()
        }
    }

    override func descriptorLost() {
        let lost = handler
        handler = nil
        loop.trace?.callback("watch of \(name.rawValue): \(TraceText.readiness(Readiness.invalid.rawValue))")
        lost?(.invalid)
        loop.callbackReturned(from: self)
    }

    override func loopEnded() { cancel() }
}

extension EventLoop {
    /// Watches a descriptor and calls `handler` with what is ready, on the loop's thread.
    ///
    /// The descriptor should be non-blocking, and stays its owner's: cancel the watch, then close it. On an
    /// edge-triggered loop the handler must read or write until the operation would block. A regular file is always
    /// ready, as it is for poll(2).
    /// - Throws: ``SocketError`` when the selector cannot take a descriptor of this number, or it is watched already.
    @discardableResult
    public func watch(
        _ descriptor: FileDescriptor, for interest: Interest, _ handler: @escaping (Readiness) -> Void
    ) throws(SocketError) -> DescriptorWatch {
        try checkCapacity(for: descriptor)
        guard registry.source(of: descriptor) == nil else {
            throw SocketError(
                .watch, subject: "descriptor \(descriptor.rawValue)",
                reason: "this loop watches it already; cancel that watch")
        }
        let watch = DescriptorWatch(loop: self, name: descriptor, handler: handler)
        register(watch, wanting: interest)
        return watch
    }
}
