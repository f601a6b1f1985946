// Multicast groups: joining and leaving them, on a given interface or on one that the kernel chooses.

extension DatagramSocket {
    /// Joins a multicast group, until ``leave(_:on:)`` or until the socket is closed.
    ///
    /// The socket should be bound to the group's port, and to the group's address or the unspecified address.
    ///
    /// - Parameters:
    ///   - group: an IPv4 address in 224.0.0.0/4 or an IPv6 address in ff00::/8; its port is ignored.
    ///   - interface: the interface to receive on. Default: chosen by the kernel from its routes.
    /// - Throws: ``SocketError``: not a multicast address, no such interface, already joined (`EADDRINUSE`), too many
    ///   groups (`ENOBUFS`, `net.ipv4.igmp_max_memberships`).
    public func join(_ group: SocketAddress, on interface: NetworkInterface = .automatic) throws(SocketError) {
        try setMulticast(.join, group, interface)
    }

    /// Leaves a multicast group.
    ///
    /// - Parameters:
    ///   - group: the group that was joined.
    ///   - interface: the interface on which it was joined.
    /// - Throws: ``SocketError`` when the group was not joined on this interface (`EADDRNOTAVAIL`).
    public func leave(_ group: SocketAddress, on interface: NetworkInterface = .automatic) throws(SocketError) {
        try setMulticast(.leave, group, interface)
    }

    private func setMulticast(_ operation: MulticastOperation, _ group: SocketAddress, _ interface: NetworkInterface)
        throws(SocketError)
    {
        let subject = "\(group) on \(address)"
        guard isRegistered else { throw SocketError(.configure, subject: subject, reason: "the socket is closed") }
        guard group.isMulticast else {
            throw SocketError(.configure, subject: subject, reason: "\(group.host) is not a multicast address")
        }
        let result = loop.kernel.setMulticast(operation, group, interface: interface.index, of: fd)
        if let errno = result.errno { throw SocketError(.configure, subject: subject, errno: errno) }
    }
}
