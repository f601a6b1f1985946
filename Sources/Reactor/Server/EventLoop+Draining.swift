// Ending gently: no newcomers, a last word to those who are here, and a deadline for all of it.

extension EventLoop {
    /// Stops the loop as soon as its connections have ended: listeners and datagram sockets are closed at once, connections after what they
    /// have queued was sent. What is left at the deadline is closed with ``CloseReason/Kind/loopEnded``.
    ///
    /// - Parameter time: how long it may take. Default: 5 s.
    public func drain(within time: Duration = .seconds(5)) {
        if isDraining { return }
        isDraining = true
        for source in registry.all() {
            switch source {
            case let listener as Listener: listener.close()
            case let connector as Connector: connector.cancel()
            case let socket as DatagramSocket: socket.close()
            case let connection as Connection: connection.close()
            default: break
            }
        }
        schedule(after: time) { [unowned self] in stop() }
        connectionFinished()
    }
}
