// How a connection ends. Invariant 4: deregister, close, then `closed`, exactly once and last. The descriptor is closed
// and the handler told at the end of the turn, from the loop's list of closings, so that whatever runs now may go on to
// use the connection; its events stop at once, because its registration is gone.

import SystemPackage

extension Connection {
    /// Sends what is queued, then closes. Nothing more is received.
    ///
    /// If the peer may still be sending, the connection lingers within ``Limits/lingerTime``, so that the last bytes
    /// reach it. ``ConnectionHandler/closed(_:reason:)`` comes at the end of all this.
    public func close() {
        guard life == .open else { return }
        life = .closing
        closeReason = CloseReason(hasEnded ? .ended : .closed)
        askForFlush()  // while the handler runs, its return flushes
    }

    /// Resets the connection now: what is queued is lost, and the peer sees an error (RFC 9293, 3.5.2).
    public func abort() {
        guard life != .closed else { return }
        _ = loop.kernel.setResetOnClose(name)
        terminate(CloseReason(.aborted))
    }

    /// Sends what is queued, then ends this side's stream; the peer may go on sending (half-close).
    public func finish() {
        guard life == .open && writing == .open else { return }
        writing = .finishing
        askForFlush()
    }

    /// The queue is empty after ``finish()``.
    func shutdownWriting() {
        writing = .finished
        _ = loop.kernel.shutdownWriting(name)
        if hasEnded { terminate(CloseReason(.ended)) }
    }

    /// The queue is empty after ``close()``.
    func lingerOrClose() {
        // Nothing can be lost where the peer has ended, or where it was sent nothing.
        if hasEnded || sentCount == 0 { return terminate(closeReason ?? CloseReason(.closed)) }
        life = .lingering
        lingerBytesLeft = limits.lingerBytes
        if writing != .finished {
            writing = .finished
            _ = loop.kernel.shutdownWriting(name)
        }
        deadline = loop.turnTime + limits.linger
        armDeadline(deadline)
        readingResumed()
    }

    /// Ends the connection now. The rest follows at the end of the turn.
    func terminate(_ reason: CloseReason) {
        guard life != .closed else { return }
        life = .closed
        writing = .finished
        closeReason = reason
        queue = nil
        loop.timers.cancel(timer)
        if isRegistered { loop.deregister(self, closesAlone: isDescriptorPrivate) }
        loop.closing.append(self)
    }

    /// The end of the turn in which the connection ended.
    func closeDescriptor() {
        descriptor.take()?.close(loop.kernel)
        loop.counters.connectionsClosed += 1
        acceptor?.connectionClosed(self)
        deliverClosed(closeReason ?? CloseReason(.closed))
    }
}
