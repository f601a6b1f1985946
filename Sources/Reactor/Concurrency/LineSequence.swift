// A connection's input, line by line.

/// The lines of a connection. Made by ``AsyncConnection/lines(limit:)``.
public struct LineSequence: AsyncSequence {
    fileprivate let core: ConnectionTask
    fileprivate let limit: Int

    /// Reads one line after another. What is not read yet stays the connection's, and may be read in another way.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let core: ConnectionTask
        fileprivate let limit: Int

        /// The next line; `nil` at the end of the stream.
        public func next(isolation actor: isolated (any Actor)?) async throws(WaitError) -> String? {
            try await core.readLine(limit: limit)
        }

        /// The next line; `nil` at the end of the stream.
        public nonisolated(nonsending) func next() async throws(WaitError) -> String? {
            try await core.readLine(limit: limit)
        }
    }

    /// Begins to read lines.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(core: core, limit: limit) }
}

extension AsyncConnection {
    /// The lines that the peer sends, which end with `\n` or `\r\n`; neither is part of the line.
    ///
    ///     for try await line in connection.lines(limit: 8192) { ... }
    ///
    /// What follows the last line's end is no line: nobody can tell it from the half of one.
    /// - Parameter limit: bytes of a line; a longer one throws ``WaitError/Kind/tooLong``, one that is not UTF-8
    ///   ``WaitError/Kind/malformed``, one that the stream ends in ``WaitError/Kind/truncated``. Default: 64 KiB.
    public func lines(limit: Int = 64 * 1024) -> LineSequence { LineSequence(core: core, limit: limit) }
}

extension ConnectionTask {
    private static let newline = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    fileprivate nonisolated(nonsending) func readLine(limit: Int) async throws(WaitError) -> String? {
        var searched = 0
        while true {
            if let end = offsetOfNewline(from: searched) { return try takeLine(endingAt: end, limit: limit) }
            searched = unreadCount
            // A carriage return at the limit may belong to the line's end.
            if searched > limit + 1 { throw tooLong(limit) }
            if try await waitForInput(beyond: searched) { continue }
            if searched == 0 { return nil }
            throw WaitError(.truncated, "the stream ended \(searched) bytes into a line")
        }
    }

    private func offsetOfNewline(from start: Int) -> Int? {
        withUnread { bytes in
            var offset = start
            while offset < bytes.byteCount {
                if bytes.byte(at: offset) == Self.newline { return offset }
                offset += 1
            }
            return nil
        }
    }

    private func takeLine(endingAt end: Int, limit: Int) throws(WaitError) -> String {
        let hasReturn = end > 0 && withUnread { $0.byte(at: end - 1) == Self.carriageReturn }
        let length = hasReturn ? end - 1 : end
        if length > limit { throw tooLong(limit) }
        let line = withUnread { bytes in
            // Safe: `validating` looks at each byte before it believes it.
            unsafe bytes.extracting(first: length).withUnsafeBytes { unsafe String(validating: $0, as: UTF8.self) }
        }
        removeUnread(end + 1)
        guard let line else { throw WaitError(.malformed, "a line is not UTF-8") }
        return line
    }

    private func tooLong(_ limit: Int) -> WaitError { WaitError(.tooLong, "a line of more than \(limit) bytes") }
}
