// A persistent connection: it is established, and re-established whenever it ends, with growing pauses after
// consecutive failures.
//
//     connecting --connected--> connected --closed--> waiting --timer--> connecting
//         +------- failed ------------------------------^
//     stop(), or the loop drains or ends, from anywhere --> stopped

/// A persistent connection to a server.
///
/// Created by ``EventLoop/keepConnected(to:backoff:options:limits:random:handler:failed:)``. It is confined to its
/// loop's thread, and lives until it is stopped, even without a reference to it.
public final class Reconnector {
    private let loop: EventLoop
    private let options: ConnectOptions
    private let limits: Limits
    private let makeHandler: (Connection) throws -> any ConnectionHandler
    private let failed: (SocketError, Duration) -> Void
    private var backoff: Backoff
    private var random: any RandomNumberGenerator
    /// The pending attempt. Weak, because the loop retains it; a strong reference would be a cycle beyond the loop's
    /// end.
    private weak var race: HappyEyeballs?
    private var timer: LoopTimer?
    private var connectedAt: MonotonicTime?

    /// The host or address to connect to.
    public let destination: String
    /// The current connection, if established.
    public private(set) weak var connection: Connection?
    /// Whether ``stop()`` was called, or the loop has ended.
    public var isStopped: Bool { wasStopped || loop.isShutDown }
    private var wasStopped = false

    fileprivate init(
        loop: EventLoop, to destination: String, backoff: Backoff, options: ConnectOptions, limits: Limits,
        random: any RandomNumberGenerator, handler: @escaping (Connection) throws -> any ConnectionHandler,
        failed: @escaping (SocketError, Duration) -> Void
    ) throws(SocketError) {
        self.loop = loop
        self.destination = destination
        self.backoff = backoff
        self.options = options
        self.limits = limits
        self.random = random
        makeHandler = handler
        self.failed = failed
        try connect()
    }

    /// Consecutive failures: failed attempts, and connections that ended within ``Backoff/resetAfter``.
    public var failures: Int { backoff.failures }

    /// Stops reconnecting. An established connection stays open until it is closed.
    public func stop() {
        wasStopped = true
        race?.cancel()
        race = nil
        if let timer { loop.cancel(timer) }
        timer = nil
    }

    private func connect() throws(SocketError) {
        let owner = Owner(self)
        race = try loop.connect(
            to: destination, options: options, limits: limits, owner: owner,
            handler: { [self] connection in
                race = nil
                connectedAt = loop.now
                self.connection = connection
                return try makeHandler(connection)
            },
            failed: { [self] error in
                race = nil
                failed(error, retryLater())
            })
    }

    /// Handles the end of the connection.
    fileprivate func connectionClosed() {
        connection = nil
        if let connectedAt, connectedAt.duration(to: loop.now) >= backoff.resetAfter { backoff.reset() }
        connectedAt = nil
        retryLater()
    }

    /// Schedules the next attempt and returns the pause before it.
    @discardableResult
    private func retryLater() -> Duration {
        if loop.isDraining || loop.isShutDown { stop() }
        let delay = backoff.nextDelay(using: &random)
        if isStopped { return delay }
        timer = loop.schedule(after: delay) { [self] in
            timer = nil
            if loop.isDraining { return stop() }
            // Only parsing can throw, and the destination has been parsed before.
            do throws(SocketError) { try connect() } catch { failed(error, retryLater()) }
        }
        return delay
    }

    /// The connection's owner, notified when it closes.
    private final class Owner: ConnectionOwner {
        private let reconnector: Reconnector

        init(_ reconnector: Reconnector) { self.reconnector = reconnector }

        override func connectionClosed(_ connection: Connection) { reconnector.connectionClosed() }
    }
}

extension EventLoop {
    /// Keeps a connection to a server, and reconnects whenever it ends or fails.
    ///
    /// Before each new attempt there is a random pause, which grows with consecutive failures.
    ///
    /// - Parameters:
    ///   - destination: `HOST:PORT` or `unix:PATH`; a name is looked up again for every attempt.
    ///   - backoff: the pauses. Default: up to 100 ms, doubling to 30 s.
    ///   - options: the options of each attempt.
    ///   - limits: the limits of each connection.
    ///   - random: the source of randomness for the pauses; a simulation passes its own.
    ///   - handler: creates the handler of each connection.
    ///   - failed: called with the error of a failed attempt and the pause before the next. The end of an established
    ///     connection is reported to its handler only.
    /// - Returns: The reconnector, to stop it.
    /// - Throws: ``SocketError`` when the destination is malformed.
    @discardableResult
    public func keepConnected(
        to destination: String, backoff: Backoff = Backoff(), options: ConnectOptions = ConnectOptions(),
        limits: Limits = Limits(), random: any RandomNumberGenerator = SystemRandomNumberGenerator(),
        handler: @escaping (Connection) throws -> any ConnectionHandler,
        failed: @escaping (SocketError, Duration) -> Void = { _, _ in }
    ) throws(SocketError) -> Reconnector {
        try Reconnector(
            loop: self, to: destination, backoff: backoff, options: options, limits: limits, random: random,
            handler: handler, failed: failed)
    }
}
