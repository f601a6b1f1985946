// From the kernel to the handler: receive into the loop's one buffer, lend it, and stop at a short read, a full budget,
// or when nobody wants more.

import SystemPackage

extension Connection {
    /// Receives once, and goes on if there may be more.
    @inline(__always)
    func read(_ readiness: Readiness) {
        let count = receiveOnce()
        if count < loop.receiveBuffer.capacity && readiness.isDisjoint(with: Self.saysMore) { return }
        if count > 0 { readOn(readiness, after: count) }
    }

    /// A short read emptied the socket, but if one of these was told: if the stream has ended or failed, one more receive
    /// says so, and one that stopped at urgent data is followed by more (tcp(7), "Sockets API").
    static var saysMore: Readiness { [.peerClosed, .hangUp, .error, .priority] }

    /// Receives on while there is something, within the budget of a turn.
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
        // Level-triggered, the kernel tells again by itself.
        if loop.isEdgeTriggered && state.wantsToRead { loop.lookAgain(at: self, readiness) }
    }

    /// Receives and delivers; answers the number of bytes, or 0 when there were none.
    @inline(__always)
    private func receiveOnce() -> Int { take(loop.receive(from: name)) }

    /// Delivers what a receive brought; answers the number of bytes.
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

    /// The first bytes are delivered; what comes after `close()` is thrown away, within limits once the queue is sent.
    @inline(never)
    private func takeUnusual(_ count: Int) -> Bool {
        state.remove(.awaitsFirstBytes)
        if state.isDisjoint(with: .discardsInput) { return true }
        if state.contains(.closing) { return false }
        lingerBytesLeft -= Int32(clamping: count)
        if lingerBytesLeft <= 0 { endLingerInput() }
        return false
    }

    /// A receive brought no bytes: nothing there, the end, or an error.
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
        let isOver = state.contains(.finished)
        updateInterest()
        if state.isOpen { deliverEnded() }
        if isOver { terminate(CloseReason(.ended)) }
        return 0
    }

    /// The receive was interrupted before it did anything.
    @inline(never)
    private func receiveOnceAgain() -> Int { receiveOnce() }

    /// The selector saw an error that no receive will tell, because nothing is read now.
    func failWithPendingError() {
        let pending = loop.kernel.pendingError(of: name)
        let errno = pending.rawValue > 0 ? Errno(rawValue: CInt(pending.rawValue)) : pending.errno ?? .connectionReset
        terminate(CloseReason(.failed, error: SocketError(.receive, subject: "\(peer)", errno: errno)))
    }
}
