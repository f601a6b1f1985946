// Tasks of a connection that has a handler: what the handler awaits. They are listed in EventLoop.sourceTasks.

extension Connection {
    /// Starts a task on the loop's thread that ends with this connection.
    ///
    ///     func received(_ bytes: RawSpan, on connection: Connection) {
    ///         let name = Array(bytes)
    ///         connection.task { connection in
    ///             let user = try await users.find(name)  // an actor; the loop serves others meanwhile
    ///             connection.write(user.greeting)
    ///         }
    ///     }
    ///
    /// The task begins in this turn or the next and is cancelled when the connection has closed, before
    /// ``ConnectionHandler/closed(_:reason:)``; on a closed connection it is cancelled from its beginning. An error that
    /// it throws closes the connection with ``CloseReason/Kind/handlerError``, unless the task was cancelled.
    ///
    /// What the tasks of a connection write during one turn of the loop leaves in one send, before the loop waits again.
    /// Several tasks of one connection run in no particular order relative to each other; the handler goes on receiving
    /// meanwhile, unless it calls ``pauseReading()``.
    ///
    /// - Parameter operation: uses the connection, on the loop's thread.
    /// - Returns: The task, which may be cancelled earlier.
    @discardableResult
    public func task(
        _ operation: sending nonisolated(nonsending) @escaping (Connection) async throws -> Void
    ) -> Task<Void, Never> {
        let number = loop.sourceTasks.nextNumber()
        // Safe: the task runs on the loop's thread, by its executor.
        let bound = LoopValue(value: (self, operation))
        let task = Task(executorPreference: loop.executor) {
            do { try await bound.value.1(bound.value.0) } catch { bound.value.0.taskThrew(error) }
            bound.value.0.loop.sourceTasks.remove(number, of: bound.value.0)
        }
        if isClosed { task.cancel() } else { loop.sourceTasks.add(task, number, of: self) }
        return task
    }

    private func taskThrew(_ error: any Error) {
        let wasCancelled = error is CancellationError || (error as? WaitError)?.kind == .cancelled
        if !isClosed && !(wasCancelled && Task.isCancelled) { handlerThrew(error) }
    }

    /// A reference to this connection for other threads and for tables.
    public var reference: ConnectionReference { ConnectionReference(token: token, handle: loop.handle) }
}
