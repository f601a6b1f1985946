// Every callback of a datagram socket's handler, with the gathering of what it sends, its errors and its timing.
// Invariant 1: handlers are called here and nowhere else.

extension DatagramSocket {
    /// Passes each datagram in the inbox to the handler and sends the replies.
    func deliverBatch() {
        let count = inbox.count
        guard count > 0, let handler else { return }
        loop.trace?.callback("\(fd.rawValue) received \(count) datagrams")
        var bytes = 0
        state.insert(.delivering)
        for index in 0..<count {
            // Safe: the inbox is refilled only by `receive`, after this loop; the span is passed on and not stored.
            let datagram = unsafe inbox.bytes(of: index)
            delivered = index
            bytes &+= datagram.count
            do {
                if inbox.isTruncated(index) {
                    counters.truncated += 1
                    unsafe try handler.receivedTruncated(datagram.bytes, from: inbox.address(of: index), on: self)
                } else {
                    unsafe try handler.received(datagram.bytes, from: inbox.address(of: index), on: self)
                }
            } catch {
                handlerThrew(error)
            }
            loop.callbackReturned(from: self)
            if !isRegistered { break }
        }
        delivered = -1
        state.remove(.delivering)
        counters.received &+= count
        counters.bytesReceived &+= bytes
        loop.counters.receives &+= count
        loop.counters.bytesReceived &+= bytes
        settle()
    }

    /// Sends queued datagrams and reports the outcome to the handler. Called whenever either may have changed.
    func settle() {
        flush()
        if !failures.isEmpty { deliverFailures() }
        if state.contains(.owesDrained) && outbox.isEmpty && isRegistered {
            state.remove(.owesDrained)
            deliver { try $0.drained(self) }
        }
    }

    @inline(never)
    private func deliverFailures() {
        let failures = failures
        self.failures = []
        for failure in failures where isRegistered {
            let subject = failure.peer.map { "\($0)" } ?? "a peer of \(address)"
            let error = SocketError(failure.operation, subject: subject, errno: failure.errno)
            deliver { try $0.failed(error, peer: failure.peer, on: self) }
        }
    }

    func deliverClosed(_ error: SocketError?) {
        let last = handler
        handler = nil  // the handler may reference the socket: this breaks the cycle
        last?.closed(self, error: error)
        loop.callbackReturned(from: self)
    }

    /// Calls the handler outside a batch; what it sends leaves at the beginning of the next turn.
    private func deliver(_ call: (any DatagramHandler) throws -> Void) {
        guard let handler else { return }
        do { try call(handler) } catch { handlerThrew(error) }
        loop.callbackReturned(from: self)
    }

    @inline(never)
    private func handlerThrew(_ error: any Error) {
        loop.counters.handlerErrors += 1
        loop.report(.handlerError, "\(reportName): \(error)")
    }
}
