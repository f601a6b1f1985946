// Every call of a connection's handler, and what surrounds it: the gathering of what it writes, its errors, its time.
// Invariant 1: handlers are called here and nowhere else.

extension Connection {
    /// Lends the receive buffer to the handler.
    @inline(__always)
    func deliverReceived() {
        guard let handler else { return }
        loop.counters.receives += 1
        isGathering = true
        do {
            try loop.receiveBuffer.withBytes { try handler.received($0, on: self) }
        } catch {
            handlerThrew(error)
        }
        handlerReturned()
    }

    func deliverConnected() { deliver { try $0.connected(self) } }

    func deliverEnded() { deliver { try $0.ended(self) } }

    func deliverDrained() {
        owesDrained = false
        deliver { try $0.drained(self) }
    }

    func deliverClosed(_ reason: CloseReason) {
        guard let handler else { return }
        self.handler = nil  // the handler may hold the connection: the circle ends here
        handler.closed(self, reason: reason)
        loop.callbackReturned(named: String(describing: type(of: handler)))
    }

    private func deliver(_ call: (any ConnectionHandler) throws -> Void) {
        guard let handler else { return }
        isGathering = true
        do { try call(handler) } catch { handlerThrew(error) }
        handlerReturned()
    }

    /// Sends what the handler wrote.
    @inline(__always)
    private func handlerReturned() {
        loop.callbackReturned(from: self)
        if life != .closed { sendGathered() } else { loop.gatherBuffer.removeAll() }
        isGathering = false
        // In the steady state nothing is queued and nothing has changed.
        if queue != nil || life != .open || writing == .finishing || isPausedByPressure { settle() }
    }

    private func handlerThrew(_ error: any Error) {
        loop.counters.handlerErrors += 1
        loop.report(.handlerError, "\(reportName): \(error)")
        loop.gatherBuffer.removeAll()
        terminate(CloseReason(.handlerError, error: error))
    }
}
