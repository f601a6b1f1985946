// The callback that receives parsed values. Values pass through the adapter of messages (MessageAdapter.swift): the cutter
// leaves each value in a slot, from where it is delivered.

/// Handles the values that a ``ValueDecoder`` parses from the input of one connection, on its loop's thread.
///
///     final class Adder: ValueHandler {
///         var sum: UInt64 = 0
///
///         func received(_ number: UInt32, from bytes: RawSpan, on connection: Connection) {
///             sum += UInt64(number)
///         }
///     }
///
///     try loop.listen(on: "127.0.0.1:7788") { _ in Adder().framed(by: Numbers()) }
///
/// Only ``received(_:from:on:)`` is required; the others, their order and what they may do are those of a
/// ``FramedHandler``.
public protocol ValueHandler<Value>: FramedHandler {
    /// The type of the values.
    associatedtype Value

    /// Called with a value.
    ///
    /// Replies to values that arrived together leave together.
    ///
    /// - Parameters:
    ///   - value: the value.
    ///   - bytes: the bytes that it was decoded from. They are borrowed, and overwritten when this returns.
    ///   - connection: the connection.
    func received(_ value: Value, from bytes: RawSpan, on connection: Connection) throws
}

extension ValueHandler {
    /// Returns a connection handler that delivers values to this handler.
    ///
    /// - Parameter decoder: parses the connection's input.
    /// - Returns: A handler for one connection; each connection needs its own.
    public func framed<Decoder: ValueDecoder>(by decoder: Decoder) -> any ConnectionHandler
    where Decoder.Value == Value {
        let slot = ValueSlot<Value>()
        return ValueMessages(self, slot).framed(by: ValueCutter(decoder, into: slot))
    }
}

/// The message handler that delivers the value of each message to a ``ValueHandler``.
private final class ValueMessages<Value>: HandlerAdapter, MessageHandler {
    private let handler: any ValueHandler<Value>
    private let slot: ValueSlot<Value>

    init(_ handler: any ValueHandler<Value>, _ slot: ValueSlot<Value>) {
        (self.handler, self.slot) = (handler, slot)
    }

    override var adapted: any AnyObject { handler }

    func received(message: RawSpan, on connection: Connection) throws {
        try handler.received(slot.take(), from: message, on: connection)
    }

    func connected(_ connection: Connection) throws { try handler.connected(connection) }

    func refused(_ connection: Connection, error: FramingError) throws {
        try handler.refused(connection, error: error)
    }

    func ended(_ connection: Connection) throws { try handler.ended(connection) }

    func drained(_ connection: Connection) throws { try handler.drained(connection) }

    func draining(_ connection: Connection) throws { try handler.draining(connection) }

    func closed(_ connection: Connection, reason: CloseReason) { handler.closed(connection, reason: reason) }
}
