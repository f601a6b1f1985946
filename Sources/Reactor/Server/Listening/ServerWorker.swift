// A further loop of a server, on its own thread.
//
//     starting --loop created, prepared--> serving --stopped, drained, failed--> ended
//        +------- either failed -----------> ended

/// A thread that runs a loop.
final class ServerWorker {
    private enum Stage: Sendable {
        case starting
        case serving(LoopBound<ServerMember>)
        case ended(SocketError?)
    }

    private var thread: SystemThread?
    private let stage = Monitor(Stage.starting)

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - name: the thread's name.
    ///   - make: creates the loop and its part of the server, on the thread.
    ///   - ended: called on the thread with the loop when it has ended.
    init(
        named name: String, _ make: @escaping @Sendable () throws(SocketError) -> (EventLoop, ServerMember),
        ended: @escaping @Sendable (EventLoop) -> Void
    ) throws(SocketError) {
        thread = try SystemThread.start(named: name) { [stage] in
            var failure: SocketError?
            do throws(SocketError) {
                let (loop, member) = try make()
                let bound = LoopBound(member, on: loop)
                stage.withLock { $0 = .serving(bound) }
                stage.wakeAll()
                defer { ended(loop) }
                try loop.run()
            } catch {
                failure = error
            }
            stage.withLock { $0 = .ended(failure) }
            stage.wakeAll()
        }
    }

    /// Waits until the loop is ready to serve.
    ///
    /// - Returns: The loop's part of the server.
    /// - Throws: The error that prevented it.
    func waitUntilServing() throws(SocketError) -> LoopBound<ServerMember> {
        let result: Result<LoopBound<ServerMember>, SocketError> = stage.wait { stage in
            switch stage {
            case .starting: nil
            case .serving(let member): .success(member)
            case .ended(let error):
                .failure(error ?? SocketError(.prepare, subject: "a loop", reason: "it was stopped while starting"))
            }
        }
        return try result.get()
    }

    /// Waits until the thread has ended.
    ///
    /// - Returns: The loop's error, or `nil`.
    func join() -> SocketError? {
        thread.take()?.join()
        return stage.withLock { stage in
            if case .ended(let error) = stage { error } else { nil }
        }
    }
}
