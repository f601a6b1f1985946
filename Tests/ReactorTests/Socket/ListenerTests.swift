// Accepting: limits, refusals, running out of descriptors, closing listeners.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct ListenerTests {
    @Test(arguments: Backend.all) func theLimitOfConnectionsIsExact(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var limits = Limits()
            limits.connections = 5
            var reports: [LoopReport] = []
            loop.onReport = { reports.append($0) }
            let (address, recorders, _) = try loop.listenRecording(limits: limits)
            var clients = try (0..<12).map { _ in try TestClient(address) }
            try loop.run { loop.statistics.connectionsRefused == 7 }
            #expect(recorders.all.count == 5)
            #expect(reports.count == 1 && reports[0].kind == .connectionLimit)
            try loop.run { clients.filter { $0.drain() }.count == 7 }
            // One leaves, one may come.
            let index = try #require(clients.firstIndex { $0.ending == nil })
            clients.remove(at: index).close()
            try loop.run { recorders.all.filter(\.isClosed).count == 1 }
            clients.append(try TestClient(address))
            clients.append(try TestClient(address))
            try loop.run { loop.statistics.connectionsRefused == 8 }
            #expect(recorders.all.count == 6)
        }
    }

    @Test(arguments: Backend.all) func theLimitOfAnAddressIsExact(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var limits = Limits()
            limits.connectionsPerAddress = 3
            let listener = try loop.listen(on: .ipv4(0, 0, 0, 0, port: 0), limits: limits) { _ in EchoHandler() }
            let address = SocketAddress.loopback(port: listener.address.port)
            let greedy = try (0..<6).map { _ in try TestClient(address, from: .ipv4(127, 0, 0, 2, port: 0)) }
            let modest = try (0..<3).map { _ in try TestClient(address, from: .ipv4(127, 0, 0, 3, port: 0)) }
            for client in greedy + modest { client.send("x") }
            try loop.run { (greedy + modest).allSatisfy { $0.drain() || $0.text == "x" } }
            #expect(greedy.filter { $0.ending == nil }.count == 3)
            #expect(modest.allSatisfy { $0.ending == nil })
            #expect(loop.statistics.connectionsRefused == 3)
            for client in greedy { client.close() }
            try loop.run { loop.statistics.connectionsClosed == 3 }
            let again = try TestClient(address, from: .ipv4(127, 0, 0, 2, port: 0))
            again.send("y")
            try loop.run { again.drain() || again.text == "y" }
            #expect(again.ending == nil)
        }
    }

    @Test(arguments: Backend.all) func errorsOfOneNewcomerDoNotConcernTheNext(_ backend: Backend) throws {
        for errno: Errno in [.connectionAbort, .protocolError, .notPermitted, .networkUnreachable, .interrupted] {
            let kernel = FaultyKernel()
            try withLoop(backend, kernel: kernel) { loop in
                let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
                kernel.fail(.accept, with: errno, times: 3)
                let client = try TestClient(listener.address)
                try loop.run { loop.statistics.connectionsOpened == 1 }
                #expect(loop.statistics.acceptPauses == 0)
                _ = client
            }
        }
    }

    @Test(arguments: Backend.all) func lackOfBuffersPausesAcceptingAndItResumes(_ backend: Backend) throws {
        for errno: Errno in [.noBufferSpace, .noMemory] {
            let kernel = FaultyKernel()
            try withLoop(backend, kernel: kernel) { loop in
                let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
                kernel.fail(.accept, with: errno, times: 3)
                let client = try TestClient(listener.address)
                let start = loop.now
                try loop.run { loop.statistics.connectionsOpened == 1 }
                #expect(loop.statistics.acceptPauses == 3)
                #expect(start.duration(to: loop.now) >= .milliseconds(60), "10, 20 and 40 ms")
                _ = client
            }
        }
    }

    @Test(arguments: Backend.all) func theReserveDescriptorComesBack(_ backend: Backend) throws {
        let counting = CountingKernel()
        let kernel = FaultyKernel(over: counting)
        try withLoop(backend, kernel: kernel) { loop in
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
            counting.limit = counting.open.count
            kernel.fail(.reserve, with: .tooManyOpenFiles)  // somebody else was quicker
            for expected in 1...3 {
                let client = try TestClient(listener.address)
                try loop.run { loop.statistics.connectionsRefused == expected }
                try loop.run { client.drain() }
            }
            #expect(loop.statistics.connectionsOpened == 0)
        }
        #expect(counting.open.isEmpty && counting.faults.isEmpty)
    }

    @Test(arguments: Backend.all) func aClosedListenerAcceptsNoMore(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var limits = Limits()
            limits.acceptsPerTurn = 2
            let (address, recorders, listener) = try loop.listenRecording(limits: limits)
            let clients = try (0..<6).map { _ in try TestClient(address) }
            recorders.all.removeAll()
            try loop.run { !recorders.all.isEmpty }
            #expect(recorders.all.count <= 2, "two a turn")
            listener.close()
            listener.close()
            let accepted = recorders.all.count
            try loop.run { clients.filter { $0.drain() }.count == 6 - accepted }
            #expect(recorders.all.count == accepted)
            #expect(throws: TestClient.Failure.self) { _ = try TestClient(address) }
        }
    }

    @Test(arguments: Backend.all) func aRegistrationThatTheKernelRefusesClosesThatConnection(_ backend: Backend) throws
    {
        guard backend.description.hasPrefix("epoll") else { return }  // only epoll can refuse
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let (address, recorders, _) = try loop.listenRecording()
            try loop.turn(mayWait: false)
            kernel.fail(.epollControl, with: .noMemory)
            let clients = [try TestClient(address), try TestClient(address)]
            try loop.run { recorders.all.count == 2 && recorders.all.contains(where: \.isClosed) }
            #expect(recorders.all.filter(\.isClosed).count == 1)
            #expect(recorders.all.first(where: \.isClosed)?.reason?.kind == .failed)
            for client in clients { client.send("x") }
            try loop.run { recorders.all.contains { $0.text == "x" } }
        }
    }
}
