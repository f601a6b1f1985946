// Every number that a method or an initializer takes, at its extremes.

import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct ParameterExtremesTests {
    @Test func momentsAndDurationsSaturate() {
        let moments = Extremes.integers.map { MonotonicTime(nanoseconds: Int64($0)) }
        for moment in moments {
            for duration in Extremes.durations {
                let moved = moment.advanced(by: duration)
                #expect(duration > .zero ? moved >= moment : moved <= moment)
            }
            for other in moments {
                #expect(moment.duration(to: other) == .zero - other.duration(to: moment))
                #expect((moment.duration(to: other) >= .zero) == (moment <= other))
            }
        }
        #expect(MonotonicTime(nanoseconds: 1).advanced(by: .seconds(Int64.max) * 2) == .never)
    }

    @Test(arguments: Backend.all, Extremes.durations) func timersTakeAnyTime(_ backend: Backend, _ time: Duration)
        throws
    {
        let world = try Simulation(seed: 1, backend: backend)
        var fired = 0
        world.loop.schedule(after: time) { fired += 1 }
        let periodic = world.loop.schedule(after: .zero, repeating: time) { fired += 1 }
        let late = world.loop.schedule(after: time, repeating: time) { fired += 1 }
        world.loop.slowCallbackThreshold = time
        let tiny = time == .nanoseconds(1)  // a period of a nanosecond is what was asked for
        if tiny { _ = [periodic, late].map { world.loop.cancel($0) } }
        try world.run(for: .milliseconds(20))
        #expect(fired < 100, "it does not spin")
        #expect(fired >= 1)
        _ = [periodic, late].map { world.loop.cancel($0) }
        try world.run(for: .milliseconds(1))
        try world.check()
    }

    @Test(arguments: Backend.all, Extremes.durations) func deadlinesTakeAnyTime(_ backend: Backend, _ time: Duration)
        throws
    {
        let world = try Simulation(seed: 1, backend: backend)
        try world.listen { _ in Expecting(within: time) }
        let client = world.connect()
        try world.run(for: .milliseconds(10))
        #expect(client.isOver == (time <= .nanoseconds(1)))
        var failed: SocketError?
        world.kernel.setRoute(to: .ipv4(127, 0, 0, 9, port: 0), .slow(time))
        try world.loop.connect(
            to: .ipv4(127, 0, 0, 9, port: 1), timeout: time, handler: { _ in Expecting(within: time) },
            failed: { failed = $0 })
        try world.run(for: .milliseconds(10))
        #expect((failed != nil) == (time <= .nanoseconds(1)))
        world.loop.drain(within: time)
        try world.runToEnd()
        try world.check()
    }

    @Test(arguments: Extremes.durations) func aSimulationTakesAnyTime(_ time: Duration) throws {
        let kernel = SimulatedKernel(seed: 1, traceLength: .min)
        kernel.after(time) {}
        kernel.spend(time)
        kernel.settle(for: time)
        kernel.spend(time)
        #expect(kernel.now() >= MonotonicTime(nanoseconds: 1_000_000_000))
        let world = try Simulation(seed: 1, traceLength: .max)
        try world.run(within: time) { true }
        try world.listen { _ in Expecting(within: .seconds(1)) }
        world.connect().pace = time
        world.kernel.spend(time)
        try world.loop.turn(mayWait: false)
        world.loop.shutdown()
    }

    @Test(arguments: Extremes.integers) func numbersOfTheSimulatedKernel(_ number: Int) throws {
        for backend in Backend.all {
            for set: (SimulatedKernel) -> Void in [
                { $0.sendBuffer = number }, { $0.receiveBuffer = number }, { $0.callCost = Int64(number) },
                { $0.idleWaitsPerSecond = number }, { $0.forks = UInt32(truncatingIfNeeded: number) },
                { $0.fail(.receive, with: .interrupted, after: number, times: min(number, 3)) },
                { $0.fail(.wait, with: .interrupted, after: 0, times: min(number, 3)) },
                { $0.failCall(number: number, with: .noMemory) },
            ] {
                // The first call that a loop makes may be the one that fails.
                guard let world = try? Simulation(seed: 1, backend: backend, prepare: set) else { continue }
                try world.listen { _ in Expecting(within: .seconds(3600)) }
                let client = world.connect()
                client.readSize = number
                client.write("hello")
                // What a call costs may be more than any deadline allows.
                try? world.run(within: .seconds(100)) { client.text == "hello" || client.isOver }
                #expect(client.text == "hello" || client.isOver || world.kernel.callCost > 1_000_000)
                world.loop.shutdown()
            }
            // Fewer descriptors than the loop needs are a typed error.
            do throws(SocketError) {
                let world = try Simulation(seed: 1, backend: backend) { $0.descriptorMaximum = number }
                _ = world.loop.kernel.descriptorLimit()
                world.loop.shutdown()
            } catch {
                #expect(error.errno == .tooManyOpenFiles)
            }
        }
        let kernel = SimulatedKernel(seed: 1)
        let file = kernel.openFile([1, 2, 3])
        kernel.truncate(file, to: number)
        let socket = kernel.socket(.stream, for: .loopback(port: 1)).descriptor
        #expect(!kernel.sendFile(to: socket, from: file, at: Int64(number), count: -1).succeeded)
        _ = kernel.listen(socket, backlog: number)
        for option in [SocketOption.sendBuffer, .receiveBuffer, .noDelay] {
            _ = kernel.setOption(option, of: socket, to: number)
        }
        _ = kernel.close(FileDescriptor(rawValue: CInt(truncatingIfNeeded: number)))
        let scripted = ScriptedKernel([])
        scripted.time = Int64(number)
        #expect(scripted.ticks() == UInt64(bitPattern: Int64(number)))
        var random = SeededGenerator(seed: 1)
        #expect(random.below(number) >= 0)
        for range in Extremes.ranges {
            for _ in 0..<100 { #expect(range.contains(random.number(in: range))) }
        }
    }

    @Test(arguments: Extremes.integers) func workersOfTheSimulation(_ number: Int) throws {
        for range in Extremes.ranges {
            let world = try Simulation(seed: 1)
            (world.workers.count, world.workers.queueLimit, world.workers.duration) = (number, number, range)
            var isDone = false
            try world.loop.offload {
                1
            } then: { _ in
                isDone = true
            }
            try? world.run { isDone }
            #expect(isDone || range.lowerBound > 1_000_000_000 || range.upperBound == .max)
            world.loop.shutdown()
        }
    }

    private static let faults: [Setting<Faults>] = [
        Setting("shortTransfer", \.shortTransfer), Setting("wouldBlock", \.wouldBlock),
        Setting("interruption", \.interruption), Setting("spuriousReadiness", \.spuriousReadiness),
        Setting("reset", \.reset), Setting("abortedAccept", \.abortedAccept),
        Setting("outOfDescriptors", \.outOfDescriptors), Setting("outOfMemory", \.outOfMemory),
        Setting("failingRegistration", \.failingRegistration), Setting("reordering", \.reordering),
        Setting("slowPeer", \.slowPeer), Setting("stuckPeer", \.stuckPeer), Setting("datagramLoss", \.datagramLoss),
        Setting("datagramDuplication", \.datagramDuplication), Setting("datagramReordering", \.datagramReordering),
        Setting("delay", \.delay), Setting("segment", \.segment),
    ]

    @Test func everyFaultIsInTheTable() { expectComplete(Self.faults, of: Faults.none, apart: []) }

    @Test(arguments: [Backend.epoll(), .epoll(.edgeTriggered), .poll], faults) func extremeFaults(
        _ backend: Backend, _ setting: Setting<Faults>
    ) throws {
        for change in setting.changes {
            var faults = Faults.none
            change.apply(&faults)
            let world = try Simulation(seed: 1, faults: faults, backend: backend)
            // Where nothing can be had, or nothing arrives, there is an error, or nothing.
            _ = try? world.listen { _ in Expecting(within: .seconds(1)) }
            _ = try? world.bindDatagrams(handler: Silent())
            world.connect().write("hello")
            world.datagramPeer().send("x", to: .loopback(port: 7788))
            try? world.run(for: .milliseconds(5))
            world.loop.shutdown()
        }
    }

    // MARK: Reactor

    @Test(arguments: Extremes.integers) func pools(_ number: Int) throws {
        let pool = ThreadPool(threads: number, queueLimit: number)
        #expect(1...1024 ~= pool.maximumThreads && 1...(1 << 20) ~= pool.queueLimit)
        try withTestLoop { loop in
            loop.workers = pool
            var isDone = false
            try loop.offload {
                1
            } then: { _ in
                isDone = true
            }
            while !isDone { try loop.turn() }
        }
        pool.shutdown()
    }

    @Test(arguments: Extremes.integers) func memoryForDatagrams(_ number: Int) {
        let inbox = DatagramInbox(capacity: number, datagramSize: number)
        let outbox = DatagramOutbox(capacity: number, byteCapacity: number)
        let bytes: [UInt8] = [1]
        #expect(unsafe inbox.append(bytes.span.bytes, from: .loopback(port: 1)))
        #expect(unsafe outbox.append(bytes.span.bytes, to: nil))
        outbox.removeFirst(number)
        #expect(outbox.count == (number > 0 ? 0 : 1))
    }

    @Test(arguments: Extremes.integers) func framings(_ number: Int) throws {
        func exchange(_ framing: some MessageDecoder & MessageEncoder) throws {
            let world = try Simulation(seed: 1)
            try world.loop.listen(on: .loopback(port: 7788), framing: framing) { _ in Messages() }
            let client = world.connect(to: .loopback(port: 7788))
            client.write("\0\0\0\u{1}a\n")
            client.closeWrite()
            try world.run { client.isOver }
            try world.check()
        }
        try exchange(FixedSizeFraming(number))
        try exchange(LengthPrefixFraming(maximum: number))
        try exchange(LineFraming(maximum: number))
        try exchange(DelimiterFraming([10], maximum: number))
        #expect(throws: SocketError.self) { try IPNetwork("10.0.0.0/\(number == 0 || number == 1 ? 33 : number)") }
    }

    @Test(arguments: Extremes.integers) func filesFromAnywhere(_ number: Int) throws {
        for (offset, count) in [(number, 1), (0, number), (number, number)] {
            let world = try Simulation(seed: 1)
            var told: [SentFile] = []
            try world.listen { _ in
                Sending { connection in
                    let file = OwnedDescriptor(world.kernel.openFile([1, 2, 3]))
                    connection.sendFile(file, from: Int64(offset), count: count) { told.append($0) }
                    connection.close()
                }
            }
            let client = world.connect()
            try world.run { client.isOver && world.handlers.allSatisfy { $0.reason != nil } }
            #expect(told.count <= 1)
            try world.check()
        }
    }

    @Test(arguments: Extremes.doubles) func quantiles(_ fraction: Double) {
        #expect(TimeHistogram().quantile(fraction) == .zero)
    }

    @Test(arguments: Extremes.integers) func theKernelsOwnCalls(_ number: Int) throws {
        let kernel = LinuxKernel.shared
        var (read, write, except) = ([UInt64(0)], [UInt64(0)], [UInt64(0)])
        var readSpan = read.mutableSpan
        var writeSpan = write.mutableSpan
        var exceptSpan = except.mutableSpan
        let result = kernel.select(
            below: number, read: &readSpan, write: &writeSpan, except: &exceptSpan, timeout: .none)
        #expect(result.succeeded == (0...64 ~= number))
        #expect(SystemResult(rawValue: number).succeeded == (number >= 0))
        #expect((SystemResult(rawValue: number).errno == nil) == (number >= 0))
        var nothing: [PollEntry] = []
        var span = nothing.mutableSpan
        if number > 0 && number < 10 {
            #expect(kernel.poll(&span, timeout: WaitTimeout(nanoseconds: Int64(number))).succeeded)
        }
        try withTestLoop { loop in
            let descriptor = FileDescriptor(rawValue: CInt(clamping: number))
            if !(0...2 ~= descriptor.rawValue) {
                #expect(throws: SocketError.self) { try loop.watch(descriptor, for: .readable) { _ in } }
            }
            #expect(throws: SocketError.self) { try InheritedSocket(descriptor: descriptor) }
            let limits = RateLimit(bytesPerSecond: number, burst: number)
            #expect(limits.bytesPerSecond >= 1 && limits.burst >= 1)
            let group = RateGroup(loop, limit: limits)
            group.limit = RateLimit(bytesPerSecond: number)
        }
    }

    // MARK: Tasks

    @Test(arguments: Extremes.integers) func readsOfAnySize(_ number: Int) throws {
        try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            let served = Notes()
            let address = try loop.served { connection in
                connection.writer(.drop, limit: number).write("x")
                let first = try await connection.read(upTo: number)
                served.add("\(first?.count ?? 0)")
                if number <= 0 {
                    served.add("\(try await connection.readExactly(number)?.count ?? -1)")
                } else if number > 4 {
                    served.add("\(try await connection.readExactly(number) == nil)")
                }
                for try await _ in connection.lines(limit: number) {}
            }
            let connection = try await loop.connect(to: address)
            try await connection.write("hello")
            connection.closeWrite()
            _ = try? await connection.readExactly(100)
            #expect(served.all.first == (number > 5 ? "5" : "1"))
            if number <= 0 { #expect(served.all.last == "0") }
        }
    }

    @Test(arguments: Extremes.durations) func tasksWaitForAnyTime(_ time: Duration) throws {
        try AsyncWorld(backend: .epoll(), isSimulated: true).run { loop in
            let isShort = time <= .nanoseconds(1)
            let start = loop.now
            do {
                try await loop.withDeadline(.seconds(1)) { try await loop.sleep(for: time) }
                #expect(isShort)
            } catch {
                #expect(!isShort && loop.now >= start)
            }
            do {
                try await loop.withDeadline(time) { try await loop.sleep(for: .seconds(1)) }
                #expect(!isShort)
            } catch {
                #expect(isShort)
            }
        }
    }

    private func withTestLoop(_ body: (EventLoop) throws -> Void) throws {
        let loop = try EventLoop()
        defer { loop.shutdown() }
        try body(loop)
    }

    private final class Expecting: ConnectionHandler {
        private let time: Duration
        init(within time: Duration) { self.time = time }
        func connected(_ connection: Connection) { connection.expectMessage(within: time) }
        func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
    }

    private final class Sending: ConnectionHandler {
        private let send: (Connection) -> Void
        init(_ send: @escaping (Connection) -> Void) { self.send = send }
        func connected(_ connection: Connection) { send(connection) }
        func received(_ bytes: RawSpan, on connection: Connection) {}
    }

    private final class Messages: MessageHandler {
        func received(message: RawSpan, on connection: Connection) {}
    }

    private final class Silent: DatagramHandler {
        func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {}
    }
}
