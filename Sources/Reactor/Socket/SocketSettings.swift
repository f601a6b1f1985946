// The socket options of a listener or of an outgoing connection. They are set once, on a listener or before a connect: on
// Linux, accepted sockets inherit the listener's options, so connections need no system call for them.

import SystemPackage

/// The socket options of a listener or of an outgoing connection, and how a listener accepts; all values are valid ones
/// of their options.
struct SocketSettings: Sendable {
    /// The keep-alive probes; times in seconds.
    struct KeepAlive: Sendable {
        var idle: Int
        var interval: Int
        var count: Int
    }

    var noDelay: Bool
    var keepAlive: KeepAlive?
    var userTimeoutMilliseconds: Int?
    var sendBuffer: Int?
    var receiveBuffer: Int?
    var backlog: Int
    var acceptsPerTurn: Int
    /// The mode of a Unix socket's path; `nil` leaves it to the umask.
    var unixPermissions: FilePermissions?

    /// Sets the socket options.
    ///
    /// - Parameter replacing: whether other options were set before; those without a value here are reset then.
    func apply(
        to socket: FileDescriptor, _ kernel: any SystemCalls, for address: SocketAddress, isListener: Bool = true,
        replacing: Bool = false
    ) throws(SocketError) {
        var settings: [(SocketOption, Int)] = []
        if !address.isUnix { settings = transportSettings(isListener: isListener) }
        if !address.isUnix && replacing {
            if !noDelay { settings.append((.noDelay, 0)) }
            if keepAlive == nil { settings.append((.keepAlive, 0)) }
            if userTimeoutMilliseconds == nil { settings.append((.userTimeout, 0)) }
        }
        if let sendBuffer { settings.append((.sendBuffer, sendBuffer)) }
        if let receiveBuffer { settings.append((.receiveBuffer, receiveBuffer)) }
        for (option, value) in settings {
            if let errno = kernel.setOption(option, of: socket, to: value).errno {
                throw SocketError(.configure, subject: "\(address)", errno: errno)
            }
        }
    }

    /// Returns the TCP options, which do not apply to Unix sockets.
    private func transportSettings(isListener: Bool) -> [(SocketOption, Int)] {
        var settings: [(SocketOption, Int)] = []
        if isListener { settings.append((.reuseAddress, 1)) }
        if noDelay { settings.append((.noDelay, 1)) }
        if let keepAlive {
            settings.append((.keepAlive, 1))
            settings.append((.keepAliveIdle, keepAlive.idle))
            settings.append((.keepAliveInterval, keepAlive.interval))
            settings.append((.keepAliveCount, keepAlive.count))
        }
        if let userTimeoutMilliseconds { settings.append((.userTimeout, userTimeoutMilliseconds)) }
        return settings
    }
}
