// The trace: one readable line for every call, event and callback, in order.

import Reactor
import ReactorTesting
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(20))) struct TraceTests {
    /// Lines without their times and descriptors.
    private static func story(_ lines: [String]) -> String {
        lines.map { line in
            let words = line.hasPrefix("+") ? line.drop { $0 != " " } : Substring(line)
            return String(words.drop { $0 == " " })
        }.joined(separator: "\n")
    }

    @Test(arguments: Backend.all) func tellsTheStoryOfAMessage(_ backend: Backend) throws {
        var lines: [String] = []
        try withLoop(backend, kernel: TracingKernel(showsBytes: true) { lines.append($0) }) { loop in
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onReceived = { bytes, connection in connection.write(bytes) }
            }
            let number = try #require(recorder.connection?.fileDescriptor?.rawValue)
            let newcomer = Self.story(lines)
            #expect(newcomer.contains("accept4("))
            #expect(newcomer.contains(") = \(number)  127.0.0.1:"))
            #expect(newcomer.contains("-> \(number) connected, 127.0.0.1:"))
            try loop.run(for: .milliseconds(3))
            lines = []
            client.send("hello world\n")
            try loop.run { client.has("hello world\n") }
            let message = Self.story(lines).split(separator: "\n").drop { !$0.hasPrefix("\(number) readable") }
            let expected = [
                #"recv(\#(number)) = 12  "hello world\n""#, #"-> \#(number) received 12 bytes "hello world\n""#,
                #"send(\#(number), 12 bytes) = 12  "hello world\n""#,
            ]
            #expect(message.dropFirst().prefix(3).map(String.init) == expected)
            client.finish()
            try loop.run { recorder.isClosed }
            let ending = Self.story(lines)
            #expect(ending.contains("-> \(number) ended"))
            #expect(ending.contains("close(\(number)) = 0\n-> \(number) closed: ended by the peer"))
        }
        #expect(lines.allSatisfy { !$0.contains("\n") })
    }

    @Test func timesGrow() throws {
        var lines: [String] = []
        try withLoop(.epoll(), kernel: TracingKernel { lines.append($0) }) { loop in
            try loop.run(for: .milliseconds(3))
        }
        let times = try lines.filter { $0.hasPrefix("+") }.map { try #require(Double($0.dropFirst().prefix(8))) }
        #expect(times.count > 3 && times == times.sorted() && times[times.count - 1] >= 0.003)
    }

    @Test func bytesAreEscapedAndCut() throws {
        var lines: [String] = []
        try withLoop(.epoll(), kernel: TracingKernel(showsBytes: true) { lines.append($0) }) { loop in
            let (client, recorder) = try loop.accepted()
            client.send([0, 9, 10, 13, 34, 92, 127, 200, 65])
            try loop.run { recorder.bytes.count == 9 }
            #expect(lines.contains { $0.hasSuffix(#"received 9 bytes "\x00\t\n\r\"\\\x7f\xc8A""#) })
            client.send(String(repeating: "long ", count: 1000))
            try loop.run { recorder.bytes.count == 5009 }
            #expect(lines.contains { $0.hasSuffix(#"  "long long long long long long lo"..."#) })
            #expect(lines.allSatisfy { $0.utf8.count < 250 })
        }
    }

    @Test func everyKindOfCallbackIsTold() throws {
        var lines: [String] = []
        try withLoop(.epoll(), kernel: TracingKernel { lines.append($0) }) { loop in
            let pipe = Pair.pipe()
            var isDone = false
            let watch = try loop.watch(pipe.first, for: .readable) { _ in pipe.first.takeAll() }
            pipe.second.put("x")
            loop.execute {}
            loop.schedule(after: .milliseconds(1)) { isDone = true }
            while !isDone { try loop.turn() }
            watch.cancel()
            let told = Self.story(lines)
            for line in ["-> task", "-> timer", "-> watch of \(pipe.first.rawValue): readable"] {
                #expect(told.contains(line))
            }
        }
    }

    /// Tracing changes nothing: a handler in front of which the trace stands says farewell as any other.
    @Test(arguments: Backend.all) func aTracedLoopDrains(_ backend: Backend) throws {
        final class Polite: ConnectionHandler {
            func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
            func draining(_ connection: Connection) {
                connection.write("farewell")
                connection.close()
            }
        }
        var lines: [String] = []
        try withLoop(backend, kernel: TracingKernel { lines.append($0) }) { loop in
            let listener = try loop.listen(on: "127.0.0.1:0") { _ in Polite() }
            let client = try TestClient(listener.address)
            client.send("hello")
            try loop.run { client.has("hello") }
            loop.drain(within: .seconds(10))
            try loop.run { client.has("hellofarewell") }
        }
        #expect(lines.contains { $0.hasSuffix(" draining") })
    }

    /// What is sent and received is secret, unless somebody asks for it.
    @Test(arguments: Backend.all) func bytesAreNotShownUnasked(_ backend: Backend) throws {
        var lines: [String] = []
        try withLoop(backend, kernel: TracingKernel { lines.append($0) }) { loop in
            let (client, recorder) = try loop.accepted { recorder in
                recorder.onReceived = { bytes, connection in connection.write(bytes) }
            }
            client.send("secret")
            try loop.run { client.has("secret") && recorder.bytes.count == 6 }
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", handler: EchoDatagrams())
            let peer = try TestPeer()
            peer.send("secret", to: socket.address)
            try loop.run { peer.texts == ["secret"] }
        }
        #expect(lines.contains { $0.hasSuffix(" received 6 bytes") })
        #expect(lines.contains { $0.contains("recv(") && $0.hasSuffix(" = 6") })
        #expect(lines.contains { $0.contains("sendmmsg(") && $0.hasSuffix(" 6 bytes") })
        #expect(!lines.contains { $0.contains("secret") })
    }

    /// The user's type is named, and not what stands in front of it.
    @Test func reportsNameTheUsersHandler() throws {
        try withLoop(.epoll(), kernel: TracingKernel { _ in }) { loop in
            var reports: [LoopReport] = []
            loop.onReport = { reports.append($0) }
            let (client, _) = try loop.accepted { $0.onReceived = { _, _ in throw TestFailure(word: "on purpose") } }
            client.send("x")
            try loop.run { !reports.isEmpty }
            #expect(reports[0].description.contains("Recorder of 127.0.0.1"))
        }
    }

    @Test func errorsAreInWords() throws {
        var lines: [String] = []
        let faulty = FaultyKernel()
        try withLoop(.poll, kernel: TracingKernel(faulty) { lines.append($0) }) { loop in
            let (address, _, _) = try loop.listenRecording()
            faulty.fail(.accept, with: .noMemory)
            let client = try TestClient(address)
            try loop.run { loop.statistics.acceptPauses == 1 }
            #expect(lines.contains { $0.contains("accept4(") && $0.contains(" = ") && $0.contains("ENOMEM") })
            withExtendedLifetime(client) {}
        }
    }
}
