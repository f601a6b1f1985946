// The bridge from a synchronous command to asynchronous work.

import ArgumentParser
import Reactor
import Synchronization

/// The main thread while asynchronous work runs on other threads.
enum MainThread {
    private final class Outcome<Value: Sendable>: Sendable {
        let result = Mutex<Result<Value, any Error>?>(nil)
    }

    /// Runs asynchronous work on other threads and waits for it.
    ///
    /// Meanwhile the main thread runs an event loop for SIGINT, SIGTERM and SIGHUP. The first of them cancels the work,
    /// which ends the processes that it has started; the exit status is then 128 plus the signal's number, as in a
    /// shell.
    /// - Throws: What the work throws, `ExitCode` after a signal, or `SocketError` when no event loop can be created.
    static func run<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws -> Value {
        let loop = try EventLoop()
        let handle = loop.handle
        let outcome = Outcome<Value>()
        var task: Task<Void, Never>?
        var received: Signal?
        for signal in [Signal.interrupt, .terminate, .hangUp] {
            try loop.watchSignal(signal) {
                received = received ?? signal
                task?.cancel()
            }
        }
        task = Task {
            let result: Result<Value, any Error>
            do { result = .success(try await work()) } catch { result = .failure(error) }
            outcome.result.withLock { $0 = result }
            handle.stop()
        }
        try loop.run()
        if let received { throw ExitCode(128 + received.rawValue) }
        guard let result = outcome.result.withLock({ $0 }) else { preconditionFailure("the work stops the loop") }
        return try result.get()
    }
}
