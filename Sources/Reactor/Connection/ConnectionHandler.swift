// The protocol that a user of the framework implements: the events of one connection.

/// A handler of the events of one connection, called on its loop's thread.
///
///     final class Echo: ConnectionHandler {
///         func received(_ bytes: RawSpan, on connection: Connection) {
///             connection.write(bytes)
///         }
///     }
///
/// Only ``received(_:on:)`` is required. The calls come in this order, one at a time; a call never runs inside another
/// of the same connection:
///
///     connected  (received | resumed | drained)*  ended?  drained*  closed
///
/// ``draining(_:)`` may come once, anywhere between the first and the last.
///
/// A handler may do anything in a call: write, pause, close this connection or another, stop the loop. If it throws,
/// its connection is closed, and the reason is ``CloseReason/Kind/handlerError``. It should not block, because the
/// whole loop waits meanwhile.
public protocol ConnectionHandler: AnyObject {
    /// The connection has begun. Default: does nothing.
    func connected(_ connection: Connection) throws

    /// Bytes have arrived. They are lent: the loop overwrites them when this returns.
    ///
    /// A stream has no message boundaries: one message may arrive in pieces, and many at once.
    func received(_ bytes: RawSpan, on connection: Connection) throws

    /// Reading may continue, and this handler holds input: it called ``Connection/holdInput()``. Default: does nothing.
    func resumed(_ connection: Connection) throws

    /// The peer has ended its stream. It may still read. Default: closes the connection, after its queued output is
    /// sent.
    func ended(_ connection: Connection) throws

    /// Queued output was above the high watermark and is now at or below the low one. Default: does nothing.
    func drained(_ connection: Connection) throws

    /// The loop is draining: it accepts no new connections, and ends when all connections have closed, or at its
    /// deadline, when the remaining ones are reset. Default: closes the connection, after its queued output is sent.
    ///
    /// A handler in the middle of a request finishes it and then closes; a handler that waits for the peer's next
    /// request tells the peer to go elsewhere, as its protocol provides, or closes. Also called, right after
    /// ``connected(_:)``, for a connection that begins while the loop is draining already.
    func draining(_ connection: Connection) throws

    /// The connection has closed, and so has its descriptor. The last call, made exactly once for each connection that
    /// was connected. Default: does nothing.
    func closed(_ connection: Connection, reason: CloseReason)
}

extension ConnectionHandler {
    /// Does nothing.
    public func connected(_ connection: Connection) {}
    /// Does nothing.
    public func resumed(_ connection: Connection) {}
    /// Closes the connection, after its queued output is sent.
    public func ended(_ connection: Connection) { connection.close() }
    /// Does nothing.
    public func drained(_ connection: Connection) {}
    /// Closes the connection, after its queued output is sent.
    public func draining(_ connection: Connection) { connection.close() }
    /// Does nothing.
    public func closed(_ connection: Connection, reason: CloseReason) {}
}

/// The base class of handlers that adapt a connection to a handler of another kind, which is the one named in reports.
/// A class, because a test for a base class is fast, unlike one for a conformance.
class HandlerAdapter {
    var adapted: any AnyObject { self }

    /// Returns input that was received and not delivered, and gives it up. Not while bytes are being delivered.
    func takeUndelivered() -> ByteQueue? { nil }
}

/// A box that holds a handler in a constant, which can be called without reference counting, unlike a property that
/// might change during the call.
final class HandlerBox {
    let handler: any ConnectionHandler

    init(_ handler: any ConnectionHandler) { self.handler = handler }

    /// The handler without the wrapper that traces its calls.
    var untraced: any ConnectionHandler { (handler as? TracedHandler)?.handler ?? handler }

    /// The user's own handler, without any wrapper.
    var user: any AnyObject { (handler as? HandlerAdapter)?.adapted ?? handler }

    /// The name of the user's handler type, for reports.
    var name: String { String(describing: type(of: user)) }
}
