// Between a connection and a message handler: takes bytes and delivers messages while the connection accepts them:
// open, not paused, below its watermark, and within the turn's budget. The rest is held, and the connection calls again
// (Connection+Holding.swift).

/// The connection handler that delivers messages to a ``MessageHandler``.
///
/// Methods of a generic class are not specialized where they are called through the class; code inlined into a concrete
/// subclass is. Hence the subclasses below.
class MessageAdapter<Decoder: MessageDecoder>: HandlerAdapter, ConnectionHandler {
    private let handler: any MessageHandler
    private var messages: MessageBuffer<Decoder>

    init(_ decoder: Decoder, _ handler: any MessageHandler) {
        self.handler = handler
        messages = MessageBuffer(decoder)
    }

    override final var adapted: any AnyObject { handler }

    override final func takeUndelivered() -> ByteQueue? { messages.takeKept() }

    func received(_ bytes: RawSpan, on connection: Connection) throws { try take(bytes, on: connection) }

    func resumed(_ connection: Connection) throws { try takeHeld(on: connection) }

    final func connected(_ connection: Connection) throws {
        connection.expectCompleteFirstMessage()
        try handler.connected(connection)
    }

    final func ended(_ connection: Connection) throws {
        let outcome = try messages.end(connection.loop) { message in
            connection.messageArrived()
            try handler.received(message: message, on: connection)
        }
        if case .refused(let error) = outcome { return try refuse(error, connection) }
        // The last message may have made the handler close the connection.
        if connection.state.isOpen { try handler.ended(connection) }
    }

    final func drained(_ connection: Connection) throws { try handler.drained(connection) }

    final func draining(_ connection: Connection) throws { try handler.draining(connection) }

    final func closed(_ connection: Connection, reason: CloseReason) {
        messages.release(to: connection.loop)
        handler.closed(connection, reason: reason)
    }

    // MARK: Messages

    @inline(__always)
    final func take(_ bytes: RawSpan, on connection: Connection) throws {
        var budget = connection.limits.messagesPerTurn
        let outcome = try messages.receive(bytes, connection.loop) { try deliver($0, connection, &budget) }
        if case .incomplete = outcome { return }
        try stop(outcome, connection)
    }

    @inline(__always)
    final func takeHeld(on connection: Connection) throws {
        var budget = connection.limits.messagesPerTurn
        let outcome = try messages.goOn(connection.loop) { try deliver($0, connection, &budget) }
        if case .incomplete = outcome { return }
        try stop(outcome, connection)
    }

    /// Delivers a message; returns whether the next one may be delivered.
    @inline(__always)
    private func deliver(_ message: RawSpan, _ connection: Connection, _ budget: inout Int) throws -> Bool {
        budget &-= 1
        connection.messageArrived()
        try handler.received(message: message, on: connection)
        return connection.takesMessages && budget > 0
    }

    @inline(never)
    private func stop(_ outcome: MessageBuffer<Decoder>.Outcome, _ connection: Connection) throws {
        if case .refused(let error) = outcome { return try refuse(error, connection) }
        if connection.state.isOpen { connection.holdInput() } else { messages.release(to: connection.loop) }
    }

    private func refuse(_ error: FramingError, _ connection: Connection) throws {
        messages.release(to: connection.loop)
        connection.loop.counters.framingErrors += 1
        try handler.refused(connection, error: error)
        connection.close()
        if !connection.isClosed { connection.closeReason = CloseReason(.framing, error: error) }
    }
}

final class LineAdapter: MessageAdapter<LineFraming> {
    override func received(_ bytes: RawSpan, on connection: Connection) throws { try take(bytes, on: connection) }
    override func resumed(_ connection: Connection) throws { try takeHeld(on: connection) }
}

final class DelimiterAdapter: MessageAdapter<DelimiterFraming> {
    override func received(_ bytes: RawSpan, on connection: Connection) throws { try take(bytes, on: connection) }
    override func resumed(_ connection: Connection) throws { try takeHeld(on: connection) }
}

final class LengthPrefixAdapter: MessageAdapter<LengthPrefixFraming> {
    override func received(_ bytes: RawSpan, on connection: Connection) throws { try take(bytes, on: connection) }
    override func resumed(_ connection: Connection) throws { try takeHeld(on: connection) }
}

final class FixedSizeAdapter: MessageAdapter<FixedSizeFraming> {
    override func received(_ bytes: RawSpan, on connection: Connection) throws { try take(bytes, on: connection) }
    override func resumed(_ connection: Connection) throws { try takeHeld(on: connection) }
}
