// The C library's look-ups that no other room needs: names of addresses, services and their ports. The variants that
// share nothing between threads.

import CReactor
import Reactor

/// What the system's databases know (nsswitch.conf(5)).
enum SystemNames {
    /// Room for a service's names; a line of services(5) is far shorter.
    private static let bufferSize = 4096

    /// The name of a host by its numeric address.
    static func name(ofHost host: String) throws(SocketError) -> String {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICHOST
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>? = nil
        var code = unsafe getaddrinfo(host, nil, &hints, &list)
        defer { unsafe freeaddrinfo(list) }
        var name = ""
        if code == 0, let entry = unsafe list?.pointee {
            code = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1025) { text in  // NI_MAXHOST
                let code = unsafe getnameinfo(
                    entry.ai_addr, entry.ai_addrlen, text.baseAddress, socklen_t(text.count), nil, 0, NI_NAMEREQD)
                if code == 0 { unsafe name = String(cString: text.baseAddress!) }
                return code
            }
        }
        guard code == 0 else {
            // The words for "no name" are about names and services.
            let reason = code == EAI_NONAME ? "it has no name" : unsafe String(cString: gai_strerror(code))
            throw LookUp.failure(host, reason)
        }
        return name
    }

    /// A service by its name.
    static func service(named name: String, _ transport: String) -> LookUpResult? {
        unsafe found { entry, buffer, count, result in
            unsafe getservbyname_r(name, transport, entry, buffer, count, result)
        }
    }

    /// A service by its port.
    static func service(at port: UInt16, _ transport: String) -> LookUpResult? {
        unsafe found { entry, buffer, count, result in
            unsafe getservbyport_r(CInt(port.bigEndian), transport, entry, buffer, count, result)
        }
    }

    private static func found(
        _ call: (
            UnsafeMutablePointer<servent>, UnsafeMutablePointer<CChar>?, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<servent>?>
        ) -> CInt
    ) -> LookUpResult? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: bufferSize) { buffer in
            var entry = unsafe servent()
            var result: UnsafeMutablePointer<servent>?
            // Safe: the capacity is told, and all that the entry points to lies in the buffer, which is here until the end.
            guard unsafe call(&entry, buffer.baseAddress, buffer.count, &result) == 0, unsafe result != nil else {
                return nil
            }
            var found = LookUpResult()
            found.name = unsafe entry.s_name.map { unsafe String(cString: $0) }
            found.transport = unsafe entry.s_proto.map { unsafe String(cString: $0) }
            // An int that holds a port in network byte order (getservbyname(3)).
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
