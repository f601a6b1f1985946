// The file server in the simulated world: responses in order, in pieces of any size and under every fault; bodies, limits,
// deadlines, and peers that do not read.

import Reactor
import ReactorTesting
import TestSupport
import Testing

@testable import ReactorHTTP

@Suite(.timeLimit(.minutes(20))) struct HTTPSessionTests {
    /// A pipeline of requests of every kind, of which the last ends the connection.
    static let pipeline = pipeline(repeating: 200)

    static func pipeline(repeating count: Int) -> String {
        [
            "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /nothing HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n",
            "GET /small.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-4\r\n\r\n",
            "POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\na=b+c&d=%",
            "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=-7\r\n\r\n",
            "POST /form HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n",
        ].joined().replacing("&d=%", with: "&d=e")
            + "3\r\nx=y\r\n1;z\r\n+\r\n0\r\nTrailer: 1\r\n\r\n\r\nGET /folder HTTP/1.1\r\nHost: a\r\n\r\n"
            + "PUT /small.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nputOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"
            + String(repeating: "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n", count: count)
            + "BREW / HTTP/1.1\r\nHost: a\r\n\r\nGET /folder/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    }

    private static func responses(
        _ seed: UInt64, _ faults: Faults, _ backend: Backend, pieces: Bool, repeats: Int = 200
    )
        throws
        -> [UInt8]
    {
        let world = try HTTPWorld(seed: seed, faults: faults, backend: backend)
        let client = world.simulation.connect()
        var random = SeededGenerator(seed: seed)
        var rest = Array(pipeline(repeating: repeats).utf8)[...]
        while !rest.isEmpty {
            let count = pieces ? random.number(in: 1...60) : rest.count
            client.write(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
            if pieces && random.chance(0.2) { try world.simulation.run(for: .milliseconds(1)) }
        }
        try world.simulation.run { client.isOver }
        #expect(client.ended)
        try world.simulation.check()
        return client.received
    }

    @Test func aPipelineIsProcessedInOrder() throws {
        let received = try Self.responses(1, .none, .epoll(), pieces: false)
        let start = Array("HTTP/1.1 ".utf8)
        let places = received.indices.filter { received[$0] == start[0] && received[$0...].starts(with: start) }
        let statuses = places.map { Int(String(decoding: received[($0 + 9)..<($0 + 12)], as: UTF8.self)) ?? 0 }
        let text = String(decoding: received.prefix(3_000), as: UTF8.self)
        let expected =
            [200, 404, 206, 200, 200, 206, 200, 301, 405, 204] + [Int](repeating: 200, count: 200) + [501, 200]
        #expect(statuses == expected)
        #expect(text.contains("<dt>a</dt><dd>b c</dd>\n<dt>d</dt><dd>e</dd>"))
        let after = String(decoding: received[places[6]..<places[7]], as: UTF8.self)
        #expect(after.contains("<dt>x</dt><dd>y </dd>"))
        #expect(received.count > HTTPWorld.large.count)
    }

    @Test(arguments: Backend.all) func piecesAndFaultsChangeNothing(_ backend: Backend) throws {
        let whole = try Self.responses(1, .none, backend, pieces: false)
        for seed in 0..<4 as Range<UInt64> {
            let isSame = try Self.responses(seed, survivableFaults, backend, pieces: seed % 2 == 0) == whole
            #expect(isSame, "seed \(seed)")
        }
    }

    @Test func byteByByte() throws {
        let whole = try Self.responses(1, .none, .epoll(), pieces: false, repeats: 3)
        let world = try HTTPWorld(backend: .epoll(.edgeTriggered))
        let client = world.simulation.connect()
        for byte in Self.pipeline(repeating: 3).utf8 {
            client.write([byte])
            try world.simulation.run(for: .microseconds(200))
        }
        try world.simulation.run { client.isOver }
        let isSame = client.received == whole
        #expect(isSame)
        try world.simulation.check()
    }

    /// Everything goes wrong, and clients go whenever they like: nothing is left behind.
    @Test(arguments: Backend.all) func harshFaults(_ backend: Backend) throws {
        for seed in 0..<6 as Range<UInt64> {
            let world = try HTTPWorld(seed: seed, faults: .harsh, backend: backend)
            let clients = (0..<10).map { number in
                let client = world.simulation.connect()
                client.write(String(Self.pipeline.dropFirst(number * 7)))
                return client
            }
            try world.simulation.run(for: .milliseconds(200))
            for (index, client) in clients.enumerated() where !client.isOver {
                if index % 3 == 0 { client.reset() } else { client.closeWrite() }
            }
            try world.simulation.run(within: .seconds(300)) { world.simulation.loop.connectionCount == 0 }
            try world.simulation.check()
        }
    }

    // MARK: Peers that do not read

    /// A client that does not read gets no further responses: requests wait in the client's own buffers.
    @Test(arguments: Backend.all) func aClientThatDoesNotReadGetsNoResponse(_ backend: Backend) throws {
        let world = try HTTPWorld(backend: backend)
        world.files.files["60k"] = .init(bytes: [UInt8](repeating: 7, count: 60_000))
        let client = world.simulation.connect()
        client.stall()
        client.write(String(repeating: "GET /60k HTTP/1.1\r\nHost: a\r\n\r\n", count: 100))
        try world.simulation.run(for: .seconds(5))
        #expect(world.queuedBytes > 0 && world.queuedBytes < 200_000)
        client.resume()
        try world.simulation.run { client.received.count > 6_000_000 }
        client.close()
        try world.simulation.run { world.simulation.loop.connectionCount == 0 }
        try world.simulation.check()
    }

    /// One file at a time: a pipeline does not open as many as it has requests.
    @Test func aPipelineOfLargeFilesOpensOneAtATime() throws {
        let world = try HTTPWorld()
        let client = world.simulation.connect()
        client.stall()
        client.write(String(repeating: "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n", count: 10))
        try world.simulation.run(for: .seconds(1))
        #expect(world.files.opened == 1)
        client.resume()
        try world.simulation.run { client.received.count > 10 * HTTPWorld.large.count }
        client.closeWrite()
        try world.simulation.run { client.isOver }
        let responses = try HTTPTestResponse.all(client.received)
        #expect(responses.count == 10 && responses.allSatisfy { $0.content == HTTPWorld.large })
        try world.simulation.check()
    }

    /// What was promised cannot be sent: the connection is reset, so that nobody takes the part for the whole.
    @Test(arguments: Backend.all) func aFileThatShrinksResetsItsConnection(_ backend: Backend) throws {
        let world = try HTTPWorld(backend: backend)
        world.files.files["large.bin"]?.claimed = 300_000
        let client = world.simulation.connect()
        client.write("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\nGET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        try world.simulation.run { client.isOver }
        #expect(client.wasReset)
        world.files.files["short"] = .init(bytes: [1, 2, 3], claimed: 5)
        #expect(try world.get("/short").status == 503, "one that is read before is not begun")
        try world.simulation.check()
    }

    // MARK: Bodies

    @Test func aBodyIsAskedFor() throws {
        let world = try HTTPWorld()
        let client = world.simulation.connect()
        let type = "Content-Type: application/x-www-form-urlencoded"
        client.write("POST /form HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\(type)\r\n\r\n")
        try world.simulation.run { client.text == "HTTP/1.1 100 Continue\r\n\r\n" }
        client.write(
            "a=bPOST /form HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\(type)\r\n\r\nc=d")
        try world.simulation.run { client.text.contains("<dd>d</dd>") }
        #expect(client.text.matches(of: #/100 Continue/#).count == 1, "what has come need not be asked for")
        // Nobody wants this one.
        client.write("PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
        try world.simulation.run { client.isOver }
        let last = try #require(try HTTPTestResponse.all(client.received).last)
        #expect(last.status == 405 && last.fields["connection"] == "close")
        #expect(try world.exchange("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n").map(\.status) == [417])
        try world.simulation.check()
    }

    @Test func largeBodiesAreRefused() throws {
        let world = try HTTPWorld { $0.limits.bodyBytes = 1_000 }
        let post = "POST /small.txt HTTP/1.1\r\nHost: a\r\n"
        for request in [
            "Content-Length: 1001\r\n\r\n", "Content-Length: 9223372036854775807\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + String(repeating: "x", count: 1_001),
            "Transfer-Encoding: chunked\r\n\r\n" + String(repeating: "1\r\nx\r\n", count: 1_001),
        ] {
            #expect(try world.exchange(post + request).map(\.status) == [413])
        }
        let body = String(repeating: "x", count: 1_000)
        #expect(try world.get("/small.txt", "POST", "Content-Length: 1000", content: body).status == 405)
        let form = "Content-Type: application/x-www-form-urlencoded"
        #expect(try world.get("/form", "POST", form, "Content-Length: 65537").status == 413)
        #expect(
            try world.get("/form", "POST", "Content-Type: text/plain", "Content-Length: 1", content: "x").status == 415)
        #expect(try world.get("/form", "POST", form, "Content-Length: 2", content: "%4").status == 400)
        try world.simulation.check()
    }

    /// Every way to smuggle a request gets the response 400, and nothing after it is.
    @Test func nothingIsSmuggled() throws {
        let world = try HTTPWorld()
        for fields in HTTPRequestParserTests.smuggled {
            let request =
                "POST /small.txt HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n0\r\n\r\nGET /empty HTTP/1.1\r\nHost: a\r\n\r\n"
            #expect(try world.exchange(request).map(\.status) == [400], "\(fields.debugDescription)")
        }
        for chunk in ["FFFFFFFFFFFFFFFFF\r\n", "5\nhello", "1;" + String(repeating: "x", count: 5_000)] {
            let request =
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(chunk)\r\n0\r\n\r\nGET / HTTP/1.1"
            #expect(try world.exchange(request).map(\.status) == [400])
        }
        try world.simulation.check()
        #expect(world.counts.rejected == HTTPRequestParserTests.smuggled.count + 3)
    }

    @Test func bombs() throws {
        let world = try HTTPWorld()
        let start = "GET / HTTP/1.1\r\nHost: a\r\n"
        let long = String(repeating: "x", count: 100_000)
        #expect(try world.exchange("GET /\(long)").map(\.status) == [414])
        #expect(try world.exchange("\(start)X: \(long)").map(\.status) == [431])
        #expect(try world.exchange(start + String(repeating: "X: y\r\n", count: 10_000)).map(\.status) == [431])
        try world.simulation.check()
    }

    // MARK: Time

    /// A head that drips in has its time from the first byte on, also after another request.
    @Test(arguments: Backend.all) func slowHeadsGet408(_ backend: Backend) throws {
        for before in ["", "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let world = try HTTPWorld(backend: backend)
            let client = world.simulation.connect()
            client.write(before)
            try world.simulation.run(for: .seconds(5))
            let start = world.simulation.now
            for byte in "GET /small.txt HTTP/1.1\r\nHost: a".utf8 where !client.isOver {
                client.write([byte])
                try world.simulation.run(for: .seconds(1))
            }
            try world.simulation.run { client.isOver }
            #expect(try HTTPTestResponse.all(client.received).last?.status == 408)
            let time = start.duration(to: client.arrivals.last!.time)
            #expect((.seconds(10)...(.seconds(11))).contains(time))
            try world.simulation.check()
        }
    }

    @Test func slowBodiesGet408() throws {
        let world = try HTTPWorld()
        let client = world.simulation.connect()
        client.write("POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        for _ in 0..<40 where !client.isOver {
            client.write("x")
            try world.simulation.run(for: .seconds(1))
        }
        #expect(try HTTPTestResponse.all(client.received).map(\.status) == [408])
        try world.simulation.check()
    }

    /// Who asks for nothing is closed without a word: after its first silence, and between requests.
    @Test func silenceEndsAConnection() throws {
        let world = try HTTPWorld()
        let (silent, served) = (world.simulation.connect(), world.simulation.connect())
        served.write("GET /empty HTTP/1.1\r\nHost: a\r\n\r\n")
        try world.simulation.run(for: .seconds(11))
        #expect(silent.isOver && silent.received.isEmpty && !served.isOver)
        try world.simulation.run(for: .seconds(60))
        #expect(served.isOver)
        #expect(world.simulation.loop.timerCount == 0)
        try world.simulation.check()
    }

    /// A server that drains responds to pending requests, and says that it was the last.
    @Test func draining() throws {
        let world = try HTTPWorld()
        let (idle, asking, loading, new) = (
            world.simulation.connect(), world.simulation.connect(), world.simulation.connect(),
            world.simulation.connect()
        )
        loading.stall()
        idle.write("GET /empty HTTP/1.1\r\nHost: a\r\n\r\n")
        asking.write("GET /small.txt HTTP/1.1\r\n")
        loading.write("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        try world.simulation.run(for: .seconds(1))
        world.simulation.loop.drain()
        try world.simulation.run { idle.isOver }
        #expect(!asking.isOver && !loading.isOver && !new.isOver)
        asking.write("Host: a\r\n\r\nGET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        new.write("GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        loading.resume()
        try world.simulation.run { asking.isOver && loading.isOver && new.isOver }
        for client in [asking, new] {
            let responses = try HTTPTestResponse.all(client.received)
            #expect(responses.map(\.status) == [200] && responses[0].fields["connection"] == "close")
        }
        #expect(try HTTPTestResponse.all(loading.received)[0].content == HTTPWorld.large)
        try world.simulation.check()
    }
}
