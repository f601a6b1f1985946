// The end of a loop while something blocks: a name that is looked up, work that was given away. Everything here blocks until
// the test lets it go, after the loop has ended.

import Glibc
import Reactor
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Blocks whoever passes it until it is opened.
private final class Gate: Sendable {
    private let ends: (reading: CInt, writing: CInt)
    private let inside = Atomic(0)
    private let opened = Atomic(false)

    init() {
        var both: (CInt, CInt) = (-1, -1)
        let made = unsafe withUnsafeMutableBytes(of: &both) {
            unsafe pipe($0.baseAddress!.assumingMemoryBound(to: CInt.self))
        }
        precondition(made == 0, "no pipe to be had")
        ends = (both.0, both.1)
    }

    var count: Int { inside.load(ordering: .sequentiallyConsistent) }
    var isOpen: Bool { opened.load(ordering: .sequentiallyConsistent) }

    func pass() {
        inside.add(1, ordering: .sequentiallyConsistent)
        var byte: UInt8 = 0
        _ = unsafe read(ends.reading, &byte, 1)
    }

    func open() {
        if !opened.exchange(true, ordering: .sequentiallyConsistent) { close(ends.writing) }
    }
}

/// Counts the values that are still there.
private final class Count: Sendable {
    let value = Atomic(0)
    var now: Int { value.load(ordering: .sequentiallyConsistent) }
}

private final class Counted: Sendable {
    private let count: Count
    init(_ count: Count) {
        self.count = count
        count.value.add(1, ordering: .sequentiallyConsistent)
    }
    deinit { count.value.subtract(1, ordering: .sequentiallyConsistent) }
}

private struct HangingResolver: NameResolver {
    let gate: Gate

    func addresses(of host: String, port: UInt16) throws(SocketError) -> [SocketAddress] {
        gate.pass()
        return [.loopback(port: port)]
    }
}

@Suite(.timeLimit(.minutes(20))) struct EndingTests {
    /// Waits for threads that nothing else shows.
    private func wait(until condition: () -> Bool) { while !condition() { sched_yield() } }

    @Test(arguments: [true, false]) func theEndDoesNotWaitForAName(_ drains: Bool) throws {
        let gate = Gate()
        defer { gate.open() }
        let count = Count()
        let loop = try EventLoop()
        loop.resolver = HangingResolver(gate: gate)
        var kept: Counted? = Counted(count)
        try loop.connect(to: "slow.example:80") { [kept] _ in
            Issue.record("connected by \(String(describing: kept))")
            return EchoHandler()
        } failed: {
            Issue.record($0)
        }
        kept = nil
        try loop.run { gate.count == 1 }
        if drains { loop.drain(within: .seconds(60)) } else { loop.stop() }
        try loop.run()
        #expect(!gate.isOpen && count.now == 0, "the attempt is forgotten, and what it held")
    }

    @Test func aTaskThatConnectsByNameEndsWithItsLoop() throws {
        let gate = Gate()
        defer { gate.open() }
        let loop = try EventLoop()
        loop.resolver = HangingResolver(gate: gate)
        let ended = Count()
        loop.task { loop in
            do {
                _ = try await loop.connect(to: "slow.example:80")
            } catch let error as WaitError where error.kind == .loopEnded {
                ended.value.add(1, ordering: .sequentiallyConsistent)
            }
        }
        try loop.run { gate.count == 1 }
        loop.drain(within: .seconds(60))
        try loop.run()
        #expect(!gate.isOpen && ended.now == 1)
    }

    @Test(arguments: [true, false]) func runningWorkIsWaitedForUntilTheDeadlineOnly(_ isShared: Bool) throws {
        let pool = ThreadPool(threads: 1)
        let gate = Gate()
        let count = Count()
        let loop = try EventLoop()
        if isShared { loop.workers = pool }
        var told: [OffloadError?] = []
        try loop.offload {
            gate.pass()
            return Counted(count)
        } then: { (result: Result<Counted, any Error>) in
            if case .failure(let error) = result { told.append(error as? OffloadError) } else { told.append(nil) }
        }
        try loop.run { gate.count == 1 }
        let time = loop.now
        loop.drain(within: .milliseconds(30))
        try loop.run()
        #expect(told == [.abandoned])
        #expect(time.duration(to: LinuxKernel.shared.now()) >= .milliseconds(30), "it had its chance")
        pool.shutdown(within: .zero)
        #expect(!gate.isOpen)
        // What comes of it afterwards is released by the thread that did it.
        #expect(count.now == 0)
        gate.open()
        wait { pool.threadCount == 0 }
    }

    @Test func whatRunningWorkReturnsAfterTheEndIsReleasedOnItsThread() throws {
        let gate = Gate()
        let (values, made) = (Count(), Count())
        let loop = try EventLoop()
        try loop.offload {
            gate.pass()
            let value = Counted(values)
            made.value.add(1, ordering: .sequentiallyConsistent)
            return value
        } then: { (_: Result<Counted, any Error>) in
        }
        try loop.run { gate.count == 1 }
        loop.drain(within: .zero)
        try loop.run()
        gate.open()
        wait { made.now == 1 && values.now == 0 }
    }

    @Test func workThatIsOverWithinTheDeadlineIsTold() throws {
        let gate = Gate()
        let loop = try EventLoop()
        var result = 0
        try loop.offload {
            gate.pass()
            return 7
        } then: {
            result = (try? $0.get()) ?? -1
        }
        try loop.run { gate.count == 1 }
        loop.drain(within: .seconds(60))
        let opener = TestThread { gate.open() }
        try loop.run()
        opener.join()
        #expect(result == 7)
    }

    @Test func workThatWasCancelledIsNotWaitedFor() throws {
        let gate = Gate()
        defer { gate.open() }
        let loop = try EventLoop()
        var told: [OffloadError?] = []
        let work = try loop.offload {
            gate.pass()
        } then: { result in
            if case .failure(let error) = result { told.append(error as? OffloadError) }
        }
        try loop.run { gate.count == 1 }
        #expect(!work.cancel(), "it has begun")
        loop.drain(within: .seconds(60))
        try loop.run()
        #expect(!gate.isOpen && told == [.abandoned])
    }

    /// A connection that stays, and work that hangs: both end at the deadline.
    @Test func aServerWithSeveralLoopsEndsAtItsDeadline() throws {
        final class Stays: ConnectionHandler {
            func received(_ bytes: RawSpan, on connection: Connection) {}
            func draining(_ connection: Connection) {}
        }
        let gate = Gate()
        defer { gate.open() }
        let server = try TCPServer(on: "127.0.0.1:0", loops: 3).listen(preparing: { loop in
            loop.resolver = HangingResolver(gate: gate)
            try loop.connect(to: "slow.example:80", handler: { _ in EchoHandler() }, failed: { _ in })
            try loop.offload {
                gate.pass()
            } then: { _ in
            }
            return { _ in Stays() }
        })
        let client = try TestClient(server.address)
        try server.loop.run { gate.count == 6 }
        server.handle.drain(within: .milliseconds(50))
        try server.run()
        #expect(!gate.isOpen)
        client.drain()
        #expect(client.ending != nil)
    }

    @Test func aPoolJoinsTheThreadsThatAreIdleAndLeavesTheOthers() throws {
        let gate = Gate()
        let pool = ThreadPool(threads: 3)
        let loop = try EventLoop()
        loop.workers = pool
        var told = 0
        for number in 0..<3 {
            try loop.offload {
                if number == 1 { gate.pass() }
            } then: { _ in
                told += 1
            }
        }
        try loop.run { told == 2 && gate.count == 1 }
        pool.shutdown(within: .milliseconds(10))
        #expect(!gate.isOpen && pool.threadCount == 0)
        gate.open()
        loop.shutdown()
        #expect(told == 3)
    }
}
