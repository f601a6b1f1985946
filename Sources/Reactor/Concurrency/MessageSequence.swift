// A connection's input, message by message and line by line, cut by the framings that handlers use too.

/// The messages of a connection. Made by ``AsyncConnection/messages(_:)``.
public struct MessageSequence<Framing: MessageDecoder>: AsyncSequence {
    fileprivate let core: ConnectionTask
    fileprivate let framing: Framing

    /// Reads one message after another. What is not read yet stays the connection's, and may be read in another way.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let core: ConnectionTask
        fileprivate var framing: Framing

        /// The next message; `nil` at the end of the stream.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(WaitError) -> [UInt8]? {
            try await next()
        }

        /// The next message; `nil` at the end of the stream.
        public nonisolated(nonsending) mutating func next() async throws(WaitError) -> [UInt8]? {
            try await core.nextMessage(&framing) { Array($0) }
        }
    }

    /// Begins to read messages.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(core: core, framing: framing) }
}

/// The lines of a connection. Made by ``AsyncConnection/lines(limit:)``.
public struct LineSequence: AsyncSequence {
    fileprivate let core: ConnectionTask
    fileprivate let framing: LineFraming

    /// Reads one line after another. What is not read yet stays the connection's, and may be read in another way.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let core: ConnectionTask
        fileprivate var framing: LineFraming

        /// The next line; `nil` at the end of the stream.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(WaitError) -> String? {
            try await next()
        }

        /// The next line; `nil` at the end of the stream.
        public nonisolated(nonsending) mutating func next() async throws(WaitError) -> String? {
            let line = try await core.nextMessage(&framing) { Line(validating: $0) }
            guard let line else { return nil }
            guard let text = line.text else { throw core.refused(FramingError(.malformed, "a line that is not UTF-8")) }
            return text
        }
    }

    /// Begins to read lines.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(core: core, framing: framing) }
}

/// A line, if it is a text.
private struct Line {
    let text: String?

    init(validating bytes: RawSpan) {
        // Safe: every byte is looked at before it is believed.
        text = unsafe bytes.withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
    }
}

extension AsyncConnection {
    /// The messages that the peer sends.
    ///
    ///     for try await message in connection.messages(.lengthPrefixed()) { ... }
    ///
    /// Each is an array of its own. ``Limits/firstMessageTime`` is for a complete one from here on.
    /// - Parameter framing: how messages are told apart. Bytes that are none throw ``WaitError/Kind/malformed``, a stream
    ///   that ends within one ``WaitError/Kind/truncated``, with the ``WaitError/framingError``; a closure that lets these
    ///   through closes its connection with ``CloseReason/Kind/framing``.
    public func messages<Framing: MessageDecoder>(_ framing: Framing) -> MessageSequence<Framing> {
        MessageSequence(core: core, framing: framing)
    }

    /// The lines that the peer sends, which end with `\n` or `\r\n`; neither is part of the line.
    ///
    ///     for try await line in connection.lines(limit: 8192) { ... }
    ///
    /// As ``messages(_:)`` with ``LineFraming``. A line that is not UTF-8 is malformed, too.
    /// - Parameter limit: bytes of a line. Default: 64 KiB.
    public func lines(limit: Int = 64 * 1024) -> LineSequence {
        LineSequence(core: core, framing: LineFraming(maximum: limit))
    }
}

extension ConnectionTask {
    /// Waits for a whole message, and lends it; `nil` at the end of the stream.
    fileprivate nonisolated(nonsending) func nextMessage<Result>(
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
