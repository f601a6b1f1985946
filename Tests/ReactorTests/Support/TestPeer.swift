// The other end of a datagram socket: a plain UDP socket that the framework knows nothing of.

import Glibc
import Reactor

/// A UDP socket on the loopback interface that never blocks.
final class TestPeer {
    private(set) var descriptor: CInt
    let isIPv6: Bool
    /// What has arrived, in order.
    private(set) var received: [(bytes: [UInt8], source: SocketAddress)] = []

    init(at address: SocketAddress = .loopback(port: 0)) throws {
        isIPv6 = address.isIPv6
        let type = SOCK_DGRAM.rawValue | UInt32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = Glibc.socket(isIPv6 ? AF_INET6 : AF_INET, CInt(type), 0)
        if descriptor < 0 { throw TestFailure(word: "socket: \(errno)") }
        var yes: CInt = 1
        for option in [SO_BROADCAST, SO_REUSEADDR] { unsafe setsockopt(descriptor, SOL_SOCKET, option, &yes, 4) }
        let bound = unsafe Self.withSystemAddress(address) { unsafe Glibc.bind(descriptor, $0, $1) }
        if bound != 0 { throw TestFailure(word: "bind: \(errno)") }
    }

    deinit { Glibc.close(descriptor) }

    /// Where it is.
    var address: SocketAddress {
        var storage = sockaddr_in6()
        var length = socklen_t(28)
        unsafe withUnsafeMutablePointer(to: &storage) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = unsafe getsockname(descriptor, $0, &length)
            }
        }
        return Self.address(storage)
    }

    /// All that has arrived, as texts.
    var texts: [String] {
        drain()
        return received.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    /// Sends a datagram; answers 0, or the error.
    @discardableResult
    func send(_ bytes: [UInt8], to address: SocketAddress) -> CInt {
        let sent = unsafe Self.withSystemAddress(address) { target, length in
            unsafe bytes.withUnsafeBytes {
                unsafe CInt(sendto(descriptor, $0.baseAddress, $0.count, 0, target, length))
            }
        }
        return sent < 0 ? errno : 0
    }

    @discardableResult
    func send(_ text: String, to address: SocketAddress) -> CInt { send(Array(text.utf8), to: address) }

    /// Receives all that is there.
    func drain() {
        while true {
            var storage = sockaddr_in6()
            var length = socklen_t(28)
            var count = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, filled in
                // Safe: the kernel writes as many bytes as it says, within the bounds of the buffer.
                count = unsafe withUnsafeMutablePointer(to: &storage) {
                    unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        unsafe recvfrom(descriptor, buffer.baseAddress, 65_536, 0, $0, &length)
                    }
                }
                filled = max(0, count)
            }
            if count < 0 { return }
            received.append((bytes, Self.address(storage)))
        }
    }

    /// Receives what is sent to a group, on the loopback interface.
    func join(_ group: String) {
        var request = ip_mreqn()
        unsafe inet_pton(AF_INET, group, &request.imr_multiaddr)
        request.imr_ifindex = CInt(unsafe if_nametoindex("lo"))
        unsafe setsockopt(descriptor, CInt(IPPROTO_IP), IP_ADD_MEMBERSHIP, &request, 12)
        unsafe setsockopt(descriptor, CInt(IPPROTO_IP), IP_MULTICAST_IF, &request, 12)
    }

    private static func address(_ system: sockaddr_in6) -> SocketAddress {
        var system = system
        let port = UInt16(bigEndian: system.sin6_port)
        if system.sin6_family == sa_family_t(AF_INET) {
            let bytes = unsafe withUnsafeBytes(of: &system) { unsafe Array($0[4..<8]) }
            return .ipv4(bytes[0], bytes[1], bytes[2], bytes[3], port: port)
        }
        let words = unsafe withUnsafeBytes(of: &system.sin6_addr) {
            unsafe ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        return .ipv6(high: UInt64(bigEndian: words.0), low: UInt64(bigEndian: words.1), port: port)
    }

    private static func withSystemAddress(
        _ address: SocketAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) -> CInt {
        var six = sockaddr_in6()
        var length = socklen_t(28)
        if address.isIPv6 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = address.port.bigEndian
            unsafe inet_pton(AF_INET6, address.host, &six.sin6_addr)
        } else {
            length = 16
            unsafe withUnsafeMutablePointer(to: &six) {
                unsafe $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    unsafe $0.pointee.sin_family = sa_family_t(AF_INET)
                    unsafe $0.pointee.sin_port = address.port.bigEndian
                    unsafe inet_pton(AF_INET, address.host, &$0.pointee.sin_addr)
                }
            }
        }
        return unsafe withUnsafePointer(to: &six) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
        }
    }
}

/// A datagram handler that writes down what it is told, and does what the test says.
final class DatagramRecorder: DatagramHandler {
    private(set) var received: [(bytes: [UInt8], peer: SocketAddress)] = []
    private(set) var truncated: [[UInt8]] = []
    private(set) var failures: [(error: SocketError, peer: SocketAddress?)] = []
    private(set) var drains = 0
    private(set) var ends = 0
    private(set) var error: SocketError?

    var onReceived: (([UInt8], SocketAddress, DatagramSocket) throws -> Void)?
    var onFailed: ((DatagramSocket) throws -> Void)?
    var onDrained: ((DatagramSocket) throws -> Void)?
    var onClosed: (() -> Void)?

    var texts: [String] { received.map { String(decoding: $0.bytes, as: UTF8.self) } }

    func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) throws {
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        received.append((copy, peer))
        try onReceived?(copy, peer, socket)
    }

    func receivedTruncated(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        truncated.append(unsafe bytes.withUnsafeBytes { unsafe Array($0) })
    }

    func drained(_ socket: DatagramSocket) throws {
        drains += 1
        try onDrained?(socket)
    }

    func failed(_ error: SocketError, peer: SocketAddress?, on socket: DatagramSocket) throws {
        failures.append((error, peer))
        try onFailed?(socket)
    }

    func closed(_ socket: DatagramSocket, error: SocketError?) {
        ends += 1
        self.error = error
        onClosed?()
    }
}

/// Sends back what it gets.
final class EchoDatagrams: DatagramHandler {
    func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
        socket.send(bytes, to: peer)
    }
}
