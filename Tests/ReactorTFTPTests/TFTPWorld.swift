// A TFTP server in the simulated world, with files in memory, and clients of the same loop.

import Reactor
import ReactorTesting
import ServedFiles
import SystemPackage
import Testing

@testable import ReactorTFTP

/// Files in memory. Safe to share: a world has one thread.
final class MemoryStore: TFTPStore, @unchecked Sendable {
    var files: [[UInt8]: [UInt8]] = [:]
    var isWritable = true
    /// Bytes after which the disk is full.
    var space = Int.max
    /// Bytes that a source of each file really has; fewer or more than its size says.
    var sourceLengths: [[UInt8]: Int] = [:]
    /// Sources and sinks that are not closed, committed or discarded.
    private(set) var open = 0

    final class Source: TransferSource, @unchecked Sendable {
        private let store: MemoryStore
        private var bytes: ArraySlice<UInt8>

        init(_ bytes: [UInt8], _ store: MemoryStore) {
            (self.bytes, self.store) = (bytes[...], store)
            store.open += 1
        }
        func read(_ count: Int) throws(FileAccessError) -> [UInt8] {
            defer { bytes = bytes.dropFirst(count) }
            return Array(bytes.prefix(count))
        }
        func close() { store.open -= 1 }
    }

    final class Sink: TransferSink, @unchecked Sendable {
        private let store: MemoryStore
        private let name: [UInt8]
        private(set) var bytes: [UInt8] = []
        private var isDone = false

        init(_ name: [UInt8], _ store: MemoryStore) {
            (self.name, self.store) = (name, store)
            store.open += 1
        }
        func write(_ more: [UInt8]) throws(FileAccessError) {
            if bytes.count + more.count > store.space { throw FileAccessError(Errno.noSpace) }
            bytes += more
        }
        func commit() throws(FileAccessError) {
            store.files[name] = bytes
            done()
        }
        func discard() { done() }
        private func done() {
            if !isDone { store.open -= 1 }
            isDone = true
        }
    }

    func source(_ path: [UInt8]) throws(FileAccessError) -> (source: any TransferSource, size: Int) {
        guard let bytes = files[path] else { throw FileAccessError(Errno.noSuchFileOrDirectory) }
        let length = sourceLengths[path] ?? bytes.count
        return (Source(Array((bytes + bytes).prefix(length)), self), bytes.count)
    }
    func sink(_ path: [UInt8]) throws(FileAccessError) -> any TransferSink {
        if !isWritable { throw FileAccessError(Errno.permissionDenied) }
        if files[path] != nil { throw FileAccessError(Errno.fileExists) }
        return Sink(path, self)
    }
}

/// What became of a client's transfer.
final class TransferOutcome {
    private(set) var isOver = false
    private(set) var failure: TransferFailure?
    var client: TFTPClient?

    func end(_ failure: TransferFailure?) {
        (isOver, self.failure) = (true, failure)
        client = nil
    }
}

/// A server and its clients.
final class TFTPWorld {
    let simulation: Simulation
    let store = MemoryStore()
    let server: TFTPServer
    let address: SocketAddress
    /// What clients have got.
    let local = MemoryStore()
    private(set) var reports: [TransferReport] = []

    init(
        seed: UInt64 = 1, faults: Faults = .none, backend: Backend = .epoll(), limits: TFTPLimits = TFTPLimits(),
        on place: SocketAddress = .loopback(port: 6969)
    ) throws {
        simulation = try Simulation(seed: seed, faults: faults, backend: backend)
        server = TFTPServer(store, limits: limits, on: simulation.loop)
        address = try Self.insisting { [server] () throws(SocketError) in try server.start(on: place) }
        server.transferEnded = { [unowned self] in reports.append($0) }
    }

    /// A fault that is there by chance is tried again.
    static func insisting<Value>(_ action: () throws(SocketError) -> Value) throws(SocketError) -> Value {
        while true {
            do throws(SocketError) { return try action() } catch {
                if error.errno?.faultClass != .resources { throw error }
            }
        }
    }

    func get(
        _ name: String, as other: String? = nil, _ settings: TFTPSettings = TFTPSettings(),
        from server: SocketAddress? = nil
    ) throws -> TransferOutcome {
        let outcome = TransferOutcome()
        let sink = try local.sink(Array((other ?? name).utf8))
        outcome.client = try Self.insisting { () throws(SocketError) in
            try TFTPClient.get(
                Array(name.utf8), from: server ?? address, into: sink, settings, on: simulation.loop, ended: outcome.end
            )
        }
        return outcome
    }

    func put(
        _ bytes: [UInt8], as name: String, _ settings: TFTPSettings = TFTPSettings(), announcing size: Int? = nil,
        to server: SocketAddress? = nil
    ) throws -> TransferOutcome {
        let outcome = TransferOutcome()
        local.files[[0]] = bytes
        let source = try local.source([0]).source
        outcome.client = try Self.insisting { () throws(SocketError) in
            try TFTPClient.put(
                source, size: size ?? bytes.count, to: server ?? address, as: Array(name.utf8), settings,
                on: simulation.loop,
                ended: outcome.end)
        }
        return outcome
    }

    func run(_ outcomes: TransferOutcome..., within time: Duration = .seconds(600)) throws {
        try simulation.run(within: time) { outcomes.allSatisfy(\.isOver) }
    }

    /// Ends the world: nothing is left open.
    func check() throws {
        try simulation.check()
        #expect(store.open == 0 && local.open == 0, "files were left open")
    }

    /// Bytes of a file; large ones repeat themselves, but for a number in every piece.
    static func file(_ count: Int) -> [UInt8] {
        let pieceSize = 1 << 16
        let piece = (0..<min(count, pieceSize)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let start = bytes.count
            bytes += piece.prefix(count - start)
            bytes[start] = UInt8(truncatingIfNeeded: start / pieceSize)
        }
        return bytes
    }
}
