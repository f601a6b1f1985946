// A connection as a task sees it: the operations that a task can await. ConnectionTask.swift connects it to the
// connection's callbacks.

/// A TCP connection that a task reads from and writes to.
///
///     var buffer = [UInt8](repeating: 0, count: 4096)
///     while let count = try await connection.read(into: &buffer) {
///         try await connection.write(buffer.span.extracting(..<count))
///     }
///
/// It belongs to one task and is not `Sendable`; ``split()`` makes two halves for two tasks, and other threads use a
/// ``writer(_:limit:)``. Everything runs on the loop's thread, without executor hops. The ``Limits`` apply as to every connection: when the idle time, the first-message
/// time, the write stall time or the output limit closes it, the next read or write throws.
public struct AsyncConnection {
    @usableFromInline let core: ConnectionTask

    init(_ core: ConnectionTask) { self.core = core }

    /// The underlying connection. Its reading must not be paused, because the task controls it.
    public var base: Connection { core.connection }
    /// The loop of the connection.
    public var loop: EventLoop { core.connection.loop }
    /// The peer's address.
    public var peer: SocketAddress { core.connection.peer }
    /// The local address, queried from the kernel; `nil` when the connection is closed.
    public var local: SocketAddress? { core.connection.local }

    // MARK: Reading

    /// Reads available bytes, and waits if there are none.
    ///
    /// - Parameter buffer: the array to read into, from its beginning; must not be empty.
    /// - Returns: The number of bytes read, at least one; `nil` at the end of the stream.
    /// - Throws: ``WaitError``: ``WaitError/Kind/closed``, ``WaitError/Kind/deadline``, ``WaitError/Kind/cancelled``.
    public nonisolated(nonsending) func read(into buffer: inout [UInt8]) async throws(WaitError) -> Int? {
        precondition(!buffer.isEmpty, "a read into an empty buffer would never end")
        guard try await core.waitForInput() else { return nil }
        return core.take(into: &buffer)
    }

    /// Reads available bytes into a new array.
    ///
    /// - Parameter limit: the maximum number of bytes; values below 1 count as 1. Default: 64 KiB.
    /// - Returns: The bytes, at least one; `nil` at the end of the stream.
    /// - Throws: The same errors as ``read(into:)``.
    public nonisolated(nonsending) func read(upTo limit: Int = 64 * 1024) async throws(WaitError) -> [UInt8]? {
        guard try await core.waitForInput() else { return nil }
        return core.takeArray(min(max(1, limit), core.unreadCount))
    }

    /// Waits for bytes and lends all that are available to a closure.
    ///
    /// Nothing is copied and the task needs no buffer of its own, so an idle connection has none.
    ///
    ///     while try await connection.read({ connection.base.write($0) }) { try await connection.waitForRoom() }
    ///
    /// - Parameter body: called once with at least one byte, unless the stream has ended; all bytes count as read when
    ///   it returns.
    /// - Returns: Whether `body` was called; `false` at the end of the stream.
    /// - Throws: The same errors as ``read(into:)``.
    public nonisolated(nonsending) func read(_ body: (RawSpan) -> Void) async throws(WaitError) -> Bool {
        guard try await core.waitForInput() else { return false }
        core.withUnread(body)
        core.removeUnread(core.unreadCount)
        return true
    }

    /// Reads exactly `count` bytes.
    ///
    /// They are buffered until all have arrived, so `count` has to be acceptable as memory use. A negative count is 0.
    ///
    /// - Parameter count: the number of bytes.
    /// - Returns: The bytes; `nil` when the stream ended before the first of them.
    /// - Throws: ``WaitError/Kind/truncated`` when it ended after the first; otherwise as ``read(into:)``.
    public nonisolated(nonsending) func readExactly(_ count: Int) async throws(WaitError) -> [UInt8]? {
        let count = max(0, count)
        while core.unreadCount < count {
            if try await core.waitForInput(beyond: core.unreadCount) { continue }
            if core.unreadCount == 0 { return nil }
            throw WaitError(.truncated, "the stream ended after \(core.unreadCount) of \(count) bytes")
        }
        return core.takeArray(count)
    }

    // MARK: Writing

    /// Writes bytes, which have been copied or sent when this returns.
    ///
    /// If more than ``Limits/outputHighWatermark`` is queued, it waits until no more than ``Limits/outputLowWatermark``
    /// is: a task that awaits each write needs no further backpressure. Otherwise it does not wait, and the writes
    /// between two waits leave together.
    ///
    /// - Parameter bytes: the bytes.
    /// - Throws: ``WaitError``: ``WaitError/Kind/closed``, ``WaitError/Kind/deadline``, ``WaitError/Kind/cancelled``;
    ///   part of the bytes may have been sent then.
    @inlinable
    public nonisolated(nonsending) func write(_ bytes: Span<UInt8>) async throws(WaitError) {
        if !core.writeNow(bytes) { try await core.writeOn(bytes) }
    }

    /// Writes an array's bytes.
    @inlinable
    public nonisolated(nonsending) func write(_ bytes: [UInt8]) async throws(WaitError) { try await write(bytes.span) }

    /// Writes a string's UTF-8 bytes.
    @inlinable
    public nonisolated(nonsending) func write(_ text: String) async throws(WaitError) {
        try await write(text.utf8Span.span)
    }

    /// Waits for room for more output.
    ///
    /// If more than ``Limits/outputHighWatermark`` is queued, it waits until no more than ``Limits/outputLowWatermark``
    /// is. ``write(_:)-(Span<UInt8>)`` does so by itself; this is for tasks that write to ``base``, which never waits.
    /// - Throws: The same errors as ``write(_:)-(Span<UInt8>)``.
    @inlinable
    public nonisolated(nonsending) func waitForRoom() async throws(WaitError) {
        if !core.hasRoom { try await core.waitForRoom() }
    }

    // MARK: Ending

    /// Sends queued output, then ends this side's stream (half-close); the peer may go on sending.
    public func closeWrite() { core.connection.closeWrite() }

    /// Sends queued output, then closes. Returning from the closure that serves the connection does the same.
    public func close() { core.connection.close() }

    /// Resets the connection at once: unsent output is lost, and the peer sees an error.
    public func abort() { core.connection.abort() }

    // MARK: Deadlines

    /// Limits the time of this connection's reads and writes within `body`.
    ///
    /// After that time they throw ``WaitError/Kind/deadline``. Deadlines may be nested; the earliest applies. A
    /// deadline costs one timer and no task; ``EventLoop/withDeadline(_:_:)`` also covers other waits.
    ///
    /// - Parameters:
    ///   - time: the time from now.
    ///   - body: the operation.
    /// - Returns: The result of `body`.
    /// - Throws: The error of `body`.
    public nonisolated(nonsending) func withDeadline<Success>(
        _ time: Duration, _ body: nonisolated(nonsending) () async throws -> Success
    ) async throws -> Success {
        let scope = DeadlineScope(within: core.deadlines)
        core.deadlines = scope
        let timer = loop.schedule(after: time) { [core] in
            scope.hasPassed = true
            core.deadlinePassed()
        }
        defer {
            loop.cancel(timer)
            core.deadlines = scope.outer
        }
        return try await body()
    }

    // MARK: Other tasks

    /// Returns a writer for other tasks on any thread, which never waits for the peer.
    ///
    /// - Parameters:
    ///   - policy: what happens when the peer is too slow. Default: the connection is closed.
    ///   - limit: bytes that may be queued. Default: 64 KiB.
    /// - Returns: The writer. Later calls return the same one, with its first settings.
    public func writer(_ policy: ConnectionWriter.Policy = .close, limit: Int = 64 * 1024) -> ConnectionWriter {
        ConnectionWriter(outlet: core.makeOutlet(policy, limit: limit))
    }
}

/// A deadline of a connection's task.
final class DeadlineScope {
    let outer: DeadlineScope?
    var hasPassed = false

    init(within outer: DeadlineScope?) { self.outer = outer }

    /// Whether this deadline or an enclosing one has passed.
    var isExpired: Bool { hasPassed || outer?.isExpired ?? false }
}
