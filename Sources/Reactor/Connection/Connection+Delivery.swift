// Every call of a connection's handler, and what surrounds it: the gathering of what it writes, its errors, its time.
// Invariant 1: handlers are called here and nowhere else.

extension Connection {
    /// Gives the connection its handler.
    func setHandler(_ handler: any ConnectionHandler) {
        let traced = loop.trace.map { TracedHandler(handler, $0) }
        unsafe box = .passRetained(HandlerBox(traced ?? handler))
    }

    /// The handler's type, for reports.
    var handlerName: String {
        guard let box = unsafe box else { return "connection" }
        return unsafe box._withUnsafeGuaranteedRef { $0.name }
    }

    /// Lends the first `count` bytes of the receive buffer to the handler.
    @inline(__always)
    func deliverReceived(_ count: Int) {
        guard let box = unsafe box else { return }
        loop.counters.receives &+= 1
        state.formUnion(.gathering)
        do {
            let bytes = unsafe loop.receiveBuffer.prefix(count).bytes
            try unsafe box._withUnsafeGuaranteedRef { try $0.handler.received(bytes, on: self) }
        } catch {
            handlerThrew(error)
        }
        handlerReturned()
    }

    func deliverConnected() { deliver { try $0.connected(self) } }

    func deliverEnded() { deliver { try $0.ended(self) } }

    /// Lets the handler go on with the input that it holds; when it holds none any more, reading goes on.
    @inline(never)
    func deliverResumed() {
        state.remove(.holdsInput)
        deliver { try $0.resumed(self) }
        if !state.contains(.holdsInput) { readingResumed() }
    }

    func deliverDraining() { deliver { try $0.draining(self) } }

    func deliverDrained() {
        state.remove(.owesDrained)
        deliver { try $0.drained(self) }
    }

    /// Tells what became of files.
    func deliverFileOutcomes() {
        guard let queue else { return }
        state.remove(.owesFileOutcome)
        let outcomes = queue.takeOutcomes()
        if !state.contains(.queued) {
            self.queue = nil
            loop.recycle(queue)
        }
        state.formUnion(.gathering)
        for tell in outcomes { tell() }
        handlerReturned()
    }

    func deliverClosed(_ reason: CloseReason) {
        guard let box = unsafe box else { return }
        unsafe self.box = nil  // the handler may hold the connection: the circle ends here
        let released = unsafe box.takeRetainedValue()
        released.handler.closed(self, reason: reason)
        loop.callbackReturned(named: released.name)
    }

    private func deliver(_ call: (any ConnectionHandler) throws -> Void) {
        guard let box = unsafe box else { return }
        state.formUnion(.gathering)
        do { try unsafe box._withUnsafeGuaranteedRef { try call($0.handler) } } catch { handlerThrew(error) }
        if loop.gathered > 0 { lastActivity = loop.turnTime }  // a receive has noted it already
        handlerReturned()
    }

    /// Sends what the handler wrote.
    @inline(__always)
    private func handlerReturned() {
        loop.callbackReturned(from: self)
        if state.isClosed { loop.gathered = 0 } else { sendGathered() }
        state.subtract(.gathering)
        // In the steady state nothing is queued and nothing has changed.
        if !state.isDisjoint(with: .needsSettling) { settle() }
    }

    /// Whether the handler is running and has written something that was not sent yet.
    var hasGathered: Bool { state.contains(.gathering) && loop.gathered > 0 }

    @inline(never)
    func handlerThrew(_ error: any Error) {
        loop.counters.handlerErrors += 1
        loop.report(.handlerError, "\(reportName): \(error)")
        terminate(CloseReason(.handlerError, error: error), losesOutput: hasGathered)
    }
}
