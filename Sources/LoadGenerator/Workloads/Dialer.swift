// Makes the connections of a load: from which local address, with which limits, and what a failure counts as.

internal import Reactor

/// Makes connections to the server of a load.
final class Dialer {
    private let loop: EventLoop
    private let address: SocketAddress
    private let timeout: Duration
    private let limits: Limits
    private var sources: SourceAddresses

    init(_ configuration: LoadConfiguration, on loop: EventLoop) {
        self.loop = loop
        address = configuration.address
        timeout = configuration.connectTimeout
        limits = Self.limits(for: configuration)
        sources = SourceAddresses(for: configuration)
    }

    /// Begins a connect.
    ///
    /// - Returns: The error that kept it from beginning, or `nil` when one of the two functions will be called.
    func dial(_ makeHandler: @escaping (Connection) -> any ConnectionHandler, failed: @escaping (SocketError) -> Void)
        -> SocketError?
    {
        do throws(SocketError) {
            try loop.connect(
                to: address, from: sources.take(), timeout: timeout, limits: limits, handler: makeHandler,
                failed: failed)
            return nil
        } catch {
            return error
        }
    }

    /// A load decides itself how long to wait, and what it sends is bounded by its own depth.
    private static func limits(for configuration: LoadConfiguration) -> Limits {
        var limits = Limits()
        limits.idleTime = nil
        limits.firstMessageTime = nil
        limits.writeStallTime = nil
        limits.keepAlive = nil
        limits.userTimeout = nil
        // Every echo was awaited before a connection is closed, so there is nothing to linger for.
        limits.lingerTime = .zero
        // Pressure would pause reading: a server that waits for us to read, before it reads on, would wait for ever.
        let most = configuration.size * configuration.depth + BytePattern.chunk
        limits.outputHighWatermark = max(limits.outputHighWatermark, most)
        limits.outputLimit = max(limits.outputLimit, 2 * most)
        return limits
    }
}
