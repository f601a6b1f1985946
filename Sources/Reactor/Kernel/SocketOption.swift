// The socket options that the framework sets, by the names of their man pages.

/// An integer socket option: its level and name (socket(7), tcp(7), ipv6(7)).
package struct SocketOption: Sendable, Hashable {
    /// The protocol level, `SOL_SOCKET` for instance.
    package let level: CInt
    /// The option's number at that level.
    package let name: CInt

    /// An option by its level and number.
    package init(level: CInt, name: CInt) {
        self.level = level
        self.name = name
    }
}
