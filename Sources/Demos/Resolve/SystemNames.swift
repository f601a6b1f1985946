// Lookups of the C library that only this folder uses: names of addresses, services and their ports. Only reentrant
// variants are used.

import CReactor
internal import Reactor

/// The system's name databases (nsswitch.conf(5)).
enum SystemNames {
    /// The size of the buffer for a service entry, in bytes; a line of services(5) is far shorter.
    private static let bufferSize = 4096

    /// Returns the host name of a numeric address.
    ///
    /// - Throws: `SocketError` if the lookup fails.
    static func name(ofHost host: String) throws(SocketError) -> String {
        // Safe: hints is a zeroed addrinfo with two integer fields set, as getaddrinfo(3) requires.
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICHOST
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>? = nil
        // Safe: the host ends with a zero byte, and the call sets the list on success.
        var code = unsafe getaddrinfo(host, nil, &hints, &list)
        // Safe: the list is the call's own. After a failure it is null, which musl's freeaddrinfo(3) does not accept.
        defer { if unsafe list != nil { unsafe freeaddrinfo(list) } }
        var name = ""
        // Safe: after a success the list has an entry; the name fits the capacity passed and ends with a zero byte.
        if code == 0, let entry = unsafe list?.pointee {
            code = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1025) { text in  // NI_MAXHOST
                let code = unsafe getnameinfo(
                    entry.ai_addr, entry.ai_addrlen, text.baseAddress, socklen_t(text.count), nil, 0, NI_NAMEREQD)
                if code == 0 { unsafe name = String(cString: text.baseAddress!) }
                return code
            }
        }
        guard code == 0 else {
            // The C library's text for EAI_NONAME also mentions services. Safe: gai_strerror(3) returns a static
            // string.
            let reason = code == EAI_NONAME ? "it has no name" : unsafe String(cString: gai_strerror(code))
            throw Resolve.failure(host, reason)
        }
        return name
    }

    /// Returns a service by its name.
    static func service(named name: String, _ transport: String) -> ResolveResult? {
        // Safe: glibc writes the names it returns into the buffer that found() passes.
        unsafe found { entry, buffer, count, result in
            unsafe getservbyname_r(name, transport, entry, buffer, count, result)
        }
    }

    /// Returns a service by its port.
    static func service(at port: UInt16, _ transport: String) -> ResolveResult? {
        // Safe: found() passes the buffer and its size.
        unsafe found { entry, buffer, count, result in
            unsafe getservbyport_r(CInt(port.bigEndian), transport, entry, buffer, count, result)
        }
    }

    private static func found(
        _ call: (
            UnsafeMutablePointer<servent>, UnsafeMutablePointer<CChar>?, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<servent>?>
        ) -> CInt
    ) -> ResolveResult? {
        // Safe with glibc: the call receives the capacity, and all that the entry points to is in the buffer or static.
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: bufferSize) { buffer in
            var entry = unsafe servent()
            var result: UnsafeMutablePointer<servent>?
            guard unsafe call(&entry, buffer.baseAddress, buffer.count, &result) == 0, unsafe result != nil else {
                return nil
            }
            var found = ResolveResult()
            found.name = unsafe entry.s_name.map { unsafe String(cString: $0) }
            found.transport = unsafe entry.s_proto.map { unsafe String(cString: $0) }
            // An int with a port in network byte order (getservbyname(3)).
            let port = unsafe UInt16(bigEndian: UInt16(truncatingIfNeeded: entry.s_port))
            found.port = port
            found.networkBytes = AddressBytes.hex([UInt8(port >> 8), UInt8(port & 255)])
            var aliases: [String] = []
            var next = unsafe entry.s_aliases
            while let alias = unsafe next?.pointee {
                unsafe aliases.append(String(cString: alias))
                unsafe next = next?.successor()
            }
            if !aliases.isEmpty { found.aliases = aliases }
            return found
        }
    }
}
