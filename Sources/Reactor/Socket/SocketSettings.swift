// The socket options behind the limits. They are set once, on a listener or before a connect: on Linux, accepted
// sockets inherit the listener's options, so connections need no system call for them.

import SystemPackage

extension Limits {
    /// Sets the socket options for these limits.
    ///
    /// - Parameter replacing: whether other limits were applied before; options that these do not set are reset then.
    func apply(
        to socket: FileDescriptor, _ kernel: any SystemCalls, for address: SocketAddress, isListener: Bool = true,
        replacing: Bool = false
    ) throws(SocketError) {
        var settings: [(SocketOption, Int)] = []
        if !address.isUnix { settings = transportSettings(isListener: isListener) }
        if !address.isUnix && replacing {
            if !noDelay { settings.append((.noDelay, 0)) }
            if keepAlive == nil { settings.append((.keepAlive, 0)) }
            if userTimeout == nil { settings.append((.userTimeout, 0)) }
        }
        if let sendBuffer { settings.append((.sendBuffer, max(1, sendBuffer))) }
        if let receiveBuffer { settings.append((.receiveBuffer, max(1, receiveBuffer))) }
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
            settings.append((.keepAliveIdle, keepAlive.idle.whole(Self.second, within: Self.keepAliveSeconds)))
            settings.append((.keepAliveInterval, keepAlive.interval.whole(Self.second, within: Self.keepAliveSeconds)))
            settings.append((.keepAliveCount, min(max(1, keepAlive.count), 127)))
        }
        // 0 would select the kernel's default.
        if let userTimeout {
            settings.append((.userTimeout, userTimeout.whole(1_000_000, within: 1...Int(Int32.max))))
        }
        return settings
    }

    private static let second: Int64 = 1_000_000_000
    /// The range that Linux accepts (`MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`; `MAX_TCP_KEEPCNT` is 127).
    private static let keepAliveSeconds = 1...32_767

    /// ``backlog``, at least 0, because listen(2) treats a negative value as the maximum.
    var effectiveBacklog: Int { max(0, backlog) }
}
