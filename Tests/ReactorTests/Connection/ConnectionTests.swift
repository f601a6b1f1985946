// What a connection does for its handler: bytes in order, half-close, endings and their reasons.

import Glibc
import Reactor
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct ConnectionTests {
    @Test(arguments: Backend.all) func bytesComeAndGoInOrder(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in EchoHandler() }
            let client = try TestClient(listener.address)
            let all = pattern(3_000_000)
            var sent = 0
            try loop.run {
                if sent < all.count { sent += max(0, client.send(all[sent..<min(all.count, sent + 300_000)])) }
                client.drain()
                return client.received.count == all.count
            }
            #expect(client.received == all)
            #expect(loop.statistics.bytesReceived == all.count && loop.statistics.bytesSent == all.count)
        }
    }

    @Test(arguments: Backend.all) func bothAddressFamiliesWork(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            for text in ["127.0.0.1:0", "[::1]:0"] {
                var local: SocketAddress?
                let listener = try loop.listen(on: text) { connection in
                    local = connection.local
                    #expect(connection.peer.isLoopback && connection.isOpen && connection.fileDescriptor != nil)
                    return EchoHandler()
                }
                let client = try TestClient(listener.address)
                client.send("hello")
                try loop.run {
                    client.drain()
                    return client.text == "hello"
                }
                #expect(local == listener.address)
            }
        }
    }

    @Test(arguments: Backend.all) func theWritesOfOneCallbackLeaveInOneSend(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, _) = try loop.accepted { recorder in
                recorder.onReceived = { _, connection in
                    for word in ["a", "bc", "", "def"] { #expect(connection.write(word) == .taken) }
                    connection.write([0x67, 0x68])
                    #expect(connection.queuedBytes == 8)
                }
            }
            client.send("go")
            try loop.run {
                client.drain()
                return client.text == "abcdefgh"
            }
            #expect(loop.statistics.sends == 1)
        }
    }

    @Test(arguments: Backend.all) func aHalfClosedPeerIsAnsweredAtLeisure(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted { $0.onEnded = nil }
            client.send("question")
            client.finish()
            try loop.run { recorder.calls.last == "ended" }
            #expect(recorder.connection?.isOpen == false && recorder.connection?.isClosed == false)
            loop.schedule(after: .milliseconds(20)) {
                #expect(recorder.connection?.write("answer") == .taken)
                recorder.connection?.close()
            }
            try loop.run { client.drain() }
            #expect(client.text == "answer" && client.ending == .end)
            try loop.run { recorder.isClosed }
            #expect(recorder.reason?.kind == .ended)
            #expect(recorder.calls == ["connected", "received", "ended", "closed"])
        }
    }

    @Test(arguments: Backend.all) func finishEndsOneDirectionOnly(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onConnected = {
                    $0.write("bye")
                    $0.closeWrite()
                    #expect($0.write("more") == .closed)
                }
            }
            try loop.run { client.drain() }
            #expect(client.text == "bye" && client.ending == .end)
            client.send("still here")
            try loop.run { recorder.text == "still here" }
            client.finish()
            try loop.run { recorder.isClosed }
            #expect(recorder.reason?.kind == .ended)
            #expect(recorder.calls == ["connected", "received", "ended", "closed"])
        }
    }

    @Test(arguments: Backend.all) func abortIsSeenAsAReset(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onReceived = { _, connection in
                    connection.write("lost")
                    connection.abort()
                    #expect(connection.isClosed && connection.write("x") == .closed)
                    connection.abort()
                    connection.close()
                }
            }
            client.send("x")
            try loop.run { client.drain() }
            #expect(client.ending == .failed(ECONNRESET))
            #expect(recorder.reason?.kind == .aborted)
        }
    }

    /// Closing a socket with unread input resets it, and a reset may destroy the last reply.
    @Test(arguments: Backend.all) func aLingeringCloseSavesTheLastReply(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onReceived = { _, connection in
                    connection.pauseReading()
                    connection.write("refused")
                    connection.close()
                }
            }
            client.send("x")
            try loop.run { recorder.deliveries == 1 }
            client.send(pattern(20_000))  // nobody reads this
            try loop.run { client.drain() }
            #expect(client.text == "refused" && client.ending == .end)
            client.finish()
            try loop.run(within: .seconds(2)) { recorder.isClosed }
            #expect(recorder.reason?.kind == .closed)
            #expect(recorder.deliveries == 1)
        }
    }

    @Test(arguments: Backend.all) func lingeringIsLimitedInBytesAndTime(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var limits = Limits()
            limits.lingerTime = .milliseconds(60)
            limits.lingerBytes = 1000
            let prepare: (Recorder) -> Void = { recorder in
                recorder.onConnected = {
                    $0.write("bye")
                    $0.close()
                }
            }
            let (silent, first) = try loop.accepted(limits: limits, prepare)
            let start = loop.now
            try loop.run { first.isClosed }
            #expect(start.duration(to: loop.now) >= .milliseconds(40))
            limits.lingerTime = .seconds(60)
            let (talkative, second) = try loop.accepted(limits: limits, prepare)
            talkative.send(pattern(5000))
            try loop.run(within: .seconds(2)) { second.isClosed }
            #expect(first.reason?.kind == .closed && second.reason?.kind == .closed)
            _ = silent
        }
    }

    @Test(arguments: Backend.all) func aHandlerThatThrowsClosesItsConnectionOnly(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            var reports: [LoopReport] = []
            loop.onReport = { reports.append($0) }
            let (address, recorders, _) = try loop.listenRecording { recorder in
                recorder.onReceived = { bytes, connection in
                    connection.write("never sent")
                    if bytes == [UInt8(ascii: "x")] { throw TestFailure(word: "oops") }
                }
                recorder.onEnded = { _ in throw TestFailure(word: "ended") }
            }
            let (bad, good) = (try TestClient(address), try TestClient(address))
            try loop.run { recorders.all.count == 2 }
            bad.send("x")
            try loop.run { bad.drain() }
            #expect(bad.received.isEmpty)
            good.send("yes")
            try loop.run {
                good.drain()
                return good.text == "never sent"
            }
            good.finish()
            try loop.run { recorders.all.allSatisfy(\.isClosed) }
            #expect(recorders.all.allSatisfy { $0.reason?.kind == .handlerError && $0.reason?.error is TestFailure })
            #expect(loop.statistics.handlerErrors == 2)
            #expect(reports.first?.description.contains("oops") == true)
            #expect(reports.first?.description.contains("Recorder") == true)
        }
    }

    @Test(arguments: Backend.all) func aFactoryThatThrowsRefusesItsConnectionOnly(_ backend: Backend) throws {
        let kernel = CountingKernel()
        let loop = try EventLoop(backend: backend, kernel: kernel)
        var count = 0
        let listener = try loop.listen(on: "127.0.0.1:0") { _ in
            count += 1
            if count == 1 { throw TestFailure(word: "no") }
            return EchoHandler()
        }
        let (first, second) = (try TestClient(listener.address), try TestClient(listener.address))
        second.send("x")
        try loop.run {
            second.drain()
            return first.drain() && second.text == "x"
        }
        loop.shutdown()
        #expect(kernel.open.isEmpty && kernel.faults.isEmpty)
        #expect(loop.statistics.connectionsOpened == loop.statistics.connectionsClosed)
    }

    /// Edge-triggered, bytes and the end may have been told while nobody wanted to hear of them.
    @Test(arguments: Backend.all) func theEndThatCameWhileReadingWasPausedIsDelivered(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted { $0.onConnected = { $0.pauseReading() } }
            client.send("last words")
            client.finish()
            try loop.run(for: .milliseconds(20))
            #expect(recorder.calls == ["connected"] && recorder.connection?.isReadingPaused == true)
            recorder.connection?.resumeReading()
            try loop.run(within: .seconds(2)) { recorder.isClosed }
            #expect(recorder.text == "last words")
            #expect(recorder.calls == ["connected", "received", "ended", "closed"])
        }
    }

    /// A receive stops at urgent data, so a short one does not mean that the socket is empty.
    @Test(arguments: Backend.all) func bytesBehindUrgentDataAreDelivered(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted { $0.onConnected = { $0.pauseReading() } }
            client.send("before ")
            client.sendUrgent("!")
            client.send("after")
            try loop.run(for: .milliseconds(20))
            recorder.connection?.resumeReading()
            try loop.run(within: .seconds(2)) { recorder.text == "before after" }
        }
    }

    @Test(arguments: Backend.all) func bytesBehindUrgentDataAreDeliveredWithoutAPause(_ backend: Backend) throws {
        try withLoop(backend) { loop in
            let (client, recorder) = try loop.accepted()
            client.send("before ")
            client.sendUrgent("!")
            client.send("after")
            try loop.run(within: .seconds(2)) { recorder.text == "before after" }
        }
    }
}
