// From the kernel to the handler: receive into the loop's one buffer, lend it, and stop at a short read, a full budget,
// or when nobody wants more.

import SystemPackage

extension Connection {
    /// Receives while there is something, within the budget of a turn.
    @inline(__always)
    func read(_ readiness: Readiness) {
        let capacity = loop.receiveBuffer.capacity
        // A short read emptied the socket; if the stream has ended or failed, one more receive says so.
        let shortReadSaysEmpty = readiness.isDisjoint(with: [.peerClosed, .hangUp, .error])
        var receivesLeft = limits.receivesPerTurn
        var bytesLeft = limits.bytesReceivedPerTurn
        repeat {
            let result = retryingInterrupts { loop.receiveBuffer.fill { loop.kernel.receive(name, into: &$0) } }
            let count = result.rawValue
            guard count > 0 else { return finishReading(result) }
            lastActivity = loop.turnTime
            receivedCount &+= count
            loop.counters.bytesReceived &+= count
            if state.contains(.lingering) {
                discardWhileLingering(count)
            } else {
                state.remove(.awaitsFirstBytes)
                deliverReceived(count)
            }
            if !state.wantsToRead || (count < capacity && shortReadSaysEmpty) { return }
            receivesLeft &-= 1
            bytesLeft &-= count
        } while receivesLeft > 0 && bytesLeft > 0
        // Level-triggered, the kernel tells again by itself.
        if loop.isEdgeTriggered { loop.lookAgain(at: self, readiness) }
    }

    private func discardWhileLingering(_ count: Int) {
        lingerBytesLeft -= count
        if lingerBytesLeft <= 0 { terminate(CloseReason(.closed)) }
    }

    /// A receive brought no bytes: nothing there, the end, or an error.
    @inline(never)
    private func finishReading(_ result: SystemResult) {
        if result.wouldBlock { return }
        let isLingering = state.contains(.lingering)
        if let errno = result.errno {
            let error = SocketError(.receive, subject: "\(peer)", errno: errno)
            return terminate(isLingering ? CloseReason(.closed) : CloseReason(.failed, error: error))
        }
        state.insert(.ended)
        if isLingering || state.contains(.finished) {
            terminate(CloseReason(isLingering ? .closed : .ended))
        } else {
            updateInterest()
            deliverEnded()
        }
    }

    /// The selector saw an error that no receive will tell, because nothing is read now.
    func failWithPendingError() {
        let pending = loop.kernel.pendingError(of: name)
        let errno = pending.rawValue > 0 ? Errno(rawValue: CInt(pending.rawValue)) : pending.errno ?? .connectionReset
        terminate(CloseReason(.failed, error: SocketError(.receive, subject: "\(peer)", errno: errno)))
    }
}
