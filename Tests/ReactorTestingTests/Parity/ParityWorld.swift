// What a parity program may do, whatever kernel it runs on: listen with scripted handlers, connect clients, let the loop
// turn. It knows nothing of either kernel; the two worlds stand in the file beside this one.

import Reactor
import ReactorTesting
import SystemPackage

/// The other end of a connection, on whatever kernel. What it cannot send at once it sends later.
protocol ParityClient: AnyObject {
    /// All that it has received.
    var received: [UInt8] { get }
    /// Whether the server has ended its stream.
    var ended: Bool { get }
    /// Why the connection was lost, or never came to be.
    var error: Errno? { get }
    /// Whether it has closed or reset its socket.
    var isClosed: Bool { get }

    func write(_ bytes: [UInt8])
    /// Ends its stream when all is written; it goes on reading.
    func closeWrite()
    /// Closes its socket when all is written.
    func close()
    /// Resets the connection now.
    func reset()
    /// Stops reading.
    func stall()
    /// Reads all that arrives.
    func resume()
}

extension ParityClient {
    func write(_ text: String) { write(Array(text.utf8)) }
    var text: String { String(decoding: received, as: UTF8.self) }
    var isOver: Bool { ended || error != nil || isClosed }
}

/// A loop on some kernel, a listener, and clients.
protocol ParityWorld: AnyObject {
    var loop: EventLoop { get }
    /// The handlers of all connections that were accepted, in order.
    var handlers: [ScriptedHandler] { get }
    /// The clients, in the order in which they were made.
    var clients: [any ParityClient] { get }
    /// An address where nobody listens.
    var deadAddress: SocketAddress { get }

    /// Listens, with a scripted handler for each connection.
    func listen(limits: Limits, _ script: @escaping (ScriptedHandler) -> Void) throws
    /// Connects a client to the listener, or to `address`.
    func connect(to address: SocketAddress?) throws -> any ParityClient
    /// Runs the loop until a condition holds; throws when it does not in time.
    func run(until condition: () -> Bool) throws
    /// A regular file with these contents, for the loop to send.
    func file(_ contents: [UInt8]) throws -> OwnedDescriptor
    /// Lets the network carry what was sent, without a turn of the loop, until the connection's socket is ready for one
    /// of these: a poll(2) mask, where hang-up and error are always in.
    func letArrive(_ events: Int16, at connection: Connection) throws
    /// Shuts the loop down and looks whether all is well.
    func end() throws
}

extension ParityWorld {
    /// A connected client, and the handler at the other end.
    func accepted(
        limits: Limits = Limits(), _ script: @escaping (ScriptedHandler) -> Void = { _ in }
    ) throws -> (any ParityClient, ScriptedHandler) {
        try listen(limits: limits, script)
        let client = try connect(to: nil)
        try run { !handlers.isEmpty }
        return (client, handlers[0])
    }

    /// What each side has seen.
    var account: Account {
        Account(
            servers: handlers.map { handler in
                Account.Server(
                    calls: handler.calls, bytes: handler.received, drained: handler.wasDrained,
                    reason: handler.reason.map(Account.words) ?? "open")
            },
            clients: clients.map { client in
                let ending = client.error.map { "\($0)" } ?? (client.ended ? "end of stream" : "open")
                return Account.Client(bytes: client.received, ending: ending)
            })
    }
}

/// What the two sides saw of each connection, without chunks and times: those are the kernel's own.
struct Account: Equatable, CustomStringConvertible {
    struct Server: Equatable {
        /// The calls in order; several `received` in a row are one, and `drained` is counted apart, for its place among
        /// them is a matter of buffer sizes.
        var calls: [String]
        var bytes: [UInt8]
        var drained: Bool
        var reason: String
    }
    struct Client: Equatable {
        var bytes: [UInt8]
        var ending: String
    }
    var servers: [Server]
    var clients: [Client]

    /// A reason without addresses: its kind, and what failed with which error number.
    static func words(_ reason: CloseReason) -> String {
        guard let error = reason.error as? SocketError else { return "\(reason.kind)" }
        return "\(reason.kind): \(error.operation), \(error.errno.map { "\($0)" } ?? "no errno")"
    }

    var description: String {
        let servers = servers.map { server in
            let calls = server.calls.joined(separator: " ") + (server.drained ? " (drained)" : "")
            return "server: \(calls), \(server.bytes.count) bytes, \(server.reason)"
        }
        return (servers + clients.map { "client: \($0.bytes.count) bytes, \($0.ending)" }).joined(separator: "; ")
    }
}

/// Does what a program says and writes down what it is told. Without a script it does what the protocol does.
final class ScriptedHandler: ConnectionHandler {
    private(set) var calls: [String] = []
    private(set) var received: [UInt8] = []
    private(set) var wasDrained = false
    private(set) var reason: CloseReason?
    private(set) var connection: Connection!

    var onConnected: (Connection) -> Void = { _ in }
    var onReceived: ([UInt8], Connection) -> Void = { _, _ in }
    var onEnded: (Connection) throws -> Void = { $0.close() }

    var isClosed: Bool { reason != nil }
    var wasEnded: Bool { calls.contains("ended") }

    private func note(_ call: String) {
        if call != "received" || calls.last != call { calls.append(call) }
    }

    func connected(_ connection: Connection) {
        note("connected")
        self.connection = connection
        onConnected(connection)
    }

    func received(_ bytes: RawSpan, on connection: Connection) {
        note("received")
        // Safe: the bytes are copied while they are lent.
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        received += copy
        onReceived(copy, connection)
    }

    func ended(_ connection: Connection) throws {
        note("ended")
        try onEnded(connection)
    }

    func drained(_ connection: Connection) { wasDrained = true }

    func closed(_ connection: Connection, reason: CloseReason) {
        note("closed")
        self.reason = reason
    }
}
