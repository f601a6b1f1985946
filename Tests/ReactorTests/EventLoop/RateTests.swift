// Rates on real sockets: never more than the rate allows for the time that has passed, and everything in the end.

import Reactor
import Testing

@Suite(.timeLimit(.minutes(20))) struct RateTests {
    @Test(arguments: Backend.all) func anEchoKeepsToItsRate(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var limits = Limits()
            limits.readRate = RateLimit(bytesPerSecond: 400_000, burst: 40_000)
            limits.writeRate = RateLimit(bytesPerSecond: 200_000, burst: 20_000)
            let start = loop.kernel.now()
            let (client, recorder) = try loop.accepted(limits: limits) { recorder in
                recorder.keepsBytes = false
                recorder.onReceived = { $1.write($0) }
            }
            let bytes = pattern(100_000)
            var unsent = bytes[...]
            var isTooFast = false
            try loop.run {
                if !unsent.isEmpty { unsent = unsent.dropFirst(max(0, client.send(unsent))) }
                client.drain()
                if let connection = recorder.connection {
                    let seconds = Double(start.duration(to: loop.kernel.now()) / .nanoseconds(1)) / 1e9
                    let read = connection.bytesReceived
                    let sent = connection.bytesSent
                    isTooFast = isTooFast || Double(read) > 400_000 * seconds + 40_000
                    isTooFast = isTooFast || Double(sent) > 200_000 * seconds + 20_000
                }
                return client.received.count == bytes.count
            }
            let isSame = client.received == bytes
            #expect(isSame && !isTooFast)
        }
    }
}
