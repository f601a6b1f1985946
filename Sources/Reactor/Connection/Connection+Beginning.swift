// How a connection begins, accepted or outgoing: it gets its handler, its deadlines and its rates, and `connected` is
// called.
//
//     registered --begin--> handler made --> connected --lookForEarlyBytes--> readable input is dispatched
//                     \-- the factory throws --> terminated, without a handler to notify

/// Creates the handler of a new connection. If it throws, the connection is closed.
public typealias HandlerFactory = (Connection) throws -> any ConnectionHandler

extension Connection {
    /// Gives a registered connection its handler and calls `connected`.
    func begin(_ makeHandler: HandlerFactory) {
        let wasDraining = loop.isDraining
        loop.counters.connectionsOpened += 1
        startDeadlines()
        startRates()
        do {
            setHandler(try makeHandler(self))
        } catch {
            loop.counters.handlerErrors += 1
            loop.report(.handlerError, "no handler for \(peer): \(error)")
            terminate(CloseReason(.handlerError, error: error))
        }
        deliverConnected()
        if wasDraining && state.isOpen { deliverDraining() }
    }

    /// Redispatches the connection if it is edge-triggered: the edge of input that arrived earlier was reported to the
    /// descriptor's previous source and is not reported again.
    func lookForEarlyBytes() {
        if state.wantsToRead && loop.isEdgeTriggered { loop.redispatch(self, [.readable, .peerClosed]) }
    }
}
