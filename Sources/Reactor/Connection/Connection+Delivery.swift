// Every call of a connection's handler, and what surrounds it: gathering its writes, handling its errors, timing it.
// Invariant 1: connection handlers are called here and nowhere else.
//
// Each access to `box` below is safe for one reason: it is retained in `setHandler` and released only by
// `deliverClosed`, which sets it to nil and never runs inside another delivery of the same connection.

extension Connection {
    /// Sets the connection's handler.
    func setHandler(_ handler: any ConnectionHandler) {
        let traced = loop.trace.map { TracedHandler(handler, $0) }
        // Safe: called once per connection, and once more by `becomeRelayed`, which takes the former reference over;
        // `deliverClosed` balances the retain.
        unsafe box = .passRetained(HandlerBox(traced ?? handler))
    }

    /// Whether the connection has a handler: from its beginning to the call of `closed`.
    var hasHandler: Bool { unsafe box != nil }

    /// The name of the handler's type, for reports.
    var handlerName: String {
        // Safe: `box` is retained while it is not nil.
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
            // Safe: the buffer lives as long as the loop, the span does not outlive the call, and `box` stays retained
            // during it.
            let bytes = unsafe loop.receiveBuffer.prefix(count).bytes
            try unsafe box._withUnsafeGuaranteedRef { try $0.handler.received(bytes, on: self) }
        } catch {
            handlerThrew(error)
        }
        handlerReturned()
    }

    /// Hands a received descriptor to the closure that asked for it.
    func deliver(_ descriptor: consuming OwnedDescriptor, to taker: DescriptorTaker) {
        taker.take(descriptor)
        loop.callbackReturned(from: self)
    }

    func deliverConnected() { deliver { try $0.connected(self) } }

    func deliverEnded() { deliver { try $0.ended(self) } }

    /// Lets the handler continue with the input that it holds; once it holds none, reading continues.
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

    /// Calls the `completed` closures of files that were sent or given up.
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
        // Safe: `box` is retained while it is not nil.
        guard let box = unsafe box else { return }
        // Safe: takes over the reference that `setHandler` retained; nil from here on, so no other call can use it.
        unsafe self.box = nil  // breaks the cycle: the handler may hold the connection
        let released = unsafe box.takeRetainedValue()
        released.handler.closed(self, reason: reason)
        loop.callbackReturned(named: released.name)
    }

    private func deliver(_ call: (any ConnectionHandler) throws -> Void) {
        // Safe: `box` is retained while it is not nil, and `deliverClosed` never runs inside the call.
        guard let box = unsafe box else { return }
        state.formUnion(.gathering)
        do { try unsafe box._withUnsafeGuaranteedRef { try call($0.handler) } } catch { handlerThrew(error) }
        if loop.gathered > 0 { lastActivity = loop.turnTime }  // for received bytes, `take` has done so
        handlerReturned()
    }

    /// Sends the handler's writes once it has returned.
    @inline(__always)
    private func handlerReturned() {
        loop.callbackReturned(from: self)
        if state.isClosed { loop.gathered = 0 } else { sendGathered() }
        state.subtract(.gathering)
        // In the steady state nothing is queued and nothing has changed.
        if !state.isDisjoint(with: .needsSettling) { settle() }
    }

    /// Whether the handler is running and has unsent writes.
    var hasGathered: Bool { state.contains(.gathering) && loop.gathered > 0 }

    @inline(never)
    func handlerThrew(_ error: any Error) {
        loop.counters.handlerErrors += 1
        loop.report(.handlerError, "\(reportName): \(error)")
        terminate(CloseReason(.handlerError, error: error), losesOutput: hasGathered)
    }
}
