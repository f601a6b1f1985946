// What other reactors got wrong first: descriptors, tasks, files. The numbers are those of the project's list.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct ResourceRegressionTests {
    /// cpython 151615, libuv 690.
    @Test(arguments: Backend.all) func r05_outOfDescriptorsServesTheOldRefusesTheNewAndRecovers(
        _ backend: Backend
    ) throws {
        let counting = CountingKernel()
        let kernel = FaultyKernel(over: counting)
        let loop = try EventLoop(backend: backend, kernel: kernel)
        var reports: [LoopReport] = []
        loop.onReport = { reports.append($0) }
        let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
        let old = try TestClient(listener.address)
        try loop.run { loop.statistics.connectionsOpened == 1 }
        counting.limit = counting.open.count
        let waits = kernel.waits
        let new = try (0..<5).map { _ in try TestClient(listener.address) }
        try loop.run { loop.statistics.connectionsRefused == 5 }
        old.send("still served")
        try loop.run {
            old.drain()
            return old.text == "still served" && new.allSatisfy { $0.drain() }
        }
        #expect(new.allSatisfy { $0.ending == .end }, "refused politely")
        #expect(loop.statistics.acceptPauses >= 1)
        try loop.run(for: .milliseconds(500))
        #expect(kernel.waits - waits < 400)
        #expect(reports.count == 1 && reports[0].kind == .outOfResources)
        #expect(reports[0].description.contains("ulimit -n"))
        counting.limit = .max
        let late = try TestClient(listener.address)
        late.send("recovered")
        try loop.run(within: .seconds(3)) {
            late.drain()
            return late.text == "recovered"
        }
        loop.shutdown()
        #expect(counting.open.isEmpty && counting.faults.isEmpty)
    }

    /// Without a reserve there is no refusal. The pause between two attempts doubles from 10 ms to a second, so that the
    /// first second has several waits, and each later one at most two.
    @Test(arguments: Backend.all) func r05_outOfDescriptorsWithoutAReserveDoesNotSpin(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            kernel.fail(.reserve, with: .tooManyOpenFiles, times: .max)
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
            kernel.fail(.accept, with: .tooManyOpenFiles, times: .max)
            let client = try TestClient(listener.address)
            let waits = kernel.waits
            try loop.run(for: .seconds(1))
            #expect(kernel.waits - waits <= 20, "10, 20, 40 ... ms")
            kernel.heal(.accept)
            client.send("x")
            try loop.run(within: .seconds(3)) {
                client.drain()
                return client.text == "x"
            }
        }
    }

    /// muduo 260.
    @Test(arguments: Backend.all) func r14_aTaskGivenBeforeRunRunsAtOnce(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        let loop = try EventLoop(backend: backend, kernel: kernel)
        var order: [String] = []
        loop.execute { order.append("own") }
        let handle = loop.handle
        TestThread { handle.execute { $0.stop() } }.join()
        try loop.run()
        #expect(order == ["own"])
        #expect(kernel.waits <= 2)
    }

    /// clustershell 56: `server < file`.
    @Test(arguments: Backend.all) func r19_aRegularFileAsInputWorks(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let file = regularFile("line one\nline two\n")
            defer { close(file.rawValue) }
            var text: [UInt8] = []
            var isOver = false
            var watch: DescriptorWatch?
            watch = try loop.watch(file, for: .readable) { readiness in
                #expect(readiness.contains(.readable))
                let bytes = file.takeAll()
                text += bytes
                isOver = bytes.isEmpty
                if isOver { watch?.cancel() }
            }
            while !isOver { try loop.turn() }
            #expect(String(decoding: text, as: UTF8.self) == "line one\nline two\n")
            try loop.run(for: .milliseconds(5))
            #expect(loop.registrationCount == 1)
        }
    }

    /// h2o 287.
    @Test(arguments: Backend.all) func r24_descriptorsFromOneThousandTwentyFourOn(_ backend: Backend) throws {
        let kernel = HighDescriptorKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
            kernel.lowestDescriptor = 1500
            let client = try TestClient(listener.address)
            client.send("high")
            try loop.run { client.drain() || client.text == "high" }
            if loop.capabilities.descriptorLimit == nil {
                #expect(client.text == "high")
            } else {
                #expect(client.received.isEmpty && loop.statistics.connectionsRefused == 1)
                let error = #expect(throws: SocketError.self) { try listenAgain(loop) }
                #expect(error?.description.contains("1024") == true)
                #expect(error?.description.contains("select-unlimited") == true)
                // The loop and those below the limit are not concerned.
                kernel.lowestDescriptor = 0
                let low = try TestClient(listener.address)
                low.send("low")
                try loop.run { low.drain() || low.text == "low" }
            }
        }
    }

    private func listenAgain(_ loop: EventLoop) throws {
        _ = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
    }

    /// libevent's test-fdleak.
    @Test(arguments: Backend.all) func r25_everyDescriptorIsClosedExactlyOnce(_ backend: Backend) throws {
        let counting = CountingKernel()
        let kernel = FaultyKernel(over: counting)
        for cycle in 0..<30 {
            let loop = try EventLoop(backend: backend, kernel: kernel)
            var limits = Limits()
            limits.connections = 6
            let (address, recorders, listener) = try loop.listenRecording(limits: limits) { recorder in
                recorder.onReceived = { bytes, connection in
                    connection.write(bytes)
                    switch cycle % 4 {
                    case 0: connection.close()
                    case 1: connection.abort()
                    case 2: throw TestFailure(word: "on purpose")
                    default: break
                    }
                }
            }
            if cycle % 3 == 0 { kernel.fail(.accept, with: .noBufferSpace) }
            if cycle % 5 == 0 { kernel.fail(.epollControl, with: .noMemory) }
            let clients = try (0..<8).map { _ in try TestClient(address) }
            let connector = try loop.connect(to: address) { _ in
                EchoHandler()
            } failed: { _ in
            }
            let watch = try loop.watchSignal(.user2) {}
            for client in clients { client.send("x") }
            if cycle % 2 == 0 { clients[0].reset() }
            if cycle % 7 == 0 { connector.cancel() }
            if cycle % 6 == 0 { watch.cancel() }
            try loop.run { loop.statistics.connectionsOpened + loop.statistics.connectionsRefused >= 8 }
            for client in clients.dropFirst() { client.finish() }
            for _ in 0..<3 { try loop.turn(mayWait: false) }
            if cycle % 4 == 1 { listener.close() }
            loop.shutdown()
            #expect(counting.open.isEmpty, "cycle \(cycle)")
            #expect(recorders.all.allSatisfy { $0.calls.last == "closed" })
        }
        #expect(counting.faults.isEmpty)
        #expect(counting.made > 200)
    }
}
