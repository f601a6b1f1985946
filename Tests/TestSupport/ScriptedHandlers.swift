// Handlers whose callbacks are closures, so that a test says on the spot what each does.

import Reactor

/// A handler made of closures.
package final class Scripted: ConnectionHandler {
    package var onConnected: (Connection) throws -> Void = { _ in }
    package var onReceived: (Int, Connection) throws -> Void = { _, _ in }
    package var onEnded: (Connection) throws -> Void = { $0.close() }
    package var onDrained: (Connection) throws -> Void = { _ in }
    package var onClosed: () -> Void = {}
    package private(set) var received = 0
    package private(set) var reason: CloseReason?

    package init(_ prepare: (Scripted) -> Void = { _ in }) { prepare(self) }

    package func connected(_ connection: Connection) throws { try onConnected(connection) }
    package func received(_ bytes: RawSpan, on connection: Connection) throws {
        received += bytes.byteCount
        try onReceived(bytes.byteCount, connection)
    }
    package func ended(_ connection: Connection) throws { try onEnded(connection) }
    package func drained(_ connection: Connection) throws { try onDrained(connection) }
    package func closed(_ connection: Connection, reason: CloseReason) {
        self.reason = reason
        onClosed()
    }
}

/// Sends back what it gets, and writes down the rest.
package final class ScriptedDatagrams: DatagramHandler {
    package var onReceived: ([UInt8], SocketAddress, DatagramSocket) throws -> Void = { bytes, peer, socket in
        socket.send(bytes, to: peer)
    }
    package private(set) var texts: [String] = []
    package private(set) var truncated: [String] = []
    package private(set) var drains = 0

    package init(_ prepare: (ScriptedDatagrams) -> Void = { _ in }) { prepare(self) }

    package func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) throws {
        texts.append(String(decoding: Array(bytes), as: UTF8.self))
        try onReceived(Array(bytes), peer, socket)
    }
    package func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        truncated.append(String(decoding: Array(bytes), as: UTF8.self))
    }
    package func drained(_ socket: DatagramSocket) { drains += 1 }
}

/// A handler that sends back what it receives.
package final class EchoHandler: ConnectionHandler {
    package init() {}
    package func received(_ bytes: RawSpan, on connection: Connection) { connection.write(bytes) }
}
