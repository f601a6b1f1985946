// The connects of a load: their local addresses and limits.

internal import Reactor

/// A factory for connections to the server of a load.
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

    /// Starts a connect.
    ///
    /// - Parameters:
    ///   - makeHandler: called with the established connection; returns its handler.
    ///   - failed: called with the error when the connect fails later.
    /// - Returns: The error that prevented the start, or `nil` when one of the two functions will be called.
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

    /// Returns the limits of a connection: the load has timeouts of its own, and its depth bounds the output.
    private static func limits(for configuration: LoadConfiguration) -> Limits {
        var limits = Limits()
        limits.idleTime = nil
        limits.firstMessageTime = nil
        limits.writeStallTime = nil
        limits.keepAlive = nil
        limits.userTimeout = nil
        // Every echo is awaited before a connection is closed, so no linger is needed.
        limits.lingerTime = .zero
        // Backpressure would pause reading, and deadlock with a server that stops reading until its echoes are read.
        let most = configuration.size * configuration.depth + BytePattern.chunk
        limits.outputHighWatermark = max(limits.outputHighWatermark, most)
        limits.outputLimit = max(limits.outputLimit, 2 * most)
        return limits
    }
}
