// A connection that is wanted for good: it is made, and made anew whenever it ends, with growing pauses while nothing comes
// of it.
//
//     connecting --connected--> connected --closed--> waiting --timer--> connecting
//         +------- failed ------------------------------^
//     stop(), or the loop drains or ends, from anywhere --> stopped

/// Keeps a connection to a server. Made by ``EventLoop/keepConnected(to:backoff:options:limits:random:handler:failed:)``.
///
/// Belongs to its loop's thread. It lives until it is stopped, whether or not anybody holds it.
public final class Reconnector {
    private let loop: EventLoop
    private let options: ConnectOptions
    private let limits: Limits
    private let makeHandler: (Connection) throws -> any ConnectionHandler
    private let failed: (SocketError, Duration) -> Void
    private var backoff: Backoff
    private var random: any RandomNumberGenerator
    /// Kept by the loop while it lasts: this and what it tells would otherwise keep each other beyond the loop's end.
    private weak var race: ConnectionRace?
    private var timer: Timer?
    private var connectedAt: MonotonicTime?

    /// Where to.
    public let destination: String
    /// The connection, while there is one.
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

    /// Failures in a row: attempts that came to nothing, and connections that ended within ``Backoff/resetAfter``.
    public var failures: Int { backoff.failures }

    /// Makes no connection any more. One that is there goes on; close it to end it.
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

    /// The connection that this made has ended.
    fileprivate func connectionClosed() {
        connection = nil
        if let connectedAt, connectedAt.duration(to: loop.now) >= backoff.resetAfter { backoff.reset() }
        connectedAt = nil
        retryLater()
    }

    /// Connects after a pause, which it answers.
    @discardableResult
    private func retryLater() -> Duration {
        if loop.isDraining || loop.isShutDown { stop() }
        let delay = backoff.nextDelay(using: &random)
        if isStopped { return delay }
        timer = loop.schedule(after: delay) { [self] in
            timer = nil
            if loop.isDraining { return stop() }
            // The destination was parsed once already: only that can fail here.
            do throws(SocketError) { try connect() } catch { failed(error, retryLater()) }
        }
        return delay
    }

    /// Is told when the connection is over, as a connection's owner.
    private final class Owner: ConnectionOwner {
        private let reconnector: Reconnector

        init(_ reconnector: Reconnector) { self.reconnector = reconnector }

        override func connectionClosed(_ connection: Connection) { reconnector.connectionClosed() }
    }
}

extension EventLoop {
    /// Keeps a connection to a server: connects, and connects again whenever the connection has ended or could not be made,
    /// after a random pause that grows while nothing comes of it.
    ///
    /// - Parameters:
    ///   - destination: `HOST:PORT` or `unix:PATH`; a name is looked up anew at every attempt.
    ///   - backoff: the pauses. Default: up to 100 ms, doubling to 30 s.
    ///   - options: how each attempt goes about it.
    ///   - limits: what a connection may use up.
    ///   - random: what the pauses are drawn from; a simulation gives its own.
    ///   - handler: makes the handler of each connection.
    ///   - failed: told why an attempt came to nothing, and how long the pause is. That a connection ended is told to its
    ///     handler.
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
