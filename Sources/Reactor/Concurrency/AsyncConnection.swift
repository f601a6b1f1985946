// A connection as a task sees it: it asks for bytes and waits for them. What happens between the two worlds is in
// ConnectionTask.swift; here is what can be asked for.

/// A TCP connection that a task reads from and writes to.
///
///     var buffer = [UInt8](repeating: 0, count: 4096)
///     while let count = try await connection.read(into: &buffer) {
///         try await connection.write(buffer.span.extracting(..<count))
///     }
///
/// It belongs to one task, which the compiler sees to: it is not `Sendable`. Other tasks write with a ``writer(_:limit:)``.
/// Everything happens on the loop's thread, and nothing hops. The ``Limits`` are those of every connection: idle time, first
/// message, write stall and the size of its output end it, and the next read or write says so.
public struct AsyncConnection {
    @usableFromInline let core: ConnectionTask

    init(_ core: ConnectionTask) { self.core = core }

    /// The connection, for what else can be asked of it. Its reading is in the task's hands: it is not to be paused.
    public var base: Connection { core.connection }
    /// The loop that this runs on.
    public var loop: EventLoop { core.connection.loop }
    /// The peer's address.
    public var peer: SocketAddress { core.connection.peer }
    /// This side's address. Asks the kernel. `nil` when the connection is over.
    public var local: SocketAddress? { core.connection.local }

    // MARK: Reading

    /// Reads what is there, and waits if there is nothing.
    ///
    /// - Parameter buffer: where to; as much of it as there are bytes is written to, from its beginning. Not empty.
    /// - Returns: How many bytes were read, at least one; `nil` at the end of the stream.
    /// - Throws: ``WaitError/Kind/closed``, ``WaitError/Kind/deadline``, ``WaitError/Kind/cancelled``.
    public nonisolated(nonsending) func read(into buffer: inout [UInt8]) async throws(WaitError) -> Int? {
        precondition(!buffer.isEmpty, "a read into no room would never end")
        guard try await core.waitForInput() else { return nil }
        return core.take(into: &buffer)
    }

    /// Reads what is there, at most `limit` bytes, and 1 if that is less, into an array of its own; `nil` at the end of the
    /// stream.
    public nonisolated(nonsending) func read(upTo limit: Int = 64 * 1024) async throws(WaitError) -> [UInt8]? {
        guard try await core.waitForInput() else { return nil }
        return core.takeArray(min(max(1, limit), core.unreadCount))
    }

    /// Waits for bytes and lends all that are there to a closure, without a copy and without a buffer of the task's own: a
    /// connection that is idle keeps nothing.
    ///
    ///     while try await connection.read({ connection.base.write($0) }) { try await connection.waitForRoom() }
    ///
    /// - Parameter body: called with at least one byte, once, unless the stream has ended; all of them are read when it
    ///   returns.
    /// - Returns: Whether it was called; `false` is the end of the stream.
    /// - Throws: as ``read(into:)``.
    public nonisolated(nonsending) func read(_ body: (RawSpan) -> Void) async throws(WaitError) -> Bool {
        guard try await core.waitForInput() else { return false }
        core.withUnread(body)
        core.removeUnread(core.unreadCount)
        return true
    }

    /// Reads so many bytes, no less and no more.
    ///
    /// They are kept until they are all there: `count` is to be something that one is ready to keep. Fewer than none are
    /// none.
    /// - Returns: The bytes; `nil` when the stream has ended right before them.
    /// - Throws: ``WaitError/Kind/truncated`` when it ends between them.
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

    /// Writes bytes; they are copied or sent when this returns.
    ///
    /// It waits while more than ``Limits/outputHighWatermark`` is on its way to the peer, until it is no more than
    /// ``Limits/outputLowWatermark``: whoever writes no faster than this returns needs no other limit. Otherwise nothing
    /// is waited for, and several writes between two waits leave together.
    /// - Throws: ``WaitError/Kind/closed``, ``WaitError/Kind/deadline``, ``WaitError/Kind/cancelled``; some of the bytes may
    ///   have been sent then.
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

    /// Waits while more than ``Limits/outputHighWatermark`` is on its way to the peer, until it is no more than
    /// ``Limits/outputLowWatermark``. ``write(_:)-(Span<UInt8>)`` does so by itself; this is for those who write to
    /// ``base``, which waits for nothing.
    /// - Throws: as ``write(_:)-(Span<UInt8>)``.
    @inlinable
    public nonisolated(nonsending) func waitForRoom() async throws(WaitError) {
        if !core.hasRoom { try await core.waitForRoom() }
    }

    // MARK: Ending

    /// Sends what was written, then ends this side's stream; the peer may go on sending (half-close).
    public func finish() { core.connection.finish() }

    /// Sends what was written, then closes. Leaving the closure that serves a connection does the same.
    public func close() { core.connection.close() }

    /// Resets the connection now: what was written and not sent is lost, and the peer sees an error.
    public func abort() { core.connection.abort() }

    // MARK: Deadlines

    /// Reads and writes of this connection within `body` have to be done within a time; they throw
    /// ``WaitError/Kind/deadline`` from then on. Deadlines may be nested: the first to pass counts.
    ///
    /// Costs a timer, and no task. For whatever else is waited for there is ``EventLoop/withDeadline(_:_:)``.
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

    // MARK: Others

    /// What other tasks, on any thread, write to this connection with, without ever waiting for its peer.
    ///
    /// - Parameters:
    ///   - policy: what becomes of a peer that is too slow for what is written to it. Default: its connection is closed.
    ///   - limit: bytes that may wait for it. Default: 64 KiB.
    /// - Returns: The writer; the same one, with its first settings, whenever this connection is asked.
    public func writer(_ policy: ConnectionWriter.Policy = .close, limit: Int = 64 * 1024) -> ConnectionWriter {
        ConnectionWriter(outlet: core.makeOutlet(policy, limit: limit))
    }
}

/// A deadline for what a connection's task waits for.
final class DeadlineScope {
    let outer: DeadlineScope?
    var hasPassed = false

    init(within outer: DeadlineScope?) { self.outer = outer }

    /// Whether this one has passed, or one around it.
    var isExpired: Bool { hasPassed || outer?.isExpired ?? false }
}
