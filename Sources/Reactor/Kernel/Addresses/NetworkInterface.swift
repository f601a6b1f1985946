// A network interface, as multicast needs it: by its index, or by its name.

import CReactor

/// A network interface of this machine, `eth0` for instance.
public struct NetworkInterface: Sendable, Hashable {
    /// Its number (netdevice(7)); 0 leaves the choice to the kernel.
    public let index: UInt32

    /// The one that the kernel chooses by its routes.
    public static let automatic = NetworkInterface(index: 0)

    /// The interface with this number.
    public init(index: UInt32) { self.index = index }

    /// The interface of this name (if_nametoindex(3)).
    ///
    /// - Throws: ``SocketError`` when there is none.
    public init(named name: String) throws(SocketError) {
        index = unsafe if_nametoindex(name)
        if index == 0 {
            throw SocketError(.configure, subject: "interface \(name)", reason: "there is none of that name")
        }
    }
}
