// A handler of messages that writes down what it is told, and does what the test says.

import Reactor
import ReactorTesting
import SystemPackage
import Testing

/// Records the messages of one connection.
final class MessageRecorder: MessageHandler {
    var messages: [[UInt8]] = []
    /// What else was called, in order.
    var calls: [String] = []
    var refusal: FramingError?
    var reason: CloseReason?
    weak var connection: Connection?

    var onConnected: (Connection) throws -> Void = { _ in }
    var onMessage: ([UInt8], Connection) throws -> Void = { _, _ in }
    var onRefused: (Connection) throws -> Void = { _ in }

    init(_ prepare: (MessageRecorder) -> Void = { _ in }) { prepare(self) }

    var texts: [String] { messages.map { String(decoding: $0, as: UTF8.self) } }

    func connected(_ connection: Connection) throws {
        self.connection = connection
        try onConnected(connection)
    }
    func received(message: RawSpan, on connection: Connection) throws {
        #expect(!connection.isReadingPaused && !connection.isClosed && !calls.contains("ended"))
        messages.append(unsafe message.withUnsafeBytes { unsafe Array($0) })
        try onMessage(messages.last!, connection)
    }
    func refused(_ connection: Connection, error: FramingError) throws {
        calls.append("refused")
        refusal = error
        try onRefused(connection)
    }
    func ended(_ connection: Connection) throws {
        calls.append("ended")
        connection.close()
    }
    func drained(_ connection: Connection) throws { calls.append("drained") }
    func closed(_ connection: Connection, reason: CloseReason) {
        calls.append("closed")
        self.reason = reason
    }
}

extension Simulation {
    /// A server whose only connection's messages are recorded, and a client of it.
    func framed(
        by decoder: some MessageDecoder, limits: Limits = Limits(),
        _ prepare: @escaping (MessageRecorder) -> Void = { _ in }
    ) throws -> (SimulatedClient, MessageRecorder) {
        let recorder = MessageRecorder(prepare)
        try listen(limits: limits) { _ in recorder.framed(by: decoder) }
        return (connect(), recorder)
    }
}

/// Harsh faults under which a connection nevertheless lives to its end.
let harshButAlive: Faults = {
    var faults = Faults.harsh
    faults.reset = 0
    faults.outOfDescriptors = 0
    faults.stuckPeer = 0
    faults.abortedAccept = 0
    faults.failingRegistration = 0
    return faults
}()

/// Each receive brings one byte, as if the network were that bad.
let byteByByte: Faults = {
    var faults = Faults.none
    faults.segment = 1...1
    faults.delay = 1000...1000
    return faults
}()
