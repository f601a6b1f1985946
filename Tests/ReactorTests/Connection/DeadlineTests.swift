// The deadlines of a connection, with limits short enough to be waited for.

import Glibc
import Reactor
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct DeadlineTests {
    private func limits(_ set: (inout Limits) -> Void) -> Limits {
        var limits = Limits()
        set(&limits)
        return limits
    }

    @Test(arguments: Backend.all) func anIdleConnectionIsClosed(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted(limits: limits { $0.idleTime = .milliseconds(80) }) {
                $0.onReceived = { bytes, connection in connection.write(bytes) }
            }
            // Kept alive by a byte every 20 ms for longer than the limit.
            let start = loop.now
            var bytes = 0
            let feeder = loop.schedule(after: .zero, repeating: .milliseconds(20)) {
                client.send("x")
                bytes += 1
            }
            try loop.run { bytes == 8 }
            loop.cancel(feeder)
            #expect(!recorder.isClosed && start.duration(to: loop.now) > .milliseconds(100))
            let last = loop.now
            try loop.run { recorder.isClosed }
            #expect(last.duration(to: loop.now) >= .milliseconds(60))
            #expect(recorder.reason?.kind == .idle)
            client.drain()
            #expect(client.ending != nil)
        }
    }

    @Test(arguments: Backend.all) func theFirstMessageMustComeInTime(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let limits = limits { $0.firstMessageTime = .milliseconds(60) }
            let (silent, first) = try loop.accepted(limits: limits)
            try loop.run { first.isClosed }
            #expect(first.reason?.kind == .messageTimeout)
            let (talking, second) = try loop.accepted(limits: limits)
            talking.send("x")
            try loop.run(for: .milliseconds(90))
            #expect(!second.isClosed)
            _ = silent
        }
    }

    @Test(arguments: Backend.all) func aHeaderThatDripsInExtendsNothing(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted {
                $0.onConnected = { $0.expectMessage(within: .milliseconds(70)) }
            }
            let start = loop.now
            let feeder = loop.schedule(after: .zero, repeating: .milliseconds(10)) { client.send("x") }
            try loop.run { recorder.isClosed }
            loop.cancel(feeder)
            #expect(recorder.reason?.kind == .messageTimeout && recorder.bytes.count > 2)
            #expect(start.duration(to: loop.now) >= .milliseconds(60))
        }
    }

    @Test(arguments: Backend.all) func aMessageThatArrivedMeetsItsDeadline(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onConnected = { $0.expectMessage(within: .milliseconds(50)) }
                recorder.onReceived = { bytes, connection in if bytes.last == 10 { connection.messageArrived() } }
            }
            client.send("mess")
            client.send("age\n")
            try loop.run(for: .milliseconds(80))
            #expect(!recorder.isClosed)
            recorder.connection!.expectMessage(within: .milliseconds(30))
            try loop.run { recorder.isClosed }
            #expect(recorder.reason?.kind == .messageTimeout)
        }
    }

    @Test(arguments: Backend.all) func aPeerThatStopsReadingIsGivenUp(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let limits = limits {
                $0.writeStallTime = .milliseconds(80)
                $0.sendBuffer = 8192
            }
            for closes in [false, true] {
                let (client, recorder) = try loop.accepted(limits: limits, receiveBuffer: 2048)
                loop.execute {
                    recorder.connection!.write(pattern(500_000))
                    if closes { recorder.connection!.close() }
                }
                try loop.run { recorder.isClosed }
                #expect(recorder.reason?.kind == .writeStalled)
                _ = client
            }
        }
    }

    @Test(arguments: Backend.all) func slowProgressIsNoStall(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let limits = limits {
                $0.writeStallTime = .milliseconds(150)
                $0.outputLimit = 8 << 20
                $0.sendBuffer = 8192
            }
            let (client, recorder) = try loop.accepted(limits: limits)
            loop.execute { recorder.connection!.write(pattern(6_000_000)) }
            var moved = 0
            let reader = loop.schedule(after: .zero, repeating: .milliseconds(15)) {
                for _ in 0..<20 { if case .bytes = client.receive(4096) { moved += 1 } }
            }
            try loop.run(for: .milliseconds(400))
            #expect(!recorder.isClosed && moved > 5)
            loop.cancel(reader)
            try loop.run { recorder.isClosed }
            #expect(recorder.reason?.kind == .writeStalled)
        }
    }

    @Test(arguments: Backend.all) func deadlinesCanBeOff(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let limits = limits {
                $0.idleTime = nil
                $0.firstMessageTime = nil
                $0.writeStallTime = nil
            }
            let timers = loop.timerCount
            let (client, recorder) = try loop.accepted(limits: limits)
            #expect(loop.timerCount <= timers + 1)
            client.send("x")
            try loop.run { recorder.text == "x" }
            client.close()
            try loop.run { recorder.isClosed }
        }
    }

    @Test(arguments: Backend.all) func aMessageCostsNoTimerWork(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
            let client = try TestClient(listener.address)
            client.send("x")
            try loop.run {
                client.drain()
                return client.received.count == 1
            }
            let timers = loop.timerCount
            let fired = loop.statistics.timersFired
            for number in 2...500 {
                client.send("x")
                while client.received.count < number {
                    try loop.turn(mayWait: false)
                    client.drain()
                }
            }
            #expect(loop.timerCount == timers && loop.statistics.timersFired - fired <= 1)
        }
    }
}
