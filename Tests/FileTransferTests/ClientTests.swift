// Client and server in one simulated world: downloads and uploads that are interrupted, gone on with, and refused.

import Reactor
import ReactorTesting
import Testing

@testable import FileTransfer

@Suite(.timeLimit(.minutes(20))) struct ClientTests {
    /// Runs one operation on a connection of its own, until it is over; the connection may be cut while it goes on.
    private static func run<Value>(
        _ world: TransferWorld, cutWhen: @escaping () -> Bool = { false },
        _ make: (@escaping (Result<Value, TransferError>) -> Void) -> TransferOperation
    ) throws -> Result<Value, TransferError> {
        var outcome: Result<Value, TransferError>?
        let operation = make { outcome = $0 }
        var client: TransferClient?
        try world.simulation.loop.connect(
            to: #require(world.simulation.address),
            handler: { _ in
                let made = TransferClient(connected: { $0.begin(operation) }, ended: { _ in })
                client = made
                return world.simulation.observe(made)
            }, failed: { Issue.record("\($0)") })
        try world.simulation.run { outcome != nil || cutWhen() }
        client?.abort()
        try world.simulation.run { outcome != nil }
        try world.settle()
        return try #require(outcome)
    }

    private static func download(
        _ world: TransferWorld, _ target: MemorySink, cutWhen: @escaping () -> Bool = { false }
    ) throws
        -> Result<TransferHeader, TransferError>
    {
        try run(world, cutWhen: cutWhen) {
            Download("file", to: target, hash: PlainHash.self, replaces: true, completed: $0)
        }
    }

    private static func makeTarget(_ world: TransferWorld) -> MemorySink {
        world.store.unfinished += 1
        return MemorySink(world.store, "copy")
    }

    @Test(arguments: Backend.all) func aDownloadGoesOnWhereItWasCut(_ backend: Backend) throws {
        let world = try TransferWorld(backend: backend)
        let content = numbered(1_200_000)
        world.store.files["file"] = content
        let target = Self.makeTarget(world)
        let first = try Self.download(world, target) { target.bytes.count > 400_000 }
        #expect(first.failureCode == .interrupted)
        let had = target.bytes.count
        #expect(had > 400_000 && had < 1_200_000 && world.store.files["copy"] == nil)
        #expect(try Self.download(world, target).failureCode == nil)
        #expect(world.store.files["copy"] == content)
        try world.simulation.check()
        #expect(world.store.unfinished == 0)
    }

    @Test func aChangedFileRestartsTheTransfer() throws {
        let world = try TransferWorld()
        world.store.files["file"] = numbered(50_000)
        for old in [[UInt8](repeating: 7, count: 10_000), [UInt8](repeating: 7, count: 60_000)] {
            let target = Self.makeTarget(world)
            target.bytes = old
            #expect(try Self.download(world, target).failureCode == nil)
            #expect(world.store.files["copy"] == numbered(50_000))
        }
        try world.simulation.check()
        #expect(world.store.unfinished == 0)
    }

    @Test func aDownloadThatCannotBeLeavesNothing() throws {
        let world = try TransferWorld()
        #expect(try Self.download(world, Self.makeTarget(world)).failureCode == .notFound)
        #expect(world.store.unfinished == 0 && world.store.files.isEmpty)
        world.store.files["file"] = numbered(900_000)
        world.store.room = 300_000
        #expect(try Self.download(world, Self.makeTarget(world)).failureCode == .noSpace)
        #expect(world.store.files["copy"] == nil)
        try world.simulation.check()
    }

    @Test(arguments: Backend.all) func anUploadGoesOnWhereItWasCut(_ backend: Backend) throws {
        let world = try TransferWorld(backend: backend)
        let content = numbered(1_200_000)
        let file = MemoryFile(world.simulation.kernel, content)
        var upload: Upload?
        let put = { (cut: @escaping () -> Bool) in
            try Self.run(world, cutWhen: cut) { completed in
                let made = Upload(file, as: "new", hash: PlainHash.self, replaces: false, completed: completed)
                upload = made
                return made
            }
        }
        #expect(try put { upload?.progress?.done ?? 0 > 900_000 }.failureCode == .interrupted)
        #expect(world.store.unfinished == 1)
        #expect(try put { false }.failureCode == nil)
        #expect(upload?.resumedAt ?? 0 > 0 && world.store.files["new"] == content)
        #expect(try put { false }.failureCode == .exists)
        try world.simulation.check()
        #expect(world.store.unfinished == 0)
    }

    @Test func anUploadThatCannotBeLeavesNothing() throws {
        let world = try TransferWorld()
        world.store.room = 400_000
        let file = MemoryFile(world.simulation.kernel, numbered(2_000_000))
        let outcome = try Self.run(world) {
            Upload(file, as: "new", hash: PlainHash.self, replaces: false, completed: $0)
        }
        #expect(outcome.failureCode == .noSpace)
        #expect(world.store.files.isEmpty && world.store.unfinished == 0)
        try world.simulation.check()
    }

    /// A server that lies about sizes, sends no hash, or talks nonsense.
    @Test(arguments: [
        #"{"status":"sending","size":10,"offset":0,"content-length":20}"#, #"{"status":"sending"}"#, "{}", "[]",
        #"{"status":"sending","size":-5,"offset":0,"content-length":0}"#,
        #"{"status":"sending","size":3,"offset":0,"content-length":3}abc"#,
    ])
    func aServerThatLiesIsNotBelieved(_ answer: String) throws {
        let world = try TransferWorld()
        let target = Self.makeTarget(world)
        let length = answer.firstIndex(of: "}").map { answer.utf8.distance(from: answer.startIndex, to: $0) + 1 } ?? 2
        let bytes =
            [0, 0, 0, UInt8(length)] + Array(answer.utf8) + Array(FrameForm.four.frame(TransferHeader(status: "done")))
        let liar = try world.simulation.listen(on: .loopback(port: 9999)) { _ in Liar(bytes) }
        var outcome: Result<TransferHeader, TransferError>?
        let download = Download("file", to: target, hash: PlainHash.self, replaces: true) { outcome = $0 }
        try world.simulation.loop.connect(
            to: liar.address,
            handler: { _ in TransferClient(connected: { $0.begin(download) }, ended: { _ in }) }, failed: { _ in })
        try world.simulation.run { outcome != nil }
        #expect(outcome?.failureCode == .malformed, "\(answer)")
        #expect(world.store.files.isEmpty)
        try world.simulation.check()
    }

    private final class Liar: ConnectionHandler {
        private let bytes: [UInt8]
        init(_ bytes: [UInt8]) { self.bytes = bytes }
        func received(_ bytes: RawSpan, on connection: Connection) { connection.write(self.bytes) }
    }
}

extension Result where Failure == TransferError {
    var failureCode: TransferError.Code? {
        if case .failure(let error) = self { return error.code }
        return nil
    }
}
