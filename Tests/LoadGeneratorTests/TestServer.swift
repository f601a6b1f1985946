// A server in the process of the test, on the loop of the load, and handlers that misbehave in one way each.

import Demos
import LoadGenerator
import Reactor

/// Runs a load against a server on the same loop; the kernel chooses the port.
func run(
    on backend: Backend = .epoll(), limits: Limits = Limits(), against handler: @escaping () -> any ConnectionHandler,
    stopAfter stop: Duration? = nil, _ configure: (inout LoadConfiguration) -> Void
) throws -> LoadResult {
    let loop = try EventLoop(backend: backend)
    defer { loop.shutdown() }
    let listener = try loop.listen(on: .loopback(port: 0), limits: limits) { _ in handler() }
    var configuration = LoadConfiguration(address: listener.address)
    configuration.connections = 4
    configuration.patience = .seconds(3)
    configuration.connectTimeout = .seconds(3)
    configure(&configuration)
    let generator = try LoadGenerator(configuration, on: loop)
    var found: LoadResult?
    generator.start { result in
        found = result
        loop.stop()
    }
    if let stop { loop.schedule(after: stop) { generator.stop() } }
    // No test may hang.
    loop.schedule(after: .seconds(8)) { loop.stop() }
    try loop.run()
    guard let found else { throw NoResult() }
    return found
}

struct NoResult: Error {}

/// Nobody listens there: a port that no server here has, and that the kernel never gives away by itself (tcpmux).
let nobody = SocketAddress.loopback(port: 1)

/// What the misbehaving servers share: the first message, with which a connection is set up, is echoed.
class Misbehaving: ConnectionHandler {
    let size: Int
    private var received = 0

    init(size: Int = 64) { self.size = size }

    final func received(_ bytes: RawSpan, on connection: Connection) {
        received += bytes.byteCount
        if received <= size {
            connection.write(bytes)
        } else {
            misbehave((0..<bytes.byteCount).map { bytes.unsafeLoad(at: $0) }, on: connection)
        }
    }

    func misbehave(_ bytes: [UInt8], on connection: Connection) {}
}

extension RawSpan {
    /// One byte, in bounds.
    fileprivate func unsafeLoad(at index: Int) -> UInt8 {
        precondition(index < byteCount)
        return unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }
}

/// Changes one bit.
final class Corrupting: Misbehaving {
    override func misbehave(_ bytes: [UInt8], on connection: Connection) {
        var bytes = bytes
        bytes[bytes.count / 2] ^= 1
        connection.write(bytes)
    }
}

/// Exchanges the two halves of what comes.
final class Reordering: Misbehaving {
    override func misbehave(_ bytes: [UInt8], on connection: Connection) {
        connection.write(Array(bytes[(bytes.count / 2)...] + bytes[..<(bytes.count / 2)]))
    }
}

/// Echoes twice.
final class Doubling: Misbehaving {
    override func misbehave(_ bytes: [UInt8], on connection: Connection) { connection.write(bytes + bytes) }
}

/// Ends the connection.
final class Ending: Misbehaving {
    override func misbehave(_ bytes: [UInt8], on connection: Connection) { connection.close() }
}

/// Resets the connection.
final class Resetting: Misbehaving {
    override func misbehave(_ bytes: [UInt8], on connection: Connection) { connection.abort() }
}

/// Says nothing more.
final class Silent: Misbehaving {}

/// Echoes in upper case; in single bytes, too.
final class UpperCasing: ConnectionHandler {
    func received(_ bytes: RawSpan, on connection: Connection) {
        let text = (0..<bytes.byteCount).map { bytes.unsafeLoad(at: $0) & 0xdf }
        for byte in text { connection.write([byte]) }
    }
}

/// Holds back what comes for a while, once.
final class Stalling: ConnectionHandler {
    private let time: Duration
    private var received = 0
    private var held: [UInt8]? = nil

    init(_ time: Duration) { self.time = time }

    func received(_ bytes: RawSpan, on connection: Connection) {
        received += 1
        guard received == 2 else {
            connection.write(bytes)
            return
        }
        let held = (0..<bytes.byteCount).map { bytes.unsafeLoad(at: $0) }
        connection.loop.schedule(after: time) { connection.write(held) }
    }
}
