// The socket options behind the limits. They are set once, on a listener or before a connect: Linux hands a listener's
// options on to the sockets it accepts, so a connection costs no system call for them.

import SystemPackage

extension Limits {
    /// Sets the options that these limits ask for.
    ///
    /// - Parameter replacing: the socket has had other limits: what these do not ask for is set back.
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

    /// The options of TCP, which a Unix socket does not know.
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
        // 0 would leave it to the kernel.
        if let userTimeout {
            settings.append((.userTimeout, userTimeout.whole(1_000_000, within: 1...Int(Int32.max))))
        }
        return settings
    }

    private static let second: Int64 = 1_000_000_000
    /// What Linux takes (`MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`; `MAX_TCP_KEEPCNT` is 127).
    private static let keepAliveSeconds = 1...32_767

    /// ``backlog``, which listen(2) would take for the largest if it were negative.
    var effectiveBacklog: Int { max(0, backlog) }
}
