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
        if let sendBuffer { settings.append((.sendBuffer, sendBuffer)) }
        if let receiveBuffer { settings.append((.receiveBuffer, receiveBuffer)) }
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
            settings.append((.keepAliveIdle, Self.seconds(keepAlive.idle)))
            settings.append((.keepAliveInterval, Self.seconds(keepAlive.interval)))
            settings.append((.keepAliveCount, max(1, keepAlive.count)))
        }
        if let userTimeout { settings.append((.userTimeout, Int(userTimeout.wholeNanoseconds / 1_000_000))) }
        return settings
    }

    /// Whole seconds, at least one.
    private static func seconds(_ duration: Duration) -> Int {
        max(1, Int((duration.wholeNanoseconds + 999_999_999) / 1_000_000_000))
    }
}
