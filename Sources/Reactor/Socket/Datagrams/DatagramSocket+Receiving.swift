// From the kernel to the handler: receives batches until one is short or the turn's budget is used up.

import SystemPackage

extension DatagramSocket {
    /// Receives and delivers datagrams within the turn's budget.
    func receive() {
        var left = datagramsPerTurn
        repeat {
            let result = retryingInterrupts { loop.kernel.receiveDatagrams(fd, into: inbox) }
            counters.receiveCalls &+= 1
            if result.succeeded {
                left -= max(1, result.rawValue)
                deliverBatch()
                // A short batch emptied the socket. If an error cut it short, the next receive reports it.
                if !isRegistered || result.rawValue < inbox.capacity { return }
            } else {
                left -= 1
                guard judge(result) else { return }
            }
        } while left > 0
        // Level-triggered selectors report remaining input by themselves.
        if loop.isEdgeTriggered { loop.redispatch(self, .readable) }
    }

    /// Handles a failed receive; returns whether another receive may succeed.
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
            // A network error about an earlier datagram (ICMP). The socket stays open: the peer may come back.
            note(.receive, errno, peer)
            settle()
            return isRegistered
        }
    }
}
