// Ending gently, in three phases: no newcomers; a word to those who are here, and time to finish; and a reset for whoever
// is left when the time is over.
//
//     running --drain(within:)--> draining --last connection ended--> stopped
//                                    +------- deadline: the rest is reset ---^

extension EventLoop {
    /// Connections that are told in one turn.
    private static let toldPerTurn = 512

    /// Stops the loop as soon as its connections have ended.
    ///
    /// Listeners and datagram sockets are closed at once. Every connection's handler is told with ``ConnectionHandler/draining(_:)``, in the
    /// next turn, which closes it unless the handler does otherwise. What is left at the deadline is reset, and its
    /// handler told ``CloseReason/Kind/loopEnded``. How many finished and how many did not is in
    /// ``LoopStatistics/drainsFinished`` and ``LoopStatistics/drainsAborted``. Calling it again does nothing.
    ///
    /// Blocking work that is running is waited for until the deadline, a name that is looked up not at all
    /// (``offload(_:then:)``).
    ///
    /// - Parameter time: how long it may take. Default: 5 s.
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
        execute { [unowned self] in tellDraining(connections[...]) }
        schedule(after: time) { [unowned self] in abortUnfinished() }
        endDrainIfIdle()
    }

    /// Tells handlers, some in each turn.
    private func tellDraining(_ connections: ArraySlice<Connection>) {
        for connection in connections.prefix(Self.toldPerTurn) where connection.state.isOpen {
            connection.deliverDraining()
        }
        let rest = connections.dropFirst(Self.toldPerTurn)
        if !rest.isEmpty { execute { [unowned self] in tellDraining(rest) } }
    }

    /// The time is over.
    private func abortUnfinished() {
        if isStopping { return }
        let unfinished = connectionCount - administration.openCount
        var aborted = 0
        for case let connection as Connection in registry.all() {
            let isServed = !connection.isAdministrative
            if connection.abortAfterDraining() && isServed { aborted += 1 }
        }
        counters.drainsAborted += aborted
        // Those whose farewell was cut short have sent all that they had to send.
        counters.drainsFinished += unfinished - aborted
        stop()
    }
}
