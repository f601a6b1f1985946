// Datagrams on Linux: recvmmsg(2), sendmmsg(2) and the multicast options.

import CReactor
package import SystemPackage

extension LinuxKernel {
    /// recvmmsg(2).
    package func receiveDatagrams(_ socket: FileDescriptor, into inbox: DatagramInbox) -> SystemResult {
        unsafe inbox.fill { messages, count in
            unsafe SystemResult(rawValue: creactor_recvmmsg(socket.rawValue, messages, UInt(count)))
        }
    }

    /// sendmmsg(2) with `MSG_NOSIGNAL`.
    package func sendDatagrams(_ socket: FileDescriptor, _ outbox: DatagramOutbox) -> SystemResult {
        unsafe outbox.lend { messages, count in
            unsafe SystemResult(rawValue: creactor_sendmmsg(socket.rawValue, messages, UInt(count)))
        }
    }

    /// setsockopt(2) with `IP_ADD_MEMBERSHIP`, `IP_MULTICAST_IF` and the like.
    package func setMulticast(
        _ operation: MulticastOperation, _ group: SocketAddress, interface: UInt32, of socket: FileDescriptor
    ) -> SystemResult {
        switch (operation, group.storage) {
        case (.sendThrough, _):
            return SystemResult(
                rawValue: creactor_multicast_interface(socket.rawValue, group.isIPv6 ? 1 : 0, interface))
        case (_, .ipv4(let address, _)):
            return SystemResult(
                rawValue: creactor_membership_ipv4(
                    socket.rawValue, address.bigEndian, interface, operation == .join ? 1 : 0))
        case (_, .ipv6(let high, let low, _, _)):
            var bytes = (high.bigEndian, low.bigEndian)
            return unsafe SystemResult(
                rawValue: creactor_membership_ipv6(socket.rawValue, &bytes, interface, operation == .join ? 1 : 0))
        case (_, .unix):
            return SystemResult(.invalidArgument)
        }
    }
}
