// Pooled connections for tasks.

extension ConnectionPool {
    /// Leases a connection for the time of a closure.
    ///
    /// When the closure returns, the connection goes back to the pool if no input is left unread; when it throws, the
    /// connection is reset.
    ///
    /// - Parameter body: uses the connection, and must not keep it.
    /// - Returns: The result of `body`.
    /// - Throws: ``SocketError`` when there is not any connection within the wait time or too many requests wait;
    ///   ``WaitError`` when the task was cancelled or the loop ended first; the error of `body`.
    public nonisolated(nonsending) func withConnection<Success>(
        _ body: nonisolated(nonsending) (AsyncConnection) async throws -> Success
    ) async throws -> Success {
        let connection = try await loop.waitForConnection { handler, failed in
            let request = request(handler: handler, failed: failed)
            return { [self] in cancel(request) }
        }
        do {
            let value = try await body(connection)
            let isFit = connection.core.unreadCount == 0 && !connection.core.hasEnded
            connection.core.leaseEnded()
            release(connection.base, isFit: isFit)
            return value
        } catch {
            connection.abort()
            throw error
        }
    }
}
