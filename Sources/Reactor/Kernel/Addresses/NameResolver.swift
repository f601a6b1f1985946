// Name resolution: the resolver protocol and the system's resolver. Resolving may block for seconds, so a loop runs it
// on its worker threads.

import CReactor

/// A resolver of host names.
///
/// The default is ``SystemResolver``. Set ``EventLoop/resolver`` to use another one, such as one that queries a DNS
/// server itself, or one that returns fixed addresses in a test.
public protocol NameResolver: Sendable {
    /// Returns the addresses of a host, each with this port, in the order in which to try them (RFC 6724).
    ///
    /// It is called on a worker thread, where it may block; in a simulation, on the loop's thread.
    ///
    /// - Parameters:
    ///   - host: the host name.
    ///   - port: the port of the returned addresses.
    /// - Throws: ``SocketError`` if the name has no address, or if it cannot be resolved.
    func addresses(of host: String, port: UInt16) throws(SocketError) -> [SocketAddress]

    /// Returns the SRV records of a service, such as `_imaps._tcp.example.org` (RFC 2782), in any order.
    ///
    /// Called like ``addresses(of:port:)``, for destinations `srv:NAME`. The default implementation throws.
    func services(of name: String) throws(SocketError) -> [ServiceRecord]
}

/// The system's resolver: its hosts file and its configured name servers (getaddrinfo(3)).
public struct SystemResolver: NameResolver {
    /// Creates the resolver.
    public init() {}

    /// Returns the addresses of a host as getaddrinfo(3) does: sorted by RFC 6724, without the address families that
    /// this machine has no address of (`AI_ADDRCONFIG`).
    public func addresses(of host: String, port: UInt16) throws(SocketError) -> [SocketAddress] {
        if host.utf8.contains(0) {  // the C library would stop at the zero byte
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
