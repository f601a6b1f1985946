// A connection's input as a sequence of messages or lines, split by the same framings that handlers use.

/// The messages of a connection, as a sequence. Created by ``AsyncConnection/messages(_:)``.
public struct MessageSequence<Framing: MessageDecoder>: AsyncSequence {
    fileprivate let core: ConnectionTask
    fileprivate let framing: Framing

    /// Reads one message after another. Unread input remains with the connection and may be read in other ways.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let core: ConnectionTask
        fileprivate var framing: Framing

        /// Returns the next message; `nil` at the end of the stream.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(WaitError) -> [UInt8]? {
            try await next()
        }

        /// Returns the next message; `nil` at the end of the stream.
        public nonisolated(nonsending) mutating func next() async throws(WaitError) -> [UInt8]? {
            try await core.nextMessage(&framing) { Array($0) }
        }
    }

    /// Returns an iterator over the messages.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(core: core, framing: framing) }
}

/// The lines of a connection, as a sequence. Created by ``AsyncConnection/lines(limit:)``.
public struct LineSequence: AsyncSequence {
    fileprivate let core: ConnectionTask
    fileprivate let framing: LineFraming

    /// Reads one line after another. Unread input remains with the connection and may be read in other ways.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let core: ConnectionTask
        fileprivate var framing: LineFraming

        /// Returns the next line; `nil` at the end of the stream.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(WaitError) -> String? {
            try await next()
        }

        /// Returns the next line; `nil` at the end of the stream.
        public nonisolated(nonsending) mutating func next() async throws(WaitError) -> String? {
            let line = try await core.nextMessage(&framing) { Line(validating: $0) }
            guard let line else { return nil }
            guard let text = line.text else { throw core.refused(FramingError(.malformed, "a line that is not UTF-8")) }
            return text
        }
    }

    /// Returns an iterator over the lines.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(core: core, framing: framing) }
}

/// A line; its text is `nil` if it is not UTF-8.
private struct Line {
    let text: String?

    init(validating bytes: RawSpan) {
        // Safe: the bytes are initialized, every byte is validated, and the pointer is used only within the closure.
        text = unsafe bytes.withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
    }
}

extension AsyncConnection {
    /// Returns the peer's messages as a sequence.
    ///
    ///     for try await message in connection.messages(.lengthPrefixed()) { ... }
    ///
    /// Each message is a new array. ``Limits/firstMessageTime`` applies to the first complete message.
    ///
    /// Malformed input throws ``WaitError/Kind/malformed``, and a stream that ends in the middle of a message
    /// ``WaitError/Kind/truncated``, with the ``WaitError/framingError``. If the closure that serves the connection
    /// rethrows it, the connection is closed with ``CloseReason/Kind/framing``.
    ///
    /// - Parameter framing: splits the stream into messages.
    /// - Returns: The messages.
    public func messages<Framing: MessageDecoder>(_ framing: Framing) -> MessageSequence<Framing> {
        MessageSequence(core: core, framing: framing)
    }

    /// Returns the peer's lines as a sequence. They end with `\n` or `\r\n`, which are not part of a line.
    ///
    ///     for try await line in connection.lines(limit: 8192) { ... }
    ///
    /// Works like ``messages(_:)`` with ``LineFraming``. A line that is not UTF-8 is malformed, too.
    ///
    /// - Parameter limit: the maximum length of a line in bytes. Default: 64 KiB.
    /// - Returns: The lines.
    public func lines(limit: Int = 64 * 1024) -> LineSequence {
        LineSequence(core: core, framing: LineFraming(maximum: limit))
    }
}

extension ConnectionTask {
    /// Waits for a complete message and lends it; `nil` at the end of the stream.
    nonisolated(nonsending) func nextMessage<Result>(
        _ framing: inout some MessageDecoder, _ body: (RawSpan) -> Result
    ) async throws(WaitError) -> Result? {
        connection.expectCompleteFirstMessage()
        var needed = 1
        while try await waitForInput(beyond: needed - 1) {
            let cut: MessageCut
            do throws(FramingError) {
                cut = try decodeUnread { bytes throws(FramingError) in try framing.decode(bytes) }
            } catch {
                throw refused(error)
            }
            if cut.used > 0 { return take(cut, body) }
            needed = max(unreadCount + 1, cut.needed)
        }
        if unreadCount == 0 { return nil }
        let last: MessageCut
        do throws(FramingError) {
            last = try decodeUnread { bytes throws(FramingError) in try framing.decodeLast(bytes) }
        } catch {
            throw refused(error)
        }
        return last.used > 0 ? take(last, body) : nil
    }

    private func decodeUnread(_ decode: (RawSpan) throws(FramingError) -> MessageCut) throws(FramingError) -> MessageCut
    {
        try withUnread { bytes in
            Swift.Result { () throws(FramingError) in try decode(bytes) }
        }.get()
    }

    private func take<Result>(_ cut: MessageCut, _ body: (RawSpan) -> Result) -> Result {
        connection.messageArrived()
        let result = withUnread { body($0.extracting(cut.message)) }
        removeUnread(cut.used)
        return result
    }

    fileprivate func refused(_ error: FramingError) -> WaitError {
        WaitError(error.kind == .truncated ? .truncated : .malformed, error.description, framingError: error)
    }
}
