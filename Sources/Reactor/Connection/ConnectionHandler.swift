// What a user of the framework implements: what happens to one connection.

/// Handles the events of one connection, on its loop's thread.
///
///     final class Echo: ConnectionHandler {
///         func received(_ bytes: RawSpan, on connection: Connection) {
///             connection.write(bytes)
///         }
///     }
///
/// ``received(_:on:)`` is the only one that must be there. The calls come in this order, one at a time, and none while
/// another of the same connection is running:
///
///     connected  (received | resumed | drained)*  ended?  drained*  closed
///
/// ``draining(_:)`` may come once, anywhere between the first and the last.
///
/// A call may do anything: write, pause, close this connection or another, stop the loop. A call that throws closes its
/// connection with that reason. It should not block, for the whole loop waits meanwhile.
public protocol ConnectionHandler: AnyObject {
    /// The connection is there. Default: nothing.
    func connected(_ connection: Connection) throws

    /// Bytes arrived. They are lent: they belong to the loop and are overwritten when this returns.
    ///
    /// A stream has no message boundaries: one message may come in pieces, and many at once.
    func received(_ bytes: RawSpan, on connection: Connection) throws

    /// Reading may go on, and this handler holds input: it has asked for this with ``Connection/holdInput()``. Default:
    /// nothing.
    func resumed(_ connection: Connection) throws

    /// The peer will send no more. It may still read. Default: closes the connection, after what is queued was sent.
    func ended(_ connection: Connection) throws

    /// Output was above the high watermark and is below the low one now. Default: nothing.
    func drained(_ connection: Connection) throws

    /// The loop drains: it takes no newcomers, and ends when all connections have ended, or at its deadline, when those
    /// that are left are reset. Default: closes the connection, after what is queued was sent.
    ///
    /// A handler in the middle of something finishes that and closes then; one that waits for its peer's next wish tells
    /// it to go elsewhere, in the words of its protocol, or closes. Told a connection whose loop has begun to drain
    /// before it began, as well, right after ``connected(_:)``.
    func draining(_ connection: Connection) throws

    /// The connection is gone and its descriptor closed. The last call, and exactly one for each connection that was
    /// connected. Default: nothing.
    func closed(_ connection: Connection, reason: CloseReason)
}

extension ConnectionHandler {
    /// Does nothing.
    public func connected(_ connection: Connection) {}
    /// Does nothing.
    public func resumed(_ connection: Connection) {}
    /// Closes the connection, after what is queued was sent.
    public func ended(_ connection: Connection) { connection.close() }
    /// Does nothing.
    public func drained(_ connection: Connection) {}
    /// Closes the connection, after what is queued was sent.
    public func draining(_ connection: Connection) { connection.close() }
    /// Does nothing.
    public func closed(_ connection: Connection, reason: CloseReason) {}
}

/// The base of handlers that stand between a connection and a handler of another kind, which is the one to be named in
/// reports. A class, because whether an object has one for a base is found out at once, unlike a conformance.
class HandlerAdapter {
    var adapted: any AnyObject { self }
}

/// Holds a handler in a constant, which can be called without counting references, unlike a property that might change
/// meanwhile.
final class HandlerBox {
    let handler: any ConnectionHandler

    init(_ handler: any ConnectionHandler) { self.handler = handler }

    /// The user's own handler, whatever stands in front of it.
    var user: any AnyObject { (handler as? HandlerAdapter)?.adapted ?? handler }

    /// The type of the user's handler, for reports.
    var name: String { String(describing: type(of: user)) }
}
