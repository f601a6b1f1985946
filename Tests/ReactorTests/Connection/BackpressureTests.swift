// Output that waits: watermarks, pausing, the hard limit, and what is told about them.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import Testing

/// Small kernel buffers and small watermarks, so that little output suffices.
private func smallLimits() -> Limits {
    var limits = Limits()
    limits.sendBuffer = 16 * 1024
    limits.outputLowWatermark = 8 * 1024
    limits.outputHighWatermark = 32 * 1024
    limits.outputLimit = 256 * 1024
    return limits
}

@Suite(.timeLimit(.minutes(20))) struct BackpressureTests {
    @Test(arguments: Backend.all) func pressurePausesReadingAndDrainingResumesIt(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let reply = pattern(100_000)
            let (client, recorder) = try loop.accepted(limits: smallLimits(), receiveBuffer: 4096) { recorder in
                recorder.keepsBytes = false
                recorder.onReceived = { _, connection in connection.write(reply) }
            }
            client.send("1")
            try loop.run { recorder.connection!.isReadingPaused }
            #expect(recorder.connection!.queuedBytes > 32 * 1024)
            #expect(loop.statistics.pressurePauses == 1)
            client.send("2")
            try loop.run(for: .milliseconds(20))
            #expect(recorder.deliveries == 1, "nothing is read from a peer that does not read")
            try loop.run {
                client.receive(4096)
                return recorder.deliveries == 2
            }
            #expect(recorder.calls == ["connected", "received", "drained", "received"])
            try loop.run {
                client.drain()
                return client.received.count == 200_000
            }
            #expect(client.received == reply + reply)
        }
    }

    @Test(arguments: Backend.all) func theHardLimitClosesWithItsReason(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted(limits: smallLimits(), receiveBuffer: 4096)
            var results: [WriteResult] = []
            var most = 0
            loop.execute {
                for _ in 0..<200 {
                    results.append(recorder.connection!.write(pattern(4096)))
                    most = max(most, recorder.connection!.queuedBytes)
                }
            }
            try loop.run { recorder.isClosed }
            #expect(recorder.reason?.kind == .outputLimit)
            #expect(most <= 256 * 1024)
            #expect(results.first == .taken && results.contains(.pressure) && results.last == .closed)
            _ = client
        }
    }

    @Test(arguments: Backend.all) func whoeverWasToldOfPressureIsToldThatItIsOver(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var limits = Limits()
            limits.outputHighWatermark = 16 * 1024
            limits.outputLowWatermark = 4 * 1024
            let (client, recorder) = try loop.accepted(limits: limits)
            // Written from outside of the connection's own callbacks; the kernel then takes all of it at once.
            var result: WriteResult?
            loop.execute { result = recorder.connection!.write(pattern(20_000)) }
            try loop.run { client.drain() || client.received.count == 20_000 }
            #expect(result == .pressure)
            try loop.run(within: .seconds(2)) { recorder.calls.contains("drained") }
            #expect(recorder.calls.filter { $0 == "drained" }.count == 1)
        }
    }

    /// Half of what a callback wrote is not taken by the kernel, and the callback also closed.
    @Test(arguments: Backend.all) func whatWasGatheredBeforeCloseIsAllSent(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let (client, recorder) = try loop.accepted(limits: smallLimits(), receiveBuffer: 4096) { recorder in
                recorder.onReceived = { _, connection in
                    for piece in 0..<15 { connection.write(pattern(4096, from: piece * 4096)) }
                    connection.close()
                }
            }
            client.send("x")
            try loop.run { recorder.deliveries == 1 }
            try loop.run {
                client.receive(1000)
                return client.ending != nil
            }
            #expect(client.received == pattern(15 * 4096))
            #expect(client.ending == .end)
        }
    }

    @Test(arguments: Backend.all) func aWriteToAnotherConnectionIsSentInTheSameTurnOrTheNext(_ backend: Backend) throws
    {
        try withLoop(backend) { loop in
            let (first, one) = try loop.accepted()
            let (second, two) = try loop.accepted()
            one.onReceived = { bytes, _ in two.connection!.write(bytes) }
            two.onReceived = { bytes, _ in
                one.connection!.write(bytes)
                one.connection!.write("!")
            }
            first.send("to the second")
            second.send("to the first")
            try loop.run {
                first.drain()
                second.drain()
                return first.text == "to the first!" && second.text == "to the second"
            }
        }
    }

    @Test(arguments: Backend.all) func aSendThatFindsNoBuffersIsTriedAgainWithoutASpin(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        try withLoop(backend, kernel: kernel) { loop in
            let (client, recorder) = try loop.accepted()
            kernel.fail(.send, with: .noBufferSpace, times: .max)
            loop.execute { recorder.connection!.write("patience") }
            let waits = kernel.waits
            try loop.run(for: .milliseconds(300))
            #expect(kernel.waits - waits < 100)
            kernel.heal(.send)
            try loop.run(within: .seconds(3)) {
                client.drain()
                return client.text == "patience"
            }
        }
    }
}
