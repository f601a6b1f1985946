// Slow readers on the real kernel: its own account of what the peer has acknowledged. The clock is moved by hand, by almost
// the limit at each step, so that nothing depends on how fast the machine is.

import Glibc
import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct SlowReaderTests {
    /// What the peer has acknowledged.
    private func acknowledged(_ connection: Connection) throws -> Int {
        let descriptor = try #require(connection.fileDescriptor)
        return connection.bytesSent - LinuxKernel.shared.unacknowledged(of: descriptor).rawValue
    }

    /// In the kernel's buffer, in the queue too, and the same after ``Connection/close()``.
    @Test(arguments: Backend.all, [false, true])
    func aReaderThatAcknowledgesALittleIsServedToTheEnd(_ backend: Backend, _ closes: Bool) throws {
        for sendBuffer in [nil, 8192] as [Int?] {
            let kernel = FaultyKernel()
            try withLoop(backend, kernel: kernel) { loop in
                var limits = Limits()
                limits.sendBuffer = sendBuffer
                limits.firstMessageTime = nil
                let (client, recorder) = try loop.accepted(limits: limits, receiveBuffer: 2048)
                let connection = try #require(recorder.connection)
                let count = 100_000
                loop.execute {
                    connection.write(pattern(count))
                    if closes { connection.close() }
                }
                try loop.run { connection.bytesSent > 0 }
                #expect(sendBuffer == nil ? connection.bytesSent == count : connection.queuedBytes > 0)
                for _ in 0..<10 {
                    let before = try acknowledged(connection)
                    try loop.run {
                        client.receive(200)
                        return try acknowledged(connection) > before
                    }
                    kernel.clockAhead += .seconds(55)
                    try loop.turn(mayWait: false)
                    try #require(!recorder.isClosed, "\(recorder.reason!)")
                }
                try loop.run {
                    client.drain()
                    return client.received.count == count
                }
                #expect(client.received == pattern(count))
                if closes {
                    client.finish()
                    try loop.run { recorder.isClosed }
                    #expect(recorder.reason?.kind == .closed)
                }
            }
        }
    }

    @Test(arguments: Backend.all) func aReaderThatStopsIsGivenUpWithinALittleMoreThanTheTime(_ backend: Backend) throws
    {
        for closes in [false, true] {
            let kernel = FaultyKernel()
            try withLoop(backend, kernel: kernel) { loop in
                var limits = Limits()
                limits.firstMessageTime = nil
                let (client, recorder) = try loop.accepted(limits: limits, receiveBuffer: 2048)
                let connection = try #require(recorder.connection)
                loop.execute {
                    connection.write(pattern(900_000))
                    if closes { connection.close() }
                }
                try loop.run { connection.bytesSent > 0 }
                client.receive(200)
                var ahead: Int64 = 0
                while !recorder.isClosed && ahead < 200 {
                    kernel.clockAhead += .seconds(2)
                    ahead += 2
                    for _ in 0..<3 { try loop.turn(mayWait: false) }
                }
                #expect(recorder.reason?.kind == .writeStalled)
                // All of it may be in the kernel's buffer: it is first looked at when something else is due.
                #expect((60...130).contains(ahead))
                client.drain()
                #expect(client.ending == .failed(ECONNRESET))
            }
        }
    }

    /// What a Unix socket's peer has not received is counted in pieces of memory.
    @Test(arguments: Backend.all) func aSlowReaderOfAUnixSocketIsServedToTheEnd(_ backend: Backend) throws {
        let kernel = FaultyKernel()
        let folder = TemporaryFolder()
        try withLoop(backend, kernel: kernel) { loop in
            let server = Recorder()
            var patient = Limits()
            patient.firstMessageTime = nil
            try loop.listen(on: "unix:\(folder.path)/s", limits: patient) { _ in server }
            (patient.idleTime, patient.writeStallTime) = (nil, nil)
            let client = Recorder()
            try loop.connect(to: SocketAddress("unix:\(folder.path)/s"), limits: patient) { _ in
                client
            } failed: {
                Issue.record($0)
            }
            try loop.run { server.connection != nil && client.connection != nil }
            let (connection, reader) = (try #require(server.connection), try #require(client.connection))
            reader.pauseReading()
            let count = 900_000
            loop.execute { connection.write(pattern(count)) }
            try loop.run { connection.queuedBytes > 0 }
            while client.bytes.count < count {
                let before = client.bytes.count
                client.onReceived = { _, connection in connection.pauseReading() }
                reader.resumeReading()
                try loop.run { client.bytes.count > before }
                kernel.clockAhead += .seconds(55)
                try loop.turn(mayWait: false)
                try #require(!server.isClosed, "\(server.reason!)")
            }
            #expect(client.bytes == pattern(count))
            // It stops.
            loop.execute { connection.write(pattern(count)) }
            try loop.run { connection.queuedBytes > 0 }
            for _ in 0..<40 where !server.isClosed {
                kernel.clockAhead += .seconds(2)
                for _ in 0..<3 { try loop.turn(mayWait: false) }
            }
            #expect(server.reason?.kind == .writeStalled)
        }
    }
}
