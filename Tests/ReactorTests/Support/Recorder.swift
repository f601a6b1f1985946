// A connection handler that writes down what it is told, and does what the test says.

import Reactor
import SystemPackage
import Testing

/// Records the calls of one connection.
final class Recorder: ConnectionHandler {
    /// The calls, in order, by name; several `received` in a row count once.
    private(set) var calls: [String] = []
    /// The bytes.
    private(set) var bytes: [UInt8] = []
    private(set) var reason: CloseReason?
    /// `closed` was called, after which nothing else may be.
    private var isOver = false
    /// How often `received` was called.
    private(set) var deliveries = 0
    /// The connection, as long as it is there.
    private(set) weak var connection: Connection?

    var onConnected: ((Connection) throws -> Void)?
    var onReceived: (([UInt8], Connection) throws -> Void)?
    var onEnded: ((Connection) throws -> Void)? = { $0.close() }
    var onDrained: ((Connection) throws -> Void)?
    var onClosed: ((Connection, CloseReason) -> Void)?
    /// Keep the bytes, or only count the calls.
    var keepsBytes = true

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var isClosed: Bool { reason != nil }

    private func note(_ call: String) {
        if call != "received" || calls.last != call { calls.append(call) }
        if isOver { calls.append("!\(call) after closed") }
        if call == "closed" { isOver = true }
    }

    func connected(_ connection: Connection) throws {
        note("connected")
        self.connection = connection
        try onConnected?(connection)
    }

    func received(_ bytes: RawSpan, on connection: Connection) throws {
        note("received")
        deliveries += 1
        var copy: [UInt8] = []
        if keepsBytes || onReceived != nil {
            copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
            if keepsBytes { self.bytes += copy }
        }
        try onReceived?(copy, connection)
    }

    func ended(_ connection: Connection) throws {
        note("ended")
        try onEnded?(connection)
    }

    func drained(_ connection: Connection) throws {
        note("drained")
        try onDrained?(connection)
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        note("closed")
        self.reason = reason
        onClosed?(connection, reason)
    }
}

/// Bytes that tell where they belong, so that loss and disorder are seen.
func pattern(_ count: Int, from start: Int = 0) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
        let place = (start + bytes.count) % patternPeriod.count
        bytes += patternPeriod[place..<min(patternPeriod.count, place + count - bytes.count)]
    }
    return bytes
}

private let patternPeriod = (0..<65536).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ ($0 >> 8)) }

struct TestFailure: Error, Equatable { let word: String }

extension EventLoop {
    /// Listens on a free loopback port with one recorder a connection; the recorders are collected as they come.
    func listenRecording(
        limits: Limits = Limits(), _ prepare: @escaping (Recorder) -> Void = { _ in }
    ) throws -> (address: SocketAddress, recorders: Recorders, listener: Listener) {
        let recorders = Recorders()
        let listener = try listen(on: .loopback(port: 0), limits: limits) { _ in
            let recorder = Recorder()
            prepare(recorder)
            recorders.all.append(recorder)
            return recorder
        }
        return (listener.address, recorders, listener)
    }

    /// One accepted connection with its recorder, and the client at the other end.
    func accepted(
        limits: Limits = Limits(), receiveBuffer: CInt? = nil, _ prepare: @escaping (Recorder) -> Void = { _ in }
    ) throws -> (TestClient, Recorder) {
        let (address, recorders, listener) = try listenRecording(limits: limits, prepare)
        let client = try TestClient(address, receiveBuffer: receiveBuffer)
        try run { !recorders.all.isEmpty }
        listener.close()
        return (client, recorders.all[0])
    }
}

/// The recorders of a listener's connections.
final class Recorders {
    var all: [Recorder] = []
}
