// A handler that records each call in a trace before passing it on. It wraps the user's handler only on a loop that is
// traced, so that a loop without a trace pays nothing for it.

/// A handler wrapper that traces calls.
final class TracedHandler: HandlerAdapter, ConnectionHandler {
    let handler: any ConnectionHandler
    private let trace: TracingKernel

    init(_ handler: any ConnectionHandler, _ trace: TracingKernel) {
        self.handler = handler
        self.trace = trace
    }

    override var adapted: any AnyObject { (handler as? HandlerAdapter)?.adapted ?? handler }

    private func note(_ connection: Connection, _ text: String) {
        trace.callback("\(connection.fd.rawValue) \(text)")
    }

    func connected(_ connection: Connection) throws {
        note(connection, "connected, \(connection.peer)")
        try handler.connected(connection)
    }

    func received(_ bytes: RawSpan, on connection: Connection) throws {
        note(connection, "received \(bytes.byteCount) bytes\(trace.shown(bytes))")
        try handler.received(bytes, on: connection)
    }

    func resumed(_ connection: Connection) throws {
        note(connection, "resumed")
        try handler.resumed(connection)
    }

    func ended(_ connection: Connection) throws {
        note(connection, "ended")
        try handler.ended(connection)
    }

    func drained(_ connection: Connection) throws {
        note(connection, "drained")
        try handler.drained(connection)
    }

    func draining(_ connection: Connection) throws {
        note(connection, "draining")
        try handler.draining(connection)
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        note(connection, "closed: \(reason)")
        handler.closed(connection, reason: reason)
    }
}
