// Every call of a datagram socket's handler, and what surrounds it: the gathering of what it sends, its errors, its time.
// Invariant 1: handlers are called here and nowhere else.

extension DatagramSocket {
    /// Lends the datagrams of the inbox to the handler, one after the other, and sends what it answered.
    func deliverBatch() {
        let count = inbox.count
        guard count > 0, let handler else { return }
        loop.trace?.callback("\(name.rawValue) received \(count) datagrams")
        var bytes = 0
        state.insert(.delivering)
        for index in 0..<count {
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

    /// Sends what waits, and tells the handler what came of it. Called whenever one of these may have changed.
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
        handler = nil  // the handler may hold the socket: the circle ends here
        last?.closed(self, error: error)
        loop.callbackReturned(from: self)
    }

    /// What these calls send leaves at the beginning of the next turn.
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
