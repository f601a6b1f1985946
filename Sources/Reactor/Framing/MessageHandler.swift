// The callbacks that an application implements for a connection with a framing: those of every framing, and the one that
// receives messages. ValueHandler.swift has the one that receives parsed values.

/// The callbacks that a ``MessageHandler`` and a ``ValueHandler`` have in common.
///
/// Calls for one connection never overlap, and come in this order, on the loop's thread:
///
///     connected  (received | drained)*  (ended | refused)?  drained*  closed
///
/// A callback may do the same as one of a ``ConnectionHandler``. After it has closed the connection, no further message
/// is delivered. If it pauses reading, or if its output rises above the high watermark, the next message is delivered
/// when reading resumes, even if it has already been received.
public protocol FramedHandler: AnyObject {
    /// Called when the connection is established. Default: does nothing.
    func connected(_ connection: Connection) throws

    /// Called when the peer's input is malformed or ended in the middle of a message.
    ///
    /// A last reply can be written; after queued output is sent, the connection is closed with
    /// ``CloseReason/Kind/framing``. Default: does nothing.
    func refused(_ connection: Connection, error: FramingError) throws

    /// Called when the peer has ended its stream after a complete message (half-close); it may still read.
    ///
    /// Default: closes the connection after queued output is sent.
    func ended(_ connection: Connection) throws

    /// Called when output has fallen from above the high watermark to the low one. Default: does nothing.
    func drained(_ connection: Connection) throws

    /// Called when the loop drains; see ``ConnectionHandler/draining(_:)``.
    ///
    /// Default: closes the connection after queued output is sent.
    func draining(_ connection: Connection) throws

    /// Called once per connection, as the last callback, when the descriptor has been closed.
    ///
    /// Default: does nothing.
    func closed(_ connection: Connection, reason: CloseReason)
}

extension FramedHandler {
    /// Does nothing.
    public func connected(_ connection: Connection) {}
    /// Does nothing.
    public func refused(_ connection: Connection, error: FramingError) {}
    /// Closes the connection after queued output is sent.
    public func ended(_ connection: Connection) { connection.close() }
    /// Does nothing.
    public func drained(_ connection: Connection) {}
    /// Closes the connection after queued output is sent.
    public func draining(_ connection: Connection) { connection.close() }
    /// Does nothing.
    public func closed(_ connection: Connection, reason: CloseReason) {}
}

/// Handles the messages of one connection, on its loop's thread.
///
///     final class Greeter: MessageHandler {
///         let lines = LineFraming()
///
///         func received(message: RawSpan, on connection: Connection) throws {
///             try lines.write(message, to: connection)
///         }
///     }
///
///     try loop.listen(on: "127.0.0.1:7788", framing: .lines()) { _ in Greeter() }
///
/// Only ``received(message:on:)`` is required; the others, their order and what they may do are those of a
/// ``FramedHandler``.
public protocol MessageHandler: FramedHandler {
    /// Called with a message, without its delimiter or prefix.
    ///
    /// The message is borrowed: its bytes are overwritten when this returns. Replies to messages that arrived together
    /// leave together.
    func received(message: RawSpan, on connection: Connection) throws
}

extension MessageHandler {
    /// Returns a connection handler that delivers messages to this handler.
    ///
    /// - Parameter decoder: splits the connection's input into messages.
    /// - Returns: A handler for one connection; each connection needs its own.
    public func framed(by decoder: some MessageDecoder) -> any ConnectionHandler {
        // Built-in framings have specialized code; others are called through the protocol.
        switch decoder {
        case let decoder as LineFraming: LineAdapter(decoder, self)
        case let decoder as DelimiterFraming: DelimiterAdapter(decoder, self)
        case let decoder as LengthPrefixFraming: LengthPrefixAdapter(decoder, self)
        case let decoder as FixedSizeFraming: FixedSizeAdapter(decoder, self)
        default: MessageAdapter(decoder, self)
        }
    }
}
