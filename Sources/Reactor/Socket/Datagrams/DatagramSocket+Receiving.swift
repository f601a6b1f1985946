// From the kernel to the handler: a batch with each call, until a batch is short or the budget of the turn is used up.

import SystemPackage

extension DatagramSocket {
    /// Receives and delivers what there is, within the budget of a turn.
    func receive() {
        var left = datagramsPerTurn
        repeat {
            let result = retryingInterrupts { loop.kernel.receiveDatagrams(name, into: inbox) }
            counters.receiveCalls &+= 1
            if result.succeeded {
                left -= max(1, result.rawValue)
                deliverBatch()
                // A short batch emptied the socket. An error that cut it short is told when the next one is asked for.
                if !isRegistered || result.rawValue < inbox.capacity { return }
            } else {
                left -= 1
                guard judge(result) else { return }
            }
        } while left > 0
        // Level-triggered, the kernel tells again by itself.
        if loop.isEdgeTriggered { loop.lookAgain(at: self, .readable) }
    }

    /// A receive failed; answers whether another may succeed.
    @inline(never)
    private func judge(_ result: SystemResult) -> Bool {
        guard let errno = result.errno, errno.faultClass != .wouldBlock else { return false }
        switch errno.faultClass {
        case .resources:
            pauseWatching()
            return false
        case .bug where errno != .messageTooLong:
            end(SocketError(.receive, subject: "\(address)", errno: errno))
            return false
        default:
            // What the network said about an earlier datagram. It ends nothing: the peer may be there again.
            note(.receive, errno, peer)
            settle()
            return isRegistered
        }
    }
}
