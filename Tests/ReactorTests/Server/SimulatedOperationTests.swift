// What a running loop tells of itself and lets be changed, in virtual time, where every figure is exact.

import Reactor
import ReactorTesting
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SimulatedOperationTests {
    /// A handler that computes for a while.
    private final class Slow: ConnectionHandler {
        let kernel: SimulatedKernel
        init(_ kernel: SimulatedKernel) { self.kernel = kernel }
        func received(_ bytes: RawSpan, on connection: Connection) {
            kernel.spend(.milliseconds(3))
            connection.write(bytes)
        }
    }

    /// Somebody who asks the admin socket.
    private final class Visitor: ConnectionHandler {
        let question: String
        var answer = ""
        init(_ question: String) { self.question = question }
        func connected(_ connection: Connection) { connection.write(question) }
        func received(_ bytes: RawSpan, on connection: Connection) {
            for offset in 0..<bytes.byteCount { answer.unicodeScalars.append(UnicodeScalar(bytes.byte(at: offset))) }
        }
    }

    /// Two callbacks of 3 ms in one turn: each took 3 ms, and who came last waited for 6.
    @Test(arguments: Backend.all) func timesAreThoseOfTheClock(_ backend: Backend) throws {
        let world = try Simulation(seed: 1, backend: backend)
        world.kernel.callCost = 0
        try world.listen { _ in Slow(world.kernel) }
        let clients = [world.connect(), world.connect()]
        try world.run { world.handlers.count == 2 }
        try world.run(for: .milliseconds(1))
        world.loop.measuresTimes = true
        for client in clients { client.write("x") }
        world.kernel.settle(for: .milliseconds(1))
        try world.run { clients.allSatisfy { $0.text == "x" } }
        let measured = world.loop.statistics
        #expect(measured.callbackTimes.longest == .milliseconds(3))
        #expect(measured.lag.longest == .milliseconds(6))
        #expect(measured.callbackTimes.quantile(0.5) <= measured.lag.longest)
        try world.check()
    }

    @Test(arguments: Backend.all) func theAdminSocketAnswersUnderFaults(_ backend: Backend) throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let world = try Simulation(seed: seed, faults: .mild, backend: backend)
            try world.loop.serveAdministration(at: "/run/admin")
            let visitor = Visitor("backend\nstats json\nconnections\nbackend poll\nnonsense\n")
            try world.loop.connect(
                to: .unix("/run/admin"), handler: { _ in visitor }, failed: { Issue.record("\($0)") })
            try world.run { visitor.answer.hasSuffix("error: unknown command 'nonsense'; try help\n") }
            #expect(visitor.answer.hasPrefix("backend: \(backend)\n{\"backend\":\"\(backend)\",\"uptime\":"))
            #expect(world.loop.backend == .poll)
            try world.check()
        }
    }

    /// A server that changes its selector every 500 us, under all that can go wrong but the loss of a connection.
    @Test(arguments: Backend.all) func changesWithoutEndLoseNothing(_ backend: Backend) throws {
        var faults = Faults.harsh
        (faults.reset, faults.outOfDescriptors, faults.outOfMemory) = (0, 0, 0)
        (faults.failingRegistration, faults.abortedAccept, faults.stuckPeer) = (0, 0, 0)
        let world = try Simulation(seed: 7, faults: faults, backend: backend)
        try world.listen { _ in EchoHandler() }
        let clients = (0..<20).map { _ in world.connect() }
        let text = String(repeating: "0123456789abcdef", count: 500)
        for client in clients { client.write(text) }
        var changes = 0
        let timer = world.loop.schedule(after: .zero, repeating: .microseconds(500)) {
            #expect(throws: Never.self) { try world.loop.switch(to: Backend.all[changes % Backend.all.count]) }
            changes += 1
        }
        try world.run { clients.allSatisfy { $0.text == text } }
        world.loop.cancel(timer)
        #expect(world.loop.statistics.switches > 20)
        try world.check()
    }

    /// The trace stands in front of any kernel, and tells the same story of the same seed.
    @Test func aTraceOfTheSimulatedKernelIsTheSameEachTime() throws {
        func story() throws -> [String] {
            let kernel = SimulatedKernel(seed: 3, faults: .mild)
            var lines: [String] = []
            let loop = try EventLoop(kernel: TracingKernel(kernel) { lines.append($0) })
            defer { loop.shutdown() }
            let listener = try loop.listen(on: "127.0.0.1:7788") { _ in EchoHandler() }
            let visitor = Visitor("hello")
            try loop.connect(to: listener.address, handler: { _ in visitor }, failed: { Issue.record("\($0)") })
            for _ in 0..<200 where visitor.answer != "hello" { try loop.turn() }
            return lines
        }
        let first = try story()
        #expect(try story() == first)
        #expect(first.contains { $0.contains("accept4(") && $0.hasPrefix("+0.") })
    }
}
