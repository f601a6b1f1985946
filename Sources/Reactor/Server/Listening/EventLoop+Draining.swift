// Graceful shutdown in three phases: accept nothing new; notify open connections and let them finish; reset the rest at
// the deadline.
//
//     running --drain(within:)--> draining --last connection ended--> stopped
//                                    +------- deadline: the rest is reset ---^

extension EventLoop {
    /// Connections notified per turn.
    private static let notifiedPerTurn = 512

    /// Drains the loop: stops it as soon as its connections have finished.
    ///
    /// Listeners and datagram sockets are closed at once. In the next turn, ``ConnectionHandler/draining(_:)`` is
    /// called for every connection; by default it closes the connection. At the deadline the rest is reset with the
    /// reason ``CloseReason/Kind/loopEnded``. ``LoopStatistics/drainsFinished`` and ``LoopStatistics/drainsAborted``
    /// count both outcomes. Calling this again has no effect.
    ///
    /// Blocking work that is running is awaited until the deadline; a name lookup is not awaited
    /// (``offload(_:then:)``).
    ///
    /// - Parameter time: the time until the deadline. Default: 5 s.
    public func drain(within time: Duration = .seconds(5)) {
        if isDraining { return }
        isDraining = true
        offloaded.deadline = (isInTurn ? turnTime : kernel.now()).advanced(by: time)
        abandonSuccessor()
        var connections: [Connection] = []
        for source in registry.all() {
            switch source {
            case let listener as Listener: listener.close()
            case let connector as Connector: connector.cancel()
            case let socket as DatagramSocket: socket.close()
            case let connection as Connection: connections.append(connection)
            default: break
            }
        }
        execute { [unowned self] in notifyDraining(connections[...]) }
        schedule(after: time) { [unowned self] in abortUnfinished() }
        endDrainIfIdle()
    }

    /// Notifies handlers, a limited number per turn.
    private func notifyDraining(_ connections: ArraySlice<Connection>) {
        for connection in connections.prefix(Self.notifiedPerTurn) where connection.state.isOpen {
            connection.deliverDraining()
        }
        let rest = connections.dropFirst(Self.notifiedPerTurn)
        if !rest.isEmpty { execute { [unowned self] in notifyDraining(rest) } }
    }

    /// Resets the remaining connections at the deadline.
    private func abortUnfinished() {
        if isStopping { return }
        let unfinished = connectionCount - administration.openCount
        var aborted = 0
        for case let connection as Connection in registry.all() {
            let isServed = !connection.isAdministrative
            if connection.abortAfterDraining() && isServed { aborted += 1 }
        }
        counters.drainsAborted += aborted
        // Connections whose lingering was cut short have sent all their output.
        counters.drainsFinished += unfinished - aborted
        stop()
    }
}
