// From the kernel to the handler: receive into the loop's one buffer, lend it, and stop at a short read, a full budget,
// or when nobody wants more.

import SystemPackage

extension Connection {
    /// Receives while there is something, within the budget of a turn.
    func read(_ readiness: Readiness) {
        let kernel = loop.kernel
        var receivesLeft = limits.receivesPerTurn
        var bytesLeft = limits.bytesReceivedPerTurn
        repeat {
            let result = retryingInterrupts {
                loop.receiveBuffer.fill { kernel.receive(name, into: &$0) }
            }
            guard result.rawValue > 0 else {
                finishReading(result)
                return
            }
            let count = result.rawValue
            lastActivity = loop.turnTime
            receivedCount += count
            loop.counters.bytesReceived += count
            if life == .lingering {
                lingerBytesLeft -= count
                if lingerBytesLeft <= 0 { return terminate(CloseReason(.closed)) }
            } else {
                if awaitsMessage && !countsMessagesItself { awaitsMessage = false }
                deliverReceived()
            }
            guard wantsToRead else { return }
            receivesLeft -= 1
            bytesLeft -= count
            // A short read emptied the socket; if the stream has ended or failed, one more receive says so.
            if count < loop.receiveBuffer.capacity
                && readiness.isDisjoint(with: [.peerClosed, .hangUp, .error])
            {
                return
            }
        } while receivesLeft > 0 && bytesLeft > 0
        // Level-triggered, the kernel tells again by itself.
        if loop.capabilities.isEdgeTriggered { loop.lookAgain(at: self, readiness) }
    }

    /// A receive brought no bytes: nothing there, the end, or an error.
    private func finishReading(_ result: SystemResult) {
        if result.wouldBlock { return }
        if result.rawValue == 0 {
            hasEnded = true
            if life == .lingering || writing == .finished {
                terminate(CloseReason(life == .lingering ? .closed : .ended))
            } else {
                updateInterest()
                deliverEnded()
            }
            return
        }
        let error = SocketError(.receive, subject: "\(peer)", errno: result.errno ?? .ioError)
        terminate(life == .lingering ? CloseReason(.closed) : CloseReason(.failed, error: error))
    }

    /// The selector saw an error that no receive will tell, because nothing is read now.
    func failWithPendingError() {
        let pending = loop.kernel.pendingError(of: name)
        let errno = pending.rawValue > 0 ? Errno(rawValue: CInt(pending.rawValue)) : pending.errno ?? .connectionReset
        terminate(CloseReason(.failed, error: SocketError(.receive, subject: "\(peer)", errno: errno)))
    }
}
