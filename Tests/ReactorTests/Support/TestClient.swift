// The other end of a connection: a plain socket that the framework knows nothing of.

import Glibc
import Reactor

/// What became of a receive.
enum Received: Equatable {
    case bytes([UInt8])
    case nothing
    case end
    case failed(CInt)
}

/// A TCP client on a non-blocking socket; only connecting waits, for a handshake that the kernel does by itself.
final class TestClient {
    private(set) var descriptor: CInt
    /// Keep what arrives, or only hand it on.
    var keepsBytes = true
    /// All that has arrived.
    private(set) var received: [UInt8] = []
    /// How the stream ended, if it has.
    private(set) var ending: Received?

    /// Connects to a listener.
    init(_ address: SocketAddress, from source: SocketAddress? = nil, receiveBuffer: CInt? = nil) throws {
        descriptor = Glibc.socket(
            address.isIPv6 ? AF_INET6 : AF_INET, CInt(SOCK_STREAM.rawValue | UInt32(SOCK_CLOEXEC.rawValue)), 0)
        try check(descriptor)
        if let receiveBuffer { try set(SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
        try set(CInt(IPPROTO_TCP), TCP_NODELAY, 1)
        if let source { try check(unsafe withSystemAddress(source) { unsafe Glibc.bind(descriptor, $0, $1) }) }
        try check(unsafe withSystemAddress(address) { unsafe Glibc.connect(descriptor, $0, $1) })
        try check(fcntl(descriptor, F_SETFL, O_NONBLOCK))
    }

    deinit { close() }

    struct Failure: Error { let errno: CInt }

    @discardableResult
    private func check(_ result: CInt) throws -> CInt {
        if result < 0 { throw Failure(errno: errno) }
        return result
    }

    private func set(_ level: CInt, _ name: CInt, _ value: CInt) throws {
        var value = value
        try check(unsafe setsockopt(descriptor, level, name, &value, 4))
    }

    private func withSystemAddress(
        _ address: SocketAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        if address.isIPv6 {
            var system = sockaddr_in6()
            system.sin6_family = sa_family_t(AF_INET6)
            system.sin6_port = address.port.bigEndian
            unsafe inet_pton(AF_INET6, address.host, &system.sin6_addr)
            return unsafe withUnsafePointer(to: &system) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, 28) }
            }
        }
        var system = sockaddr_in()
        system.sin_family = sa_family_t(AF_INET)
        system.sin_port = address.port.bigEndian
        unsafe inet_pton(AF_INET, address.host, &system.sin_addr)
        return unsafe withUnsafePointer(to: &system) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, 16) }
        }
    }

    /// Sends what the kernel takes; answers how much that was, or a negated errno.
    @discardableResult
    func send(_ bytes: some Collection<UInt8>, flags: CInt = 0) -> Int {
        let bytes = Array(bytes)
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL) | flags)
        }
        return count < 0 ? -Int(errno) : count
    }

    @discardableResult
    func send(_ text: String) -> Int { send(text.utf8) }

    /// Sends urgent data.
    @discardableResult
    func sendUrgent(_ text: String) -> Int { send(text.utf8, flags: CInt(MSG_OOB)) }

    /// Receives once, at most `limit` bytes.
    @discardableResult
    func receive(_ limit: Int = 65536) -> Received {
        if let ending { return ending }
        var result = Received.nothing
        let bytes = [UInt8](
            unsafe Array(unsafeUninitializedCapacity: limit) { buffer, count in
                let received = unsafe recv(descriptor, buffer.baseAddress, limit, 0)
                count = max(0, received)
                if received == 0 { result = .end }
                if received < 0 && errno != EAGAIN { result = .failed(errno) }
            })
        if !bytes.isEmpty {
            if keepsBytes { received += bytes }
            return .bytes(bytes)
        }
        if result != .nothing { ending = result }
        return result
    }

    /// Receives until nothing is there; answers whether the stream is over.
    @discardableResult
    func drain() -> Bool {
        while case .bytes = receive() {}
        return ending != nil
    }

    /// Receives what is there; answers whether all that has arrived is this text.
    func has(_ text: String) -> Bool {
        drain()
        return self.text == text
    }

    /// What has arrived, as text.
    var text: String { String(decoding: received, as: UTF8.self) }

    /// Ends this side's stream.
    func finish() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// Resets the connection.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }
}
