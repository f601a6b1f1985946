// The file server in the simulated world, talked to in bytes: what it answers, what it keeps, and what it keeps not.

import Reactor
import ReactorTesting
import Testing

@testable import FileTransfer

/// A world with one server.
final class TransferWorld {
    let simulation: Simulation
    let store: MemoryStore
    let server: TransferServer

    init(
        seed: UInt64 = 1, faults: Faults = .none, backend: Backend = .epoll(), isWritable: Bool = true,
        limits: TransferServer.Limits = .init()
    ) throws {
        simulation = try Simulation(seed: seed, faults: faults, backend: backend)
        store = MemoryStore(simulation.kernel)
        server = TransferServer(store, hash: PlainHash.self, isWritable: isWritable, limits: limits)
        try simulation.listen { [server] _ in server.makeHandler() }
    }

    /// What comes back for some bytes, when the client ends its stream after them.
    func answers(to bytes: [UInt8], finishing: Bool = true) throws -> [(TransferHeader, [UInt8])] {
        let client = simulation.connect()
        client.write(bytes)
        if finishing { client.closeWrite() }
        try simulation.run { client.isOver }
        return try Self.frames(client.received)
    }

    func settle() throws { try simulation.run(for: .seconds(1)) }

    static func frames(_ bytes: [UInt8]) throws -> [(TransferHeader, [UInt8])] {
        var parser = FrameParser()
        var offset = 0
        var frames: [(TransferHeader, [UInt8])] = []
        while true {
            switch try unsafe parser.next(in: bytes.span.bytes, at: &offset) {
            case .header(let header): frames.append((header, []))
            case .content(let range): frames[frames.count - 1].1 += bytes[range]
            case .end: continue
            case .nothing: return frames
            }
        }
    }

    static func frame(_ command: String?, _ content: [UInt8] = [], _ change: (inout TransferHeader) -> Void = { _ in })
        -> [UInt8]
    {
        var header = TransferHeader()
        header.command = command
        if !content.isEmpty { header.contentLength = content.count }
        change(&header)
        return FrameForm.four.frame(header) + content
    }

    static func put(_ name: String, _ content: [UInt8], _ change: (inout TransferHeader) -> Void = { _ in }) -> [UInt8]
    {
        frame("put", content) { header in
            (header.name, header.sha256) = (name, PlainHash.of(content))
            change(&header)
        }
    }

    static func get(_ name: String) -> [UInt8] { frame("get") { $0.name = name } }
}

/// Bytes that tell where they belong.
func numbered(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ ($0 >> 8)) } }

@Suite(.timeLimit(.minutes(20))) struct ServerTests {
    private static var faults: Faults {
        var faults = Faults.harsh
        (faults.reset, faults.stuckPeer, faults.abortedAccept) = (0, 0, 0)
        (faults.outOfDescriptors, faults.failingRegistration) = (0, 0)
        return faults
    }

    @Test(arguments: Backend.all) func aStreamOfRequestsIsServedInOrder(_ backend: Backend) throws {
        for seed in 0..<3 as Range<UInt64> {
            let world = try TransferWorld(seed: seed, faults: Self.faults, backend: backend)
            let (old, new) = (numbered(60_000), numbered(30_001))
            world.store.files["old"] = old
            let bytes =
                TransferWorld.get("old") + TransferWorld.put("new", new)
                + TransferWorld.frame(nil, Array("hello".utf8)) { $0.contentType = "text/plain" }
                + TransferWorld.get("new") + TransferWorld.put("empty", []) + TransferWorld.get("empty")
                + TransferWorld.get("nothing") + TransferWorld.frame("list") + TransferWorld.frame("quit")
            let answers = try world.answers(to: bytes)
            let states = answers.map { $0.0.status ?? "-" }
            #expect(
                states == [
                    "sending", "done", "stored", "received", "sending", "done", "stored", "sending", "done", "refused",
                    "done", "goodbye",
                ])
            try #require(answers.count == 12)
            #expect(answers[0].1 == old && answers[1].0.sha256 == PlainHash.of(old))
            #expect(answers[3].1 == Array("hello".utf8) && answers[4].1 == new)
            #expect(String(decoding: answers[10].1, as: UTF8.self).contains(#""name":"new","size":30001"#))
            #expect(world.store.files["new"] == new && world.store.files["empty"] == [])
            try world.simulation.check()
            #expect(world.store.unfinished == 0)
        }
    }

    @Test func aHashMayComeBehind() throws {
        let world = try TransferWorld()
        let content = numbered(5000)
        let put = TransferWorld.put("new", content) { $0.sha256 = nil }
        let seal = TransferWorld.frame("seal") { $0.sha256 = PlainHash.of(content) }
        #expect(try world.answers(to: put + seal).map(\.0.status) == ["stored"])
        // Another frame in its place, or none.
        for rest in [TransferWorld.frame("list"), TransferWorld.frame("seal"), []] {
            let answers = try world.answers(to: TransferWorld.put("other", content) { $0.sha256 = nil } + rest)
            #expect(answers.first?.0.code == (rest.isEmpty ? nil : "bad-request"))
        }
        try world.settle()
        #expect(world.store.files.keys.sorted() == ["new"] && world.store.unfinished == 0)
        try world.simulation.check()
    }

    /// What is wrong with an upload, and the code of its refusal.
    @Test func whatIsWrongLeavesNothing() throws {
        let content = numbered(3000)
        let cases: [(String, [UInt8], TransferError.Code)] = [
            ("a wrong hash", TransferWorld.put("x", content) { $0.sha256 = "00" }, .mismatch),
            ("one that is there", TransferWorld.put("old", content), .exists),
            ("no name", TransferWorld.put("x", content) { $0.name = nil }, .badRequest),
            ("a name that leads out", TransferWorld.put("../x", content), .invalidName),
            ("a size that lies", TransferWorld.put("x", content) { $0.size = 1 }, .badRequest),
            ("a negative offset", TransferWorld.put("x", content) { $0.offset = -5 }, .badRequest),
            ("an offset beyond all", TransferWorld.put("x", content) { $0.offset = .max }, .badRequest),
            ("an offset of nothing kept", TransferWorld.put("x", content) { $0.offset = 5 }, .changed),
            ("a command that there is not", TransferWorld.frame("rm", content) { $0.name = "old" }, .badRequest),
            ("content where none is", TransferWorld.frame("get", content) { $0.name = "old" }, .badRequest),
        ]
        for (name, bytes, code) in cases {
            let world = try TransferWorld()
            world.store.files["old"] = [1]
            // The connection goes on.
            let answers = try world.answers(to: bytes + TransferWorld.get("old"))
            #expect(answers.map { $0.0.code ?? $0.0.status } == [code.rawValue, "sending", "done"], "\(name)")
            #expect(answers.allSatisfy { $0.0.code == nil || $0.0.error != nil })
            try world.settle()
            #expect(world.store.files == ["old": [1]] && world.store.unfinished == 0, "\(name)")
            try world.simulation.check()
        }
    }

    @Test func aServerThatIsReadOnlySaysSo() throws {
        let world = try TransferWorld(isWritable: false)
        let prepare = TransferWorld.frame("prepare") { ($0.name, $0.size) = ("x", 5) }
        let answers = try world.answers(
            to: prepare + TransferWorld.put("x", numbered(100_000)) + TransferWorld.frame("list"))
        #expect(answers.map { $0.0.code ?? $0.0.status } == ["read-only", "read-only", "done"])
        #expect(world.store.files.isEmpty && world.store.unfinished == 0)
        try world.simulation.check()
    }

    @Test(arguments: Backend.all) func aFullDiskIsReportedAndLeavesNothing(_ backend: Backend) throws {
        let world = try TransferWorld(backend: backend)
        world.store.room = 300_000
        let answers = try world.answers(
            to: TransferWorld.put("large", numbered(900_000)) + TransferWorld.frame("list"))
        #expect(answers.map { $0.0.code ?? $0.0.status } == ["no-space", "done"])
        try world.settle()
        #expect(world.store.files.isEmpty && world.store.unfinished == 0)
        try world.simulation.check()
    }

    @Test(
        arguments: [
            [0, 0, 0, 1, 0x7b], [0xff, 0xff, 0xff, 0xff], Array("GET / HTTP/1.1\r\n\r\n".utf8),
            [0, 0, 0, 2, 0x5b, 0x5d],
        ] as [[UInt8]])
    func aMalformedFrameIsRejectedAndEndsTheConnection(_ bytes: [UInt8]) throws {
        let world = try TransferWorld()
        let answers = try world.answers(to: TransferWorld.frame("list") + bytes, finishing: false)
        #expect(answers.map { $0.0.code ?? $0.0.status } == ["done", "malformed"])
        try world.simulation.check()
    }

    @Test func aHeaderThatDripsInIsTooSlow() throws {
        let world = try TransferWorld()
        let client = world.simulation.connect()
        client.write(TransferWorld.frame("list"))
        try world.simulation.run { !client.received.isEmpty }
        let begin = world.simulation.now
        for byte in TransferWorld.frame("list").prefix(12) {
            if client.isOver { break }
            client.write([byte])
            try world.simulation.run(for: .seconds(1))
        }
        #expect(client.isOver)
        #expect(begin.duration(to: world.simulation.now) <= .seconds(13))
        try world.simulation.check()
    }

    // MARK: Interrupted

    @Test func anUploadThatIsCutOffLeavesNothing() throws {
        for cut in [40, 200, 30_000, 59_999] {
            let world = try TransferWorld()
            let bytes = TransferWorld.put("x", numbered(60_000))
            _ = try world.answers(to: Array(bytes.prefix(cut)))
            let client = world.simulation.connect()
            client.write(Array(bytes.prefix(cut)))
            try world.settle()
            client.reset()
            try world.settle()
            #expect(world.store.files.isEmpty && world.store.unfinished == 0, "after \(cut)")
            try world.simulation.check()
        }
    }

    @Test func oneThatIsToBeKeptGoesOnWhereItWas() throws {
        let world = try TransferWorld()
        let content = numbered(140_000)
        let put = TransferWorld.put("x", content) { ($0.isResumable, $0.size) = (true, 140_000) }
        _ = try world.answers(to: Array(put.prefix(80_000)))
        try world.settle()
        #expect(world.store.unfinished == 1 && world.store.files.isEmpty)

        let prepare = TransferWorld.frame("prepare") { ($0.name, $0.size) = ("x", 140_000) }
        let ready = try #require(try world.answers(to: prepare).first?.0)
        let offset = try #require(ready.offset)
        #expect(offset > 60_000 && offset < 80_000)
        #expect(ready.prefixSHA256 == PlainHash.of(Array(content[..<offset])))
        let rest = TransferWorld.frame("put", Array(content[offset...])) { header in
            (header.name, header.offset, header.size) = ("x", offset, 140_000)
            (header.prefixSHA256, header.sha256) = (ready.prefixSHA256, PlainHash.of(content))
        }
        #expect(try world.answers(to: rest).first?.0.status == "stored")
        #expect(world.store.files["x"] == content && world.store.unfinished == 0)
        try world.simulation.check()
    }

    @Test func whatIsKeptIsForgottenInTime() throws {
        let world = try TransferWorld()
        for number in 0..<20 {
            let put = TransferWorld.put("x\(number)", numbered(30_000)) { $0.isResumable = true }
            _ = try world.answers(to: Array(put.prefix(20_000)))
        }
        try world.settle()
        #expect(world.store.unfinished == 16, "no more than the limit")
        try world.simulation.run(for: .seconds(700))
        #expect(world.store.unfinished == 0)
        // A server that ends forgets at once.
        let put = TransferWorld.put("x", numbered(30_000)) { $0.isResumable = true }
        _ = try world.answers(to: Array(put.prefix(20_000)))
        try world.settle()
        #expect(world.store.unfinished == 1)
        world.server.shutdown()
        #expect(world.store.unfinished == 0)
        try world.simulation.check()
    }

    @Test func drainingFinishesWhatHasBegun() throws {
        let world = try TransferWorld()
        world.store.files["old"] = numbered(500_000)
        let (idle, getting, putting) = (
            world.simulation.connect(), world.simulation.connect(), world.simulation.connect()
        )
        let put = TransferWorld.put("new", numbered(90_000))
        idle.write(TransferWorld.frame("list"))
        getting.write(TransferWorld.get("old"))
        putting.write(Array(put.prefix(50_000)))
        try world.simulation.run {
            getting.received.count > 1000 && !idle.received.isEmpty && world.store.unfinished == 1
        }
        world.simulation.loop.drain(within: .seconds(20))
        putting.write(Array(put.dropFirst(50_000)))
        try world.simulation.run { idle.isOver && getting.isOver && putting.isOver }
        #expect(try TransferWorld.frames(getting.received).last?.0.status == "done")
        #expect(try TransferWorld.frames(putting.received).map(\.0.status) == ["stored"])
        #expect(world.store.files["new"]?.count == 90_000 && world.store.unfinished == 0)
    }
}
