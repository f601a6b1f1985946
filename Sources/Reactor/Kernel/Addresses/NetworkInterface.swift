// A network interface, identified by index or by name, for multicast.

import CReactor

/// A network interface of this machine, such as `eth0`.
public struct NetworkInterface: Sendable, Hashable {
    /// The interface index (netdevice(7)); 0 leaves the choice to the kernel.
    public let index: UInt32

    /// The interface that the kernel chooses by its routing table.
    public static let automatic = NetworkInterface(index: 0)

    /// Creates an interface from its index.
    public init(index: UInt32) { self.index = index }

    /// Finds an interface by its name (if_nametoindex(3)).
    ///
    /// - Throws: ``SocketError`` if no interface has this name.
    public init(named name: String) throws(SocketError) {
        index = unsafe if_nametoindex(name)
        if index == 0 {
            throw SocketError(.configure, subject: "interface \(name)", reason: "no interface has that name")
        }
    }
}
