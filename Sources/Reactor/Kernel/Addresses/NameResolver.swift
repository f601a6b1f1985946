// From names to addresses: what a resolver is, and the system's own. Resolving may block for seconds, so a loop has it
// done by its workers.

import CReactor

/// Looks up the addresses of names.
///
/// ``SystemResolver`` is the usual one. Another can take its place, with ``EventLoop/resolver``: one that asks a server of
/// its own, or one whose answers a test decides.
public protocol NameResolver: Sendable {
    /// The addresses of a host, each with this port, in the order in which they should be tried (RFC 6724).
    ///
    /// Called on a thread that may block, or in a simulation on the loop's.
    /// - Throws: ``SocketError`` when the name has no address, or nobody could say.
    func addresses(of host: String, port: UInt16) throws(SocketError) -> [SocketAddress]
}

/// The resolver of the system: its files, and the servers that it is set up to ask (getaddrinfo(3)).
public struct SystemResolver: NameResolver {
    /// The system's resolver.
    public init() {}

    /// Asks the system. It sorts what it finds after RFC 6724, and leaves out families that this machine has no address
    /// of.
    public func addresses(of host: String, port: UInt16) throws(SocketError) -> [SocketAddress] {
        if host.utf8.contains(0) {  // the C library would look up what is before it
            throw SocketError(.resolve, subject: host, reason: "a name cannot contain a zero byte")
        }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>? = nil
        let code = unsafe getaddrinfo(host, nil, &hints, &list)
        defer { unsafe freeaddrinfo(list) }
        guard code == 0 else {
            throw SocketError(.resolve, subject: host, reason: unsafe String(cString: gai_strerror(code)))
        }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next?.pointee {
            var address = SocketAddress.unspecified
            let length = unsafe entry.ai_addrlen
            let filled = unsafe SocketAddress.filled(&address) { pointer, capacity in
                guard let source = unsafe entry.ai_addr, unsafe length <= capacity.pointee else { return -Int(EINVAL) }
                unsafe pointer.copyMemory(from: source, byteCount: Int(length))
                return 0
            }
            if filled.succeeded {
                address.port = port
                addresses.append(address)
            }
            unsafe next = entry.ai_next
        }
        guard !addresses.isEmpty else { throw SocketError(.resolve, subject: host, reason: "it has no address") }
        return addresses
    }
}
