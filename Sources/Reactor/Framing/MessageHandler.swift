// What a user of framing implements: what happens to one connection, message by message.

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
/// ``received(message:on:)`` is the only one that must be there. The calls come in this order, one at a time, and none
/// while another of the same connection is running:
///
///     connected  (received | drained)*  (ended | refused)?  drained*  closed
///
/// A call may do what one of a ``ConnectionHandler`` may. After a message with which it closes the connection there is
/// no other. After one with which it pauses reading, or whose answer puts output above its high watermark, the next one
/// comes when reading has resumed, even if it has been received already.
public protocol MessageHandler: AnyObject {
    /// The connection is there. Default: nothing.
    func connected(_ connection: Connection) throws

    /// A message arrived, without what marked its bounds. It is lent: its bytes are overwritten when this returns.
    ///
    /// What is written in answer to messages that arrived together leaves together.
    func received(message: RawSpan, on connection: Connection) throws

    /// What the peer sent is no message, or ended in the middle of one. A last word can be written; the connection is
    /// then closed with the reason ``CloseReason/Kind/framing``, after what is queued was sent. Default: nothing.
    func refused(_ connection: Connection, error: FramingError) throws

    /// The peer will send no more, and all its messages were whole. It may still read. Default: closes the connection,
    /// after what is queued was sent.
    func ended(_ connection: Connection) throws

    /// Output was above the high watermark and is below the low one now. Default: nothing.
    func drained(_ connection: Connection) throws

    /// The loop drains, see ``ConnectionHandler/draining(_:)``. Default: closes the connection, after what is queued was
    /// sent.
    func draining(_ connection: Connection) throws

    /// The connection is gone and its descriptor closed. The last call, and exactly one for each connection that was
    /// connected. Default: nothing.
    func closed(_ connection: Connection, reason: CloseReason)
}

extension MessageHandler {
    /// Does nothing.
    public func connected(_ connection: Connection) {}
    /// Does nothing.
    public func refused(_ connection: Connection, error: FramingError) {}
    /// Closes the connection, after what is queued was sent.
    public func ended(_ connection: Connection) { connection.close() }
    /// Does nothing.
    public func drained(_ connection: Connection) {}
    /// Closes the connection, after what is queued was sent.
    public func draining(_ connection: Connection) { connection.close() }
    /// Does nothing.
    public func closed(_ connection: Connection, reason: CloseReason) {}

    /// This handler, given the messages that `decoder` finds in what a connection receives: for whoever wants a
    /// ``ConnectionHandler``. Each connection needs one of its own.
    public func framed(by decoder: some MessageDecoder) -> any ConnectionHandler {
        // A framing of ours has code of its own; any other is called through its protocol.
        switch decoder {
        case let decoder as LineFraming: LineAdapter(decoder, self)
        case let decoder as DelimiterFraming: DelimiterAdapter(decoder, self)
        case let decoder as LengthPrefixFraming: LengthPrefixAdapter(decoder, self)
        case let decoder as FixedSizeFraming: FixedSizeAdapter(decoder, self)
        default: MessageAdapter(decoder, self)
        }
    }
}
