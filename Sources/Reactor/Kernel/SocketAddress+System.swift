// A socket address in the kernel's structures (ip(7), ipv6(7)) and back.

import CReactor

extension SocketAddress {
    /// `AF_INET` or `AF_INET6`.
    var familyNumber: CInt { isIPv6 ? AF_INET6 : AF_INET }

    /// Lends the address as a `sockaddr` and its length.
    func withSystemAddress(_ body: (UnsafeRawPointer, socklen_t) -> SystemResult) -> SystemResult {
        switch storage {
        case .ipv4(let address, let port):
            var system = sockaddr_in()
            system.sin_family = sa_family_t(AF_INET)
            system.sin_port = port.bigEndian
            system.sin_addr.s_addr = address.bigEndian
            return unsafe body(&system, socklen_t(MemoryLayout<sockaddr_in>.size))
        case .ipv6(let high, let low, let scope, let port):
            var system = sockaddr_in6()
            system.sin6_family = sa_family_t(AF_INET6)
            system.sin6_port = port.bigEndian
            system.sin6_scope_id = scope
            unsafe withUnsafeMutableBytes(of: &system.sin6_addr) { bytes in
                unsafe bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
                unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return unsafe body(&system, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
    }

    /// Runs a call that fills in a `sockaddr` and, when it succeeds, reads the address from it.
    static func filled(
        _ address: inout SocketAddress, by call: (UnsafeMutableRawPointer, UnsafeMutablePointer<socklen_t>) -> Int
    ) -> SystemResult {
        var system = sockaddr_in6()  // the larger of the two
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let result = unsafe call(&system, &length)
        if result >= 0 {
            let isIPv6 = CInt(system.sin6_family) == AF_INET6
            unsafe withUnsafeBytes(of: &system) { bytes in
                if isIPv6 {
                    address.storage = unsafe .ipv6(
                        high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                        low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
                        scope: bytes.load(fromByteOffset: 24, as: UInt32.self),
                        port: UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self)))
                } else {
                    address.storage = unsafe .ipv4(
                        address: UInt32(bigEndian: bytes.load(fromByteOffset: 4, as: UInt32.self)),
                        port: UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self)))
                }
            }
        }
        return SystemResult(rawValue: result)
    }
}
