// Running a loop from a test: on the test's own thread, turn by turn, until something is true or a limit of time is
// reached, so that nothing sleeps and nothing hangs.

import Glibc
import Reactor
import Testing

extension EventLoop {
    /// Runs turns until `condition` holds; reports an issue when it does not within the limit.
    ///
    /// A tick of 2 ms wakes the loop to look at conditions that it does not know of.
    func run(
        within limit: Duration = .seconds(10), sourceLocation: SourceLocation = #_sourceLocation,
        until condition: () throws -> Bool
    ) throws {
        let end = ContinuousClock.now + limit
        let tick = schedule(after: .zero, repeating: .milliseconds(2)) {}
        defer { cancel(tick) }
        while try !condition() {
            guard ContinuousClock.now < end else {
                Issue.record("not so within \(limit)", sourceLocation: sourceLocation)
                throw TimedOut()
            }
            try turn()
        }
    }

    /// Runs the loop for a time, waking up for nothing of its own.
    func run(for time: Duration) throws {
        var isOver = false
        schedule(after: time) { isOver = true }
        while !isOver { try turn() }
    }
}

/// A condition did not come to hold.
struct TimedOut: Error {}

/// A loop that is shut down when the test is over, whatever happens.
func withLoop<Result>(
    _ backend: Backend, kernel: any SystemCalls = LinuxKernel.shared, _ body: (EventLoop) throws -> Result
) throws -> Result {
    let loop = try EventLoop(backend: backend, kernel: kernel)
    defer { loop.shutdown() }
    return try body(loop)
}

/// A thread that can be waited for.
@safe final class TestThread {
    private var thread = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(Box(body: body)).toOpaque()
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                let box = unsafe Unmanaged<Box>.fromOpaque(context!).takeRetainedValue()
                box.body()
                return nil
            }, box)
        precondition(result == 0, "no thread to be had")
    }

    func join() { _ = pthread_join(thread, nil) }

    private final class Box {
        let body: @Sendable () -> Void
        init(body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
