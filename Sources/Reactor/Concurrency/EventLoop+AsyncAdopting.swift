// Adopted descriptors for tasks.

extension EventLoop {
    /// Makes an open descriptor a connection for a task.
    ///
    ///     let terminal = try await loop.adopt(OwnedDescriptor(pseudoterminal))
    ///     for try await line in terminal.lines(limit: 4096) { … }
    ///
    /// Works like ``adopt(_:writingTo:limits:handler:)``. The caller has to close the connection.
    ///
    /// - Parameters:
    ///   - descriptor: the descriptor.
    ///   - output: the descriptor for output, if `descriptor` is one direction only.
    ///   - limits: the connection's limits.
    /// - Returns: The connection.
    /// - Throws: ``SocketError`` when the descriptor cannot be adopted; ``WaitError`` when the task was cancelled or the
    ///   loop ended first.
    public nonisolated(nonsending) func adopt(
        _ descriptor: consuming OwnedDescriptor, writingTo output: consuming OwnedDescriptor? = nil,
        limits: Limits = Limits()
    ) async throws -> AsyncConnection {
        // A closure cannot consume what it captures.
        let input = descriptor.release()
        let other = output.take()?.release()
        return try await waitForConnection { handler, _ in
            let connection = try adopt(
                OwnedDescriptor(input), writingTo: other.map { OwnedDescriptor($0) }, limits: limits, handler: handler)
            return connection.abort
        }
    }
}
