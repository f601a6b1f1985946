// What a client of the file server may use up: places for open files, and time for what it has announced.

import Reactor
import ReactorTesting
import Testing

@testable import FileTransfer

@Suite(.timeLimit(.minutes(20))) struct LimitTests {
    private static func code(_ client: SimulatedClient) throws -> String? {
        try TransferWorld.frames(client.received).last?.0.code
    }

    @Test(arguments: Backend.all) func anUploadThatDripsInIsTooSlow(_ backend: Backend) throws {
        for (name, frame) in [
            ("an upload", TransferWorld.put("x", numbered(60_000))),
            ("a message", TransferWorld.frame(nil, numbered(60_000))),
            ("what is refused", TransferWorld.put("../x", numbered(60_000))),
        ] {
            let world = try TransferWorld(backend: backend)
            let client = world.simulation.connect()
            client.write(Array(frame.prefix(1000)))
            let begin = world.simulation.now
            for byte in frame.dropFirst(1000).prefix(10) where !client.isOver {
                client.write([byte])
                try world.simulation.run(for: .seconds(20))
            }
            #expect(client.isOver, "\(name)")
            #expect(try Self.code(client) == "too-slow", "\(name)")
            #expect(begin.duration(to: world.simulation.now) <= .seconds(61), "\(name)")
            try world.settle()
            #expect(world.store.files.isEmpty && world.store.unfinished == 0)
            try world.simulation.check()
        }
    }

    /// It is kept as any other upload that is cut off.
    @Test func aSlowUploadCanBeResumed() throws {
        let world = try TransferWorld()
        let frame = TransferWorld.put("x", numbered(60_000)) { $0.isResumable = true }
        let client = world.simulation.connect()
        client.write(Array(frame.prefix(2000)))
        try world.simulation.run(within: .seconds(120)) { client.isOver }
        try world.settle()
        #expect(try Self.code(client) == "too-slow")
        #expect(world.store.unfinished == 1)
        try world.simulation.check()
    }

    @Test func anUploadThatKeepsTheRateMayTakeLong() throws {
        let world = try TransferWorld()
        let frame = TransferWorld.put("x", numbered(60_000))
        let client = world.simulation.connect()
        for start in stride(from: 0, to: frame.count, by: 600) {
            client.write(Array(frame[start..<min(start + 600, frame.count)]))
            try world.simulation.run(for: .seconds(1))
        }
        try world.settle()
        #expect(try TransferWorld.frames(client.received).map(\.0.status) == ["stored"])
        #expect(world.store.files["x"] == numbered(60_000))
        // Idle time between frames is no slow upload.
        try world.simulation.run(for: .seconds(50))
        #expect(!client.isOver)
        try world.simulation.check()
    }

    @Test(arguments: Backend.all) func filesAreCountedAsLongAsTheyAreOpen(_ backend: Backend) throws {
        var limits = TransferServer.Limits()
        limits.openFiles = 3
        let world = try TransferWorld(backend: backend, limits: limits)
        world.store.files["old"] = numbered(5_000_000)
        let (downloads, uploads) = ((0..<2).map { _ in world.simulation.connect() }, [world.simulation.connect()])
        for client in downloads {
            client.stall()
            client.write(TransferWorld.get("old"))
        }
        let put = TransferWorld.put("new", numbered(60_000))
        uploads[0].write(Array(put.prefix(1000)))
        try world.settle()
        let requests =
            TransferWorld.get("old") + TransferWorld.put("x", [1, 2]) + TransferWorld.frame("list")
            + TransferWorld.frame("prepare") { ($0.name, $0.size) = ("y", 5) } + TransferWorld.frame(nil, [1])
        let answers = try world.answers(to: requests)
        #expect(answers.map { $0.0.code ?? $0.0.status } == ["busy", "busy", "done", "busy", "received"])
        // A place is free when the client has gone, the upload is stored, or the download is read.
        downloads[0].reset()
        try world.settle()
        #expect(try world.answers(to: TransferWorld.put("x", [1, 2])).map(\.0.status) == ["stored"])
        uploads[0].write(Array(put.dropFirst(1000)))
        try world.settle()
        for _ in 0..<5 {
            #expect(try world.answers(to: TransferWorld.get("old")).map(\.0.status) == ["sending", "done"])
            #expect(try world.answers(to: TransferWorld.get("nothing")).map(\.0.code) == ["not-found"])
        }
        downloads[1].reset()
        try world.settle()
        #expect(world.server.takenPlaces == 0)
        try world.simulation.check()
    }
}
