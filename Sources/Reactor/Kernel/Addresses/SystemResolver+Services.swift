// SRV records from the system's resolver (res_query(3)), which asks the name servers of resolv.conf(5).

import CReactor

extension SystemResolver {
    /// Returns the SRV records of a service, as the name servers have them, such as those of `_imaps._tcp.example.org`.
    public func services(of name: String) throws(SocketError) -> [ServiceRecord] {
        if name.utf8.contains(0) {  // the C library would stop at the zero byte
            throw SocketError(.resolve, subject: name, reason: "a name cannot contain a zero byte")
        }
        var reply = [UInt8](repeating: 0, count: 65_535)
        let result = unsafe SystemResult(rawValue: creactor_query_services(name, &reply, CInt(reply.count)))
        if !result.succeeded {
            let reason =
                switch -result.rawValue {
                case Int(HOST_NOT_FOUND): "unknown service"
                case Int(TRY_AGAIN): "the name servers did not reply; try again later"
                case Int(NO_DATA): "it has no SRV record"
                default: "the name servers refused to reply"
                }
            throw SocketError(.resolve, subject: name, reason: reason)
        }
        // The length of the whole reply, which may have been longer than the buffer.
        reply.removeLast(reply.count - min(reply.count, result.rawValue))
        do throws(DNSReply.Malformed) {
            return try DNSReply.services(in: reply)
        } catch {
            throw SocketError(.resolve, subject: name, reason: "the reply of the name server is malformed")
        }
    }
}

extension NameResolver {
    /// Throws: only resolvers that implement it know services.
    public func services(of name: String) throws(SocketError) -> [ServiceRecord] {
        throw SocketError(.resolve, subject: name, reason: "this resolver does not look up services")
    }

    /// Returns the addresses of a service's servers, in the order in which to try them.
    func addresses(ofService name: String) throws(SocketError) -> [SocketAddress] {
        var random = SystemRandomNumberGenerator()
        let records = ServiceRecord.ordered(try services(of: name), using: &random)
        // A single record with the root as its target says that the service does not exist (RFC 2782, "Target").
        let servers = records.filter { !$0.target.isEmpty }
        var addresses: [SocketAddress] = []
        var lastError = SocketError(.resolve, subject: name, reason: "the service is not available at this domain")
        for server in servers.prefix(16) {
            do throws(SocketError) {
                addresses += try self.addresses(of: server.target, port: server.port)
            } catch {
                lastError = error
            }
        }
        if addresses.isEmpty { throw lastError }
        return addresses
    }
}
