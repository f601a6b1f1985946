// The two halves of an async connection, each for a task of its own. What they share is in ConnectionHalves.swift.

extension AsyncConnection {
    /// Splits the connection into a half that reads and one that writes, for two tasks.
    ///
    ///     let (reader, writer) = connection.split()
    ///     try await withThrowingTaskGroup { group in
    ///         group.addTask { while let bytes = try await reader.read() { await inbox.put(bytes) } }
    ///         group.addTask { for await line in news { try await writer.write(line) } }
    ///         try await group.waitForAll()
    ///     }
    ///
    /// The halves are `Sendable`, so that child tasks, `async let` and ``EventLoop/task(_:)`` may take them; they are
    /// used on the loop's thread only, which is where those tasks run. The two directions are independent from then on:
    /// output above the high watermark suspends the writers and no longer pauses reading
    /// (``Connection/pressurePolicy``). Use the connection itself only to end it. Returning from the closure that
    /// serves the connection closes it, whatever its halves are doing.
    ///
    /// - Returns: The halves. Later calls return the same ones.
    public func split() -> (reader: ConnectionReadHalf, writer: ConnectionWriteHalf) {
        _ = core.split()
        return (ConnectionReadHalf(core: core), ConnectionWriteHalf(core: core, deadline: core.deadlines))
    }
}

/// The reading half of a connection, for one task at a time. Created by ``AsyncConnection/split()``.
///
/// Two tasks that read at the same time are a programming error, which traps; so is the use on another thread than the
/// loop's.
public struct ConnectionReadHalf: @unchecked Sendable {
    // Safe to share: each use checks that it is on the loop's thread.
    let core: ConnectionTask

    private var connection: AsyncConnection {
        core.checkThread()
        precondition(
            !core.waitsForInput,
            "two tasks read from one connection: let one of them read, and pass on what it receives")
        return AsyncConnection(core)
    }

    /// Reads available bytes into an array, as ``AsyncConnection/read(into:)``.
    ///
    /// - Returns: The number of bytes read, at least one; `nil` at the end of the stream.
    /// - Throws: ``WaitError``; cancelling the task that reads ends its wait only.
    public nonisolated(nonsending) func read(into buffer: inout [UInt8]) async throws(WaitError) -> Int? {
        try await connection.read(into: &buffer)
    }

    /// Reads available bytes into a new array, as ``AsyncConnection/read(upTo:)``.
    public nonisolated(nonsending) func read(upTo limit: Int = 64 * 1024) async throws(WaitError) -> [UInt8]? {
        try await connection.read(upTo: limit)
    }

    /// Waits for bytes and lends all that are available to a closure, as ``AsyncConnection/read(_:)``.
    public nonisolated(nonsending) func read(_ body: (RawSpan) -> Void) async throws(WaitError) -> Bool {
        try await connection.read(body)
    }

    /// Reads exactly `count` bytes, as ``AsyncConnection/readExactly(_:)``.
    public nonisolated(nonsending) func readExactly(_ count: Int) async throws(WaitError) -> [UInt8]? {
        try await connection.readExactly(count)
    }

    /// Returns the peer's messages as a sequence, as ``AsyncConnection/messages(_:)``.
    public func messages<Framing: MessageDecoder>(_ framing: Framing) -> MessageSequence<Framing> {
        connection.messages(framing)
    }

    /// Returns the peer's lines as a sequence, as ``AsyncConnection/lines(limit:)``.
    public func lines(limit: Int = 64 * 1024) -> LineSequence { connection.lines(limit: limit) }

    /// Limits the time of the reads within `body`, as ``AsyncConnection/withDeadline(_:_:)``; the other half is not
    /// affected.
    public nonisolated(nonsending) func withDeadline<Success>(
        _ time: Duration, _ body: nonisolated(nonsending) (ConnectionReadHalf) async throws -> Success
    ) async throws -> Success {
        try await connection.withDeadline(time) { try await body(self) }
    }
}

/// The writing half of a connection, which tasks may share. Created by ``AsyncConnection/split()``.
///
/// Each write is a message that is written whole; tasks that write at the same time take turns, first come, first
/// served. Use on another thread than the loop's is a programming error, which traps: other threads use a
/// ``AsyncConnection/writer(_:limit:)``.
public struct ConnectionWriteHalf: @unchecked Sendable {
    // Safe to share: each use checks that it is on the loop's thread.
    let core: ConnectionTask
    /// The deadline of the writes with this value.
    let deadline: DeadlineScope?

    /// Writes a message, after those of the tasks that wait already.
    ///
    /// If more than ``Limits/outputHighWatermark`` is queued, it first waits until no more than
    /// ``Limits/outputLowWatermark`` is. What the tasks write in one turn of the loop leaves in one send.
    ///
    /// - Parameter bytes: the message; copied or sent when this returns.
    /// - Throws: ``WaitError``; nothing of the message was written then. Cancelling a waiting task ends its wait only,
    ///   and those behind it move up.
    public nonisolated(nonsending) func write(_ bytes: Span<UInt8>) async throws(WaitError) {
        core.checkThread()
        try await core.writeInTurn(bytes, deadline)
    }

    /// Writes an array's bytes as one message.
    public nonisolated(nonsending) func write(_ bytes: [UInt8]) async throws(WaitError) { try await write(bytes.span) }

    /// Writes a string's UTF-8 bytes as one message.
    public nonisolated(nonsending) func write(_ text: String) async throws(WaitError) {
        try await write(text.utf8Span.span)
    }

    /// Sends queued output, then ends this side's stream (half-close); the reading half is not affected. Tasks that
    /// wait to write, and later writes, throw.
    public func closeWrite() {
        core.checkThread()
        core.connection.closeWrite()
        core.resumeHalves()
    }

    /// Limits the time of the writes within `body` that use its parameter, turns of other tasks included.
    ///
    /// - Parameters:
    ///   - time: the time from now.
    ///   - body: the operation; it gets a half with the deadline, so that other tasks keep theirs.
    /// - Returns: The result of `body`.
    /// - Throws: The error of `body`; a write throws ``WaitError/Kind/deadline``.
    public nonisolated(nonsending) func withDeadline<Success>(
        _ time: Duration, _ body: nonisolated(nonsending) (ConnectionWriteHalf) async throws -> Success
    ) async throws -> Success {
        core.checkThread()
        let scope = DeadlineScope(within: deadline)
        let timer = core.connection.loop.schedule(after: time) { [core] in
            scope.hasPassed = true
            core.deadlinePassed()
        }
        defer { core.connection.loop.cancel(timer) }
        return try await body(ConnectionWriteHalf(core: core, deadline: scope))
    }
}

extension ConnectionTask {
    /// Traps when a half is used on another thread than the loop's, unless the loop has ended.
    func checkThread() {
        precondition(
            executor.isOnLoop || connection.loop.isShutDown,
            "a half of a connection is used by tasks of its loop only; other threads use AsyncConnection.writer(_:limit:)"
        )
    }
}
