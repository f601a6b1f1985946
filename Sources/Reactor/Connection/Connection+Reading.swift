// From the kernel to the handler: receive into the loop's buffer, lend it, and stop at a short read, at the end of the
// budget, or when reading is paused.

import SystemPackage

extension Connection {
    /// Receives once, and continues if there may be more.
    @inline(__always)
    func read(_ readiness: Readiness) {
        let count = receiveOnce()
        if count < loop.receiveBuffer.capacity && readiness.isDisjoint(with: Self.saysMore) { return }
        if count > 0 { readOn(readiness, after: count) }
    }

    /// The readiness that calls for another receive after a short read. A short read has emptied the socket unless one
    /// of these was reported: after the end of the stream or an error, one more receive returns it; and a receive that
    /// stopped at urgent data is followed by more (tcp(7), "Sockets API").
    static var saysMore: Readiness { [.peerClosed, .hangUp, .error, .priority] }

    /// Keeps receiving while there is input, within the budget of a turn.
    @inline(never)
    private func readOn(_ readiness: Readiness, after first: Int) {
        let shortReadSaysEmpty = readiness.isDisjoint(with: Self.saysMore)
        var receivesLeft = limits.receivesPerTurn - 1
        var bytesLeft = limits.bytesReceivedPerTurn - first
        while receivesLeft > 0 && bytesLeft > 0 {
            guard state.readsFreely else { return }
            let count = receiveOnce()
            if count == 0 || (count < loop.receiveBuffer.capacity && shortReadSaysEmpty) { return }
            receivesLeft -= 1
            bytesLeft -= count
        }
        // Level-triggered, the kernel reports the rest again by itself.
        if loop.isEdgeTriggered && state.wantsToRead { loop.redispatch(self, readiness) }
    }

    /// Receives and delivers once; returns the number of bytes, or 0 when there were none.
    @inline(__always)
    private func receiveOnce() -> Int { take(loop.receive(from: fd)) }

    /// Delivers the bytes of a receive; returns their number, or 0 when there were none.
    @inline(__always)
    func take(_ result: SystemResult) -> Int {
        let count = result.rawValue
        guard count > 0 else { return finishReading(result) }
        lastActivity = loop.turnTime
        receivedCount &+= count
        loop.counters.bytesReceived &+= count
        if state.isDisjoint(with: [.discardsInput, .awaitsFirstBytes]) || takeUnusual(count) { deliverReceived(count) }
        return count
    }

    /// Returns whether to deliver bytes: the first ones are; input after `close()` is discarded, within
    /// ``Limits/lingerBytes`` once the queue is sent.
    @inline(never)
    private func takeUnusual(_ count: Int) -> Bool {
        state.remove(.awaitsFirstBytes)
        if state.isDisjoint(with: .discardsInput) { return true }
        if state.contains(.closing) { return false }
        lingerBytesLeft -= Int32(clamping: count)
        if lingerBytesLeft <= 0 { endLingerInput() }
        return false
    }

    /// Handles a receive without bytes: would block, the end of the stream, or an error.
    @inline(never)
    private func finishReading(_ result: SystemResult) -> Int {
        if result.wasInterrupted { return receiveOnceAgain() }
        if result.wouldBlock { return 0 }
        if state.contains(.lingering) {
            lingered()
            return 0
        }
        if let errno = result.errno {
            terminate(CloseReason(.failed, error: SocketError(.receive, subject: "\(peer)", errno: errno)))
            return 0
        }
        state.insert(.ended)
        let isOver = state.contains(.writeClosed)
        updateInterest()
        if state.isOpen { deliverEnded() }
        if isOver { terminate(CloseReason(.ended)) }
        return 0
    }

    /// Repeats a receive that was interrupted before it did anything.
    @inline(never)
    private func receiveOnceAgain() -> Int { receiveOnce() }

    /// Ends the connection with an error that the selector reported and no receive will return, because reading is
    /// paused.
    func failWithPendingError() {
        let pending = loop.kernel.pendingError(of: fd)
        let errno = pending.rawValue > 0 ? Errno(rawValue: CInt(pending.rawValue)) : pending.errno ?? .connectionReset
        terminate(CloseReason(.failed, error: SocketError(.receive, subject: "\(peer)", errno: errno)))
    }
}
