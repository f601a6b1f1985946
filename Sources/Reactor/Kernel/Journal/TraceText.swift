// The format of a trace: how times, results, readiness and bytes are written. A running program and the simulated
// kernel share it, so that both traces read alike.

import SystemPackage

/// Formats the parts of a trace line.
package enum TraceText {
    private static let shownBytes = 32

    /// Returns seconds with six decimals: `12.000345`.
    package static func seconds(_ nanoseconds: Int64) -> String {
        let microseconds = nanoseconds / 1000
        return "\(microseconds / 1_000_000).\(String(1_000_000 + microseconds % 1_000_000).dropFirst())"
    }

    /// Returns the result of a call: a number, or the error in words with its name: `Resource temporarily unavailable (EAGAIN)`.
    package static func result(_ result: SystemResult) -> String {
        result.errno.map(\.namedDescription) ?? "\(result.rawValue)"
    }

    /// Returns the timeout of a wait: `forever`, `no wait`, or seconds.
    static func timeout(_ timeout: WaitTimeout) -> String {
        switch timeout.nanoseconds {
        case ..<0: "forever"
        case 0: "no wait"
        case let nanoseconds: "\(seconds(nanoseconds)) s"
        }
    }

    /// Returns the bits of poll(2) in words: `readable, hung up`.
    static func readiness(_ bits: UInt16) -> String {
        let words: [(UInt16, String)] = [
            (0x01, "readable"), (0x02, "urgent"), (0x04, "writable"), (0x08, "error"), (0x10, "hung up"),
            (0x20, "not open"), (0x2000, "peer closed"),
        ]
        return words.filter { bits & $0.0 != 0 }.map(\.1).joined(separator: ", ")
    }

    /// Returns the name of a socket option, as in its man page.
    static func name(of option: SocketOption) -> String {
        let names: [SocketOption: String] = [
            .reuseAddress: "SO_REUSEADDR", .keepAlive: "SO_KEEPALIVE", .sendBuffer: "SO_SNDBUF",
            .receiveBuffer: "SO_RCVBUF", .noDelay: "TCP_NODELAY", .keepAliveIdle: "TCP_KEEPIDLE",
            .keepAliveInterval: "TCP_KEEPINTVL", .keepAliveCount: "TCP_KEEPCNT", .userTimeout: "TCP_USER_TIMEOUT",
            .ipv6Only: "IPV6_V6ONLY", .bindAddressNoPort: "IP_BIND_ADDRESS_NO_PORT",
            .reusePort: "SO_REUSEPORT", .broadcast: "SO_BROADCAST",
            .packetInfo(isIPv6: false): "IP_PKTINFO", .packetInfo(isIPv6: true): "IPV6_RECVPKTINFO",
            .multicastHops(isIPv6: false): "IP_MULTICAST_TTL", .multicastHops(isIPv6: true): "IPV6_MULTICAST_HOPS",
            .multicastLoop(isIPv6: false): "IP_MULTICAST_LOOP", .multicastLoop(isIPv6: true): "IPV6_MULTICAST_LOOP",
            .multicastAll(isIPv6: false): "IP_MULTICAST_ALL", .multicastAll(isIPv6: true): "IPV6_MULTICAST_ALL",
        ]
        return names[option] ?? "level \(option.level), option \(option.name)"
    }

    /// Returns the first 32 bytes as quoted text: printable ASCII as it is, all other bytes escaped as in C.
    static func quoted(_ bytes: RawSpan) -> String {
        var text = "\""
        for offset in 0..<min(bytes.byteCount, shownBytes) {
            // Safe: the offset is within the span, and every bit pattern is a valid UInt8.
            text += escaped(unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
        }
        return text + (bytes.byteCount > shownBytes ? "\"..." : "\"")
    }

    private static func escaped(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "\n"): "\\n"
        case UInt8(ascii: "\r"): "\\r"
        case UInt8(ascii: "\t"): "\\t"
        case UInt8(ascii: "\""): "\\\""
        case UInt8(ascii: "\\"): "\\\\"
        case 0x20...0x7e: String(UnicodeScalar(byte))
        default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
}
