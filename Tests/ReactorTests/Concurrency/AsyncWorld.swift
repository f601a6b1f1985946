// The worlds in which tasks are tried: Linux and the simulated kernel, on every back end. The same program runs in all of
// them, both ends of its connections on one loop.

import Glibc
import Reactor
import ReactorTesting
import Synchronization
import Testing

/// Where a program of tasks runs.
struct AsyncWorld: Sendable, CustomTestStringConvertible {
    let backend: Backend
    let isSimulated: Bool

    static let all = Backend.all.flatMap {
        [AsyncWorld(backend: $0, isSimulated: false), AsyncWorld(backend: $0, isSimulated: true)]
    }

    var testDescription: String { "\(backend), \(isSimulated ? "simulated" : "Linux")" }

    /// Runs a program to its end, and looks whether it left anything behind.
    ///
    /// - Returns: What the program did, and what the loop counted.
    @discardableResult
    func run<Success: Sendable>(
        seed: UInt64 = 1, faults: Faults = .none, limit: Duration? = nil,
        _ program: sending nonisolated(nonsending) @escaping (EventLoop) async throws -> Success
    ) throws -> (result: Success, statistics: LoopStatistics) {
        let simulated = isSimulated ? SimulatedKernel(seed: seed, faults: faults) : nil
        let loop = try EventLoop(backend: backend, kernel: simulated ?? LinuxKernel.shared as any SystemCalls)
        if let simulated { loop.workers = SimulatedWorkers(kernel: simulated) }
        loop.schedule(after: limit ?? .seconds(isSimulated ? 3600 : 60)) {
            Issue.record("the program does not end")
            loop.stop()
        }
        let result = try loop.run(program)
        if let simulated {
            simulated.settle(for: .seconds(10))
            #expect(simulated.violations == [])
            #expect(simulated.openDescriptorCount == 0, "leaked: \(simulated.openDescriptorNames)")
        }
        #expect(loop.registrationCount == 0)
        return (result, loop.statistics)
    }
}

/// What tasks note down, for the test to read.
final class Notes: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

/// A number for the thread that asks.
func thisThread() -> UInt { UInt(pthread_self()) }

extension EventLoop {
    /// Serves each connection of a free port with a task, and answers where.
    func served(
        limits: Limits = Limits(),
        _ body: nonisolated(nonsending) @escaping @Sendable (AsyncConnection) async throws -> Void
    ) throws -> SocketAddress {
        try startServing(on: .loopback(port: 0), limits: limits, body).address
    }

    /// Waits until something is so, turn by turn.
    nonisolated(nonsending) func wait(
        within limit: Duration = .seconds(10), until condition: nonisolated(nonsending) () async -> Bool
    ) async throws {
        let end = now.advanced(by: limit)
        while await !condition() {
            if now > end { throw NotSo() }
            try await self.sleep(for: .milliseconds(10))
        }
    }
}

struct NotSo: Error {}
struct Sorry: Error {}

/// The echo, as a task.
@Sendable nonisolated(nonsending) func echo(_ connection: AsyncConnection) async throws {
    var buffer = [UInt8](repeating: 0, count: 1000)
    while let count = try await connection.read(into: &buffer) {
        try await connection.write(buffer.span.extracting(first: count))
    }
}

extension AsyncConnection {
    /// All that comes until the stream ends.
    nonisolated(nonsending) func readAll() async throws(WaitError) -> [UInt8] {
        var all: [UInt8] = []
        while let bytes = try await read() { all += bytes }
        return all
    }
}

/// Bytes that tell where they belong.
func numbered(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + period.count)
    while bytes.count < count { bytes += period }
    bytes.removeLast(bytes.count - count)
    return bytes
}

private let period = (0..<65_521).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ ($0 >> 8)) }

/// Runs something on a thread of its own. For loops that wait for Swift's pool, which has as many threads as there are
/// processors: a test that blocked one of them would wait for itself.
func onThread<Success: Sendable>(_ body: @escaping @Sendable () throws -> Success) async throws -> Success {
    var thread = pthread_t()
    let result: Result<Success, any Error> = await withCheckedContinuation { continuation in
        let box = unsafe Unmanaged.passRetained(ThreadBox { continuation.resume(returning: Result(catching: body)) })
        let error = unsafe pthread_create(
            &thread, nil,
            { pointer in
                unsafe Unmanaged<ThreadBox>.fromOpaque(pointer!).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        precondition(error == 0, "no thread to be had")
    }
    // It is about to end; and what it did is known to come first to tools that look for races, too.
    _ = pthread_join(thread, nil)
    return try result.get()
}

private final class ThreadBox {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
}
