// Changing the selector of a running loop: nothing is lost, everything that is ready is told, and a change that cannot be
// made leaves all as it was.

import Reactor
import ReactorTesting
import SystemPackage
import Testing

/// Two back ends: from which to which.
struct Change: CustomTestStringConvertible, Sendable {
    let from: Backend
    let to: Backend

    static let all = Backend.all.flatMap { from in
        Backend.all.compactMap { $0 == from ? nil : Change(from: from, to: $0) }
    }

    var testDescription: String { "\(from) to \(to)" }
}

@Suite(.timeLimit(.minutes(20))) struct SwitchTests {
    @Test(arguments: Change.all) func answersGoOn(_ change: Change) throws {
        try withLoop(change.from) { loop in
            let (client, _) = try loop.accepted { recorder in
                recorder.onReceived = { bytes, connection in connection.write(bytes) }
            }
            client.send("before ")
            try loop.run { client.has("before ") }
            try loop.switch(to: change.to)
            #expect(loop.backend == change.to && loop.statistics.switches == 1)
            client.send("after")
            try loop.run { client.has("before after") }
        }
    }

    /// The bytes came before the switch and nobody had read them: the new selector tells of them.
    @Test(arguments: Change.all) func tellsWhatWasReadyBefore(_ change: Change) throws {
        try withLoop(change.from) { loop in
            let (client, recorder) = try loop.accepted()
            client.send("waiting")
            client.finish()
            try loop.switch(to: change.to)
            try loop.run { recorder.isClosed }
            #expect(recorder.text == "waiting" && recorder.reason?.kind == .ended)
        }
    }

    /// What a turn had no budget for is told by a level-triggered selector again, and by an edge-triggered one never.
    @Test(arguments: Change.all) func readsOnWhereTheBudgetEnded(_ change: Change) throws {
        try withLoop(change.from) { loop in
            var limits = Limits()
            limits.receivesPerTurn = 1
            limits.bytesReceivedPerTurn = 1
            let (client, recorder) = try loop.accepted(limits: limits) { recorder in
                recorder.onReceived = { _, connection in
                    if connection.loop.statistics.switches == 0 { try connection.loop.switch(to: change.to) }
                }
            }
            let sent = pattern(200_000)
            var taken = client.send(sent)
            try loop.run {
                if taken < sent.count { taken += max(0, client.send(sent[taken...])) }
                return recorder.bytes.count == sent.count
            }
            #expect(recorder.bytes == sent && loop.backend == change.to)
        }
    }

    @Test(arguments: Change.all) func sendsOnWhatIsQueued(_ change: Change) throws {
        try withLoop(change.from) { loop in
            let (client, recorder) = try loop.accepted()
            let sent = pattern(900_000)
            try #require(recorder.connection).write(sent)
            try loop.turn(mayWait: false)
            #expect(try #require(recorder.connection).queuedBytes > 0)
            try loop.switch(to: change.to)
            try loop.run {
                client.drain()
                return client.received.count == sent.count
            }
            #expect(client.received == sent && recorder.calls.last == "drained")
        }
    }

    @Test(arguments: Change.all) func whoIsPausedIsToldNothingUntilItResumes(_ change: Change) throws {
        try withLoop(change.from) { loop in
            let (client, recorder) = try loop.accepted { $0.onConnected = { $0.pauseReading() } }
            client.send("kept")
            try loop.run(for: .milliseconds(5))
            try loop.switch(to: change.to)
            try loop.run(for: .milliseconds(5))
            #expect(recorder.text == "")
            try #require(recorder.connection).resumeReading()
            try loop.run { recorder.text == "kept" }
        }
    }

    /// A hang-up that nobody wanted to hear of took the connection out of the old selector; it does not make the new one spin.
    @Test(arguments: Change.all) func whoIsMutedStaysSilent(_ change: Change) throws {
        let kernel = FaultyKernel()
        try withLoop(change.from, kernel: kernel) { loop in
            let pair = Pair.sockets()
            var told: [Readiness] = []
            let watch = try loop.watch(pair.first, for: []) { told.append($0) }
            pair.closeSecond()
            try loop.run(for: .milliseconds(5))
            try loop.switch(to: change.to)
            let before = kernel.waits
            try loop.run(for: .milliseconds(50))
            #expect(kernel.waits - before <= 5 && told.isEmpty)
            watch.interest = .readable
            try loop.run { !told.isEmpty }
            watch.cancel()
        }
    }

    @Test(arguments: Change.all) func halfClosedConnectionsGoOnSending(_ change: Change) throws {
        try withLoop(change.from) { loop in
            let (client, recorder) = try loop.accepted { $0.onEnded = { _ in } }
            client.finish()
            try loop.run { recorder.calls.last == "ended" }
            try loop.switch(to: change.to)
            let connection = try #require(recorder.connection)
            connection.write("still here")
            connection.close()
            try loop.run { client.drain() }
            #expect(client.text == "still here")
        }
    }

    /// A selector that does not tell hang-ups: whoever wants nothing is looked at by timer, from the switch on.
    @Test func aPausedConnectionSeesAResetOnSelect() throws {
        try withLoop(.epoll()) { loop in
            let (client, recorder) = try loop.accepted { $0.onConnected = { $0.pauseReading() } }
            try loop.run(for: .milliseconds(5))
            try loop.switch(to: .select)
            client.reset()
            try loop.run { recorder.isClosed }
            #expect(recorder.reason?.kind == .failed)
        }
    }

    @Test(arguments: Change.all) func aListenerStaysInItsPause(_ change: Change) throws {
        let kernel = FaultyKernel()
        try withLoop(change.from, kernel: kernel) { loop in
            let (address, recorders, _) = try loop.listenRecording()
            kernel.fail(.accept, with: .noMemory)
            let client = try TestClient(address)
            try loop.run { loop.statistics.acceptPauses == 1 }
            let calls = kernel.calls[.accept]
            try loop.switch(to: change.to)
            try loop.turn(mayWait: false)
            #expect(kernel.calls[.accept] == calls)
            try loop.run { !recorders.all.isEmpty }
            withExtendedLifetime(client) {}
        }
    }

    @Test func regularFilesAreReadyWithEverySelector() throws {
        let kernel = FaultyKernel()
        try withLoop(.poll, kernel: kernel) { loop in
            let file = regularFile("x")
            var calls = 0
            let watch = try loop.watch(file, for: .readable) { _ in calls += 1 }
            for backend in [.epoll(), .epoll(.edgeTriggered), .select, .epoll(), .poll] as [Backend] {
                try loop.switch(to: backend)
                try loop.turn()  // epoll refuses it in this one
                let before = calls
                for _ in 0..<3 { try loop.turn() }
                #expect(calls == before + 3, "\(backend)")
            }
            watch.cancel()
            try file.close()
        }
    }

    @Test func timersTasksAndSignalsGoOn() throws {
        try withLoop(.epoll()) { loop in
            var fired = 0
            loop.schedule(after: .milliseconds(1), repeating: .milliseconds(1)) { fired += 1 }
            try loop.switch(to: .poll)
            let handle = loop.handle
            nonisolated(unsafe) var ran = false  // written on this thread, in a turn
            let thread = TestThread { handle.execute { _ in unsafe ran = true } }
            try loop.run { unsafe fired > 2 && ran }
            thread.join()
        }
    }

    // MARK: Where it may be asked for

    @Test(arguments: Change.all) func everyCallbackMayAskForIt(_ change: Change) throws {
        try withLoop(change.from) { loop in
            func toAndFro() throws {
                try loop.switch(to: change.to)
                try loop.switch(to: change.from)
                try loop.switch(to: change.to)
            }
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onConnected = { _ in try toAndFro() }
                recorder.onReceived = { bytes, connection in
                    connection.write(bytes)
                    try toAndFro()
                }
                recorder.onEnded = { connection in
                    try toAndFro()
                    connection.close()
                }
                recorder.onClosed = { _, _ in try? loop.switch(to: change.from) }
            }
            loop.schedule(after: .zero) { try? toAndFro() }
            loop.execute { try? toAndFro() }
            client.send("hello")
            try loop.run { client.has("hello") }
            client.finish()
            try loop.run { recorder.isClosed }
            #expect(recorder.reason?.kind == .ended && loop.backend == change.from)
        }
    }

    @Test func anotherThreadMayAskForIt() throws {
        try withLoop(.epoll()) { loop in
            let handle = loop.handle
            let thread = TestThread { handle.switch(to: .poll) }
            try loop.run { loop.backend == .poll }
            thread.join()
        }
    }

    // MARK: Refusals

    @Test(arguments: [Backend.epoll(), .epoll(.edgeTriggered), .poll, .unlimitedSelect])
    func selectRefusesDescriptorsAboveItsLimit(_ backend: Backend) throws {
        let kernel = HighDescriptorKernel(lowestDescriptor: 1100)
        try withLoop(backend, kernel: kernel) { loop in
            let (client, _) = try loop.accepted { recorder in
                recorder.onReceived = { bytes, connection in connection.write(bytes) }
            }
            let error = #expect(throws: SocketError.self) { try loop.switch(to: .select) }
            #expect("\(error!)".hasPrefix("cannot switch to select: it takes descriptors below 1024 only, and 11"))
            #expect(loop.backend == backend && loop.statistics.switches == 0)
            client.send("hello")
            try loop.run { client.has("hello") }
        }
    }

    /// Refused from another thread without anybody to tell, it is reported.
    @Test func aRefusalIsReported() throws {
        let kernel = CountingKernel()
        try withLoop(.poll, kernel: kernel) { loop in
            var reports: [LoopReport] = []
            loop.onReport = { reports.append($0) }
            kernel.limit = kernel.open.count
            loop.handle.switch(to: .epoll())
            try loop.run { !reports.isEmpty }
            #expect(reports[0].kind == .switchRefused)
            #expect(reports[0].description.contains("cannot switch to epoll-lt: too many open files"))
            #expect(loop.backend == .poll)
            nonisolated(unsafe) var told: SocketError?  // written on this thread, in a turn
            loop.handle.switch(to: .epoll()) { unsafe told = $0 }
            try loop.run { unsafe told != nil }
            #expect(unsafe told?.errno == .tooManyOpenFiles && reports.count == 1)
        }
    }

    /// The new selector has memory for some, but not for all: everyone stays with the old one, and nothing leaks.
    @Test(arguments: [Errno.noMemory, .noSpace]) func allOrNothing(_ errno: Errno) throws {
        let kernel = FaultyKernel()
        try withLoop(.poll, kernel: kernel) { loop in
            let (address, recorders, _) = try loop.listenRecording {
                $0.onReceived = { bytes, connection in connection.write(bytes) }
            }
            let clients = try (0..<5).map { _ in try TestClient(address) }
            try loop.run { recorders.all.count == 5 }
            kernel.fail(.epollControl, with: errno)
            let error = #expect(throws: SocketError.self) { try loop.switch(to: .epoll()) }
            #expect(error?.errno == errno && loop.backend == .poll)
            for client in clients { client.send("hello") }
            try loop.run { clients.allSatisfy { $0.has("hello") } }
            try loop.switch(to: .epoll())
            for client in clients { client.send("again") }
            try loop.run { clients.allSatisfy { $0.has("helloagain") } }
        }
    }

    @Test(arguments: Change.all) func noDescriptorIsLeft(_ change: Change) throws {
        let kernel = CountingKernel()
        try withLoop(change.from, kernel: kernel) { loop in
            try loop.switch(to: change.to)
            try loop.switch(to: change.from)
            let (client, recorder) = try loop.accepted()
            try loop.switch(to: change.to)
            client.close()
            try loop.run { recorder.isClosed }
        }
        #expect(kernel.open.isEmpty && kernel.faults.isEmpty)
    }

    @Test func aLoopThatHasEndedRefuses() throws {
        let loop = try EventLoop()
        loop.shutdown()
        #expect(throws: SocketError.self) { try loop.switch(to: .poll) }
    }

    @Test func theSameBackendIsNoChange() throws {
        try withLoop(.epoll()) { loop in
            try loop.switch(to: .epoll())
            #expect(loop.statistics.switches == 0)
        }
    }
}
