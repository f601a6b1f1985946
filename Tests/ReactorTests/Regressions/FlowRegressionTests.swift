// What other reactors got wrong first: bytes, fairness, recursion. The numbers are those of the project's list.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct FlowRegressionTests {
    /// gnet 764, cpython 116279.
    @Test(arguments: Backend.all) func r01_aSlowReaderAndTenThousandWritesStayBounded(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var limits = Limits()
            limits.sendBuffer = 16 * 1024
            let piece = pattern(1000)
            var (written, most, resumed) = (0, 0, false)
            func fill(_ connection: Connection) {
                while written < 10_000 {
                    written += 1
                    let result = connection.write(piece)
                    most = max(most, connection.queuedBytes)
                    if result != .taken { return }
                }
            }
            let (client, recorder) = try loop.accepted(limits: limits, receiveBuffer: 8192) { recorder in
                recorder.keepsBytes = false
                recorder.onReceived = { _, connection in fill(connection) }
                recorder.onDrained = { connection in
                    resumed = resumed || !connection.isReadingPaused
                    #expect(connection.queuedBytes <= limits.outputLowWatermark)
                    fill(connection)
                }
            }
            client.send("x")
            try loop.run { recorder.connection!.isReadingPaused }
            client.send("paused")
            try loop.run(for: .milliseconds(10))
            #expect(recorder.deliveries == 1)
            try loop.run(within: .seconds(20)) {
                client.receive(30_000)
                return client.received.count == 10_000_000
            }
            #expect(most <= limits.outputHighWatermark + 65536 + 1000)
            #expect(resumed)
            #expect(client.received.count == 10_000 * piece.count)
            try loop.run { recorder.deliveries > 1 }
        }
    }

    /// rsyslog 5502.
    @Test(arguments: Backend.all) func r07_aFlooderDoesNotHoldUpOneHundredQuietClients(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var limits = Limits()
            limits.bytesReceivedPerTurn = 64 * 1024
            limits.receiveBuffer = 4 << 20
            let (address, recorders, _) = try loop.listenRecording(limits: limits) { $0.keepsBytes = false }
            let flooder = try TestClient(address)
            let quiet = try (0..<100).map { _ in try TestClient(address) }
            try loop.run { recorders.all.count == 101 }
            let flood = [UInt8](repeating: 1, count: 1 << 20)
            for round in 1...5 {
                for _ in 0..<8 { flooder.send(flood) }
                for client in quiet { client.send("x") }
                let before = recorders.all[0].connection!.bytesReceived
                var turns = 0
                while !recorders.all.dropFirst().allSatisfy({ $0.deliveries == round }) {
                    flooder.send(flood)
                    try loop.turn(mayWait: false)
                    turns += 1
                    try #require(turns < 1000)
                }
                #expect(turns <= 3, "everybody has a turn in each turn")
                #expect(recorders.all[0].connection!.bytesReceived - before <= turns * 2 * 64 * 1024)
            }
        }
    }

    /// davici 4. The budget of one receive a turn, and as few bytes as the kernel's model allows.
    @Test(arguments: Backend.all) func r08_oneMebibyteTakenInSmallPiecesIsComplete(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            var limits = Limits()
            limits.receivesPerTurn = 1
            limits.bytesReceivedPerTurn = 1
            // A short receive tells an edge-triggered loop that nothing is left, so there the pieces are whole.
            if !loop.capabilities.isEdgeTriggered { kernel.receiveLimit = 512 }
            let (client, recorder) = try loop.accepted(limits: limits)
            let all = pattern(1 << 20)
            var sent = 0
            while sent < all.count {
                sent += max(0, client.send(all[sent...]))
                try loop.turn(mayWait: false)
            }
            // Pausing and resuming at each delivery loses nothing either.
            recorder.onReceived = { _, connection in
                connection.pauseReading()
                loop.execute { connection.resumeReading() }
            }
            client.finish()
            try loop.run { recorder.isClosed }
            #expect(recorder.bytes == all)
            #expect(recorder.calls == ["connected", "received", "ended", "closed"])
        }
    }

    /// libevent 952, libuv 1787.
    @Test(arguments: Backend.all) func r11_tenThousandWritesInsideTheDrainedCallbackDoNotRecurse(
        _ backend: Backend
    ) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            var limits = Limits()
            limits.outputHighWatermark = 100
            limits.outputLowWatermark = 50
            // Each send takes a third of a write, so that each write makes pressure anew. An edge-triggered loop takes a
            // short send for a full buffer; there the pressure comes from writing outside of a callback.
            let isEdge = loop.capabilities.isEdgeTriggered
            if !isEdge { kernel.sendLimit = 100 }
            let piece = pattern(300)
            var (rounds, depth, deepest, lowest, highest) = (0, 0, 0, UInt.max, UInt.min)
            func round(_ connection: Connection) {
                depth += 1
                deepest = max(deepest, depth)
                var marker = 0
                let place = unsafe withUnsafePointer(to: &marker) { UInt(bitPattern: $0) }
                (lowest, highest) = (min(lowest, place), max(highest, place))
                rounds += 1
                if isEdge {
                    loop.execute { connection.write(piece) }
                } else {
                    connection.write(piece)
                }
                depth -= 1
            }
            let (client, recorder) = try loop.accepted(limits: limits) { recorder in recorder.onDrained = { round($0) }
            }
            loop.execute { recorder.connection!.write(piece) }
            try loop.run(within: .seconds(30)) {
                if loop.statistics.turns % 64 == 0 { client.drain() }
                return rounds > 10_000
            }
            #expect(deepest == 1)
            #expect(highest - lowest < 65536, "the stack does not grow from round to round")
        }
    }

    /// ponyc 4052.
    @Test(arguments: Backend.all) func r16_aStormOfInterruptionsChangesNoByte(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
            kernel.interruptsEvery = 2
            kernel.sendLimit = loop.capabilities.isEdgeTriggered ? .max : 3000
            let clients = try (0..<8).map { _ in try TestClient(listener.address) }
            let all = pattern(200_000)
            var sent = [Int](repeating: 0, count: 8)
            try loop.run {
                for index in 0..<8 where sent[index] < all.count {
                    sent[index] += max(0, clients[index].send(all[sent[index]...].prefix(10_000)))
                }
                return clients.allSatisfy { $0.drain() || $0.received.count == all.count }
            }
            #expect(clients.allSatisfy { $0.received == all })
        }
    }
}
