// Groups: joining and leaving them, on one interface or on the one that the kernel chooses.

extension DatagramSocket {
    /// Receives what is sent to a multicast group, until ``leave(_:on:)`` or the end of the socket. The socket should be
    /// bound to the group's port, and to the group or to the unspecified address.
    ///
    /// - Parameters:
    ///   - group: an IPv4 address of 224.0.0.0/4 or an IPv6 address of ff00::/8; its port does not count.
    ///   - interface: where; by default the one that the kernel chooses by its routes.
    /// - Throws: ``SocketError``: no multicast address, no such interface, joined already (`EADDRINUSE`), too many groups
    ///   (`ENOBUFS`, `net.ipv4.igmp_max_memberships`).
    public func join(_ group: SocketAddress, on interface: NetworkInterface = .automatic) throws(SocketError) {
        try setMulticast(.join, group, interface)
    }

    /// No longer receives what is sent to a group.
    ///
    /// - Throws: ``SocketError`` when it had not joined it there (`EADDRNOTAVAIL`).
    public func leave(_ group: SocketAddress, on interface: NetworkInterface = .automatic) throws(SocketError) {
        try setMulticast(.leave, group, interface)
    }

    private func setMulticast(_ operation: MulticastOperation, _ group: SocketAddress, _ interface: NetworkInterface)
        throws(SocketError)
    {
        let subject = "\(group) on \(address)"
        guard isRegistered else { throw SocketError(.configure, subject: subject, reason: "the socket is closed") }
        guard group.isMulticast else {
            throw SocketError(.configure, subject: subject, reason: "\(group.host) is no multicast address")
        }
        let result = loop.kernel.setMulticast(operation, group, interface: interface.index, of: name)
        if let errno = result.errno { throw SocketError(.configure, subject: subject, errno: errno) }
    }
}
