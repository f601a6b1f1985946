// Conversion between socket addresses and the kernel's structures (ip(7), ipv6(7), unix(7)).

import CReactor

extension SocketAddress {
    /// `AF_INET`, `AF_INET6` or `AF_UNIX`.
    var familyNumber: CInt {
        switch storage {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    /// The maximum length of a Unix socket's name, in bytes: all of `sun_path`. A path of this length has no
    /// terminating zero byte (unix(7), "BUGS").
    static var longestUnixName: Int { MemoryLayout<sockaddr_un>.size - unixNameOffset }
    /// The maximum length of a server's path, in bytes. It leaves room for the zero byte that some clients need.
    static var longestServerPath: Int { longestUnixName - 1 }
    private static var unixNameOffset: Int { MemoryLayout<sa_family_t>.size }

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
        case .unix(let name):
            var system = sockaddr_un()
            system.sun_family = sa_family_t(AF_UNIX)
            precondition(name.count <= Self.longestUnixName, "checked when the address was made")
            unsafe withUnsafeMutableBytes(of: &system.sun_path) { path in unsafe path.copyBytes(from: name) }
            // The length of a path includes its terminating zero byte, if there is room for one; an abstract name is
            // delimited by its length alone; an unnamed socket has only a family.
            let isPath = name.first.map { $0 != 0 } ?? false
            let length = Self.unixNameOffset + name.count + (isPath && name.count < Self.longestUnixName ? 1 : 0)
            return unsafe body(&system, socklen_t(length))
        }
    }

    /// Makes a call that fills in a `sockaddr`, and reads the address from it on success.
    static func filled(
        _ address: inout SocketAddress, by call: (UnsafeMutableRawPointer, UnsafeMutablePointer<socklen_t>) -> Int
    ) -> SystemResult {
        var system = sockaddr_un()  // the largest of the three
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = unsafe call(&system, &length)
        if result >= 0 {
            unsafe withUnsafeBytes(of: &system) { bytes in
                unsafe address.storage = Self.read(UnsafeRawBufferPointer(rebasing: bytes.prefix(Int(length))))
            }
        }
        return SystemResult(rawValue: result)
    }

    /// Creates an address from a `sockaddr` that another target has filled in; the unspecified address if it is too
    /// short.
    @unsafe package init(system bytes: UnsafeRawBufferPointer) {
        let isThere = bytes.count >= MemoryLayout<sockaddr_in>.size
        self = isThere ? SocketAddress(storage: unsafe Self.read(bytes)) : .unspecified
    }

    /// Reads the address from a `sockaddr`; the unspecified address if the kernel filled in less than an address.
    static func read(_ bytes: UnsafeRawBufferPointer) -> Storage {
        guard bytes.count >= unixNameOffset else { return SocketAddress.unspecified.storage }
        switch CInt(unsafe bytes.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET6:
            guard bytes.count >= MemoryLayout<sockaddr_in6>.size else { return SocketAddress.unspecified.storage }
            return unsafe .ipv6(
                high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
                scope: bytes.loadUnaligned(fromByteOffset: 24, as: UInt32.self),
                port: UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        case AF_UNIX:
            var name = unsafe Array(bytes.dropFirst(unixNameOffset))
            // The terminating zero byte of a path is not part of its name; an abstract name may contain zero bytes.
            if name.first != 0, let end = name.firstIndex(of: 0) { name.removeSubrange(end...) }
            return .unix(name)
        default:
            guard bytes.count >= MemoryLayout<sockaddr_in>.size else { return SocketAddress.unspecified.storage }
            return unsafe .ipv4(
                address: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)),
                port: UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        }
    }
}
