// A socket option as setsockopt(2) identifies it. SocketOption+Linux.swift names those that the framework sets.

/// An integer socket option: its level and name (socket(7), tcp(7), ipv6(7)).
package struct SocketOption: Sendable, Hashable {
    /// The protocol level, such as `SOL_SOCKET`.
    package let level: CInt
    /// The option's number at that level.
    package let name: CInt

    /// Creates an option from its level and number.
    package init(level: CInt, name: CInt) {
        self.level = level
        self.name = name
    }
}
