// A bounded pool of connections to one destination. Requests lease a connection; those that find none wait, within a
// bound and a deadline.
//
//     request --idle connection--> leased --release()--> idle --next request--> leased
//        |                            +--closed, unfit--> closed
//        +--none idle--> waiting --a connection is established or released--> leased
//                           +------ deadline -------------------------------> failed, with the last error
//
//     connecting (at most as many as requests wait) --failed--> pause with backoff --requests wait--> connecting
//     idle --idle time, the peer ends or writes--> closed

/// A bounded pool of connections to one destination, for requests of handlers and of tasks.
///
///     let pool = ConnectionPool(on: loop, to: "cache.example:6379", connections: 4)
///     let reply = try await pool.withConnection { connection in
///         try await connection.write("PING\r\n")
///         return try await connection.readExactly(7)
///     }
///
/// A connection serves one request at a time and is reused if it was left in order: open in both directions, without
/// unread input. A peer may close an idle connection at the moment at which a request leases it; such a request fails,
/// and it is up to the caller to repeat what may be repeated. If the destination cannot be reached, the pool tries again
/// with growing pauses while requests wait, and each fails at its deadline with the last error.
///
/// It is confined to its loop's thread.
public final class ConnectionPool {
    /// The host or address to connect to.
    public let destination: String
    /// The counters of this pool.
    public var statistics: PoolStatistics {
        var statistics = counters
        statistics.connections = pooled.count + connecting
        statistics.idle = idle.count
        statistics.waiting = waiting.count
        return statistics
    }

    let loop: EventLoop
    private let most: Int
    private let mostWaiting: Int
    private let waitTime: Duration
    private let idleTime: Duration
    private var backoff: Backoff
    private let options: ConnectOptions
    private let limits: Limits
    private var random: any RandomNumberGenerator

    private var counters = PoolStatistics()
    private var pooled: [ObjectIdentifier: PooledHandler] = [:]
    /// The idle connections; the most recently used one is last.
    private var idle: [PooledHandler] = []
    /// The requests that wait, in order.
    private var waiting: [PoolRequest] = []
    private var connecting = 0
    private var retryTimer: LoopTimer?
    private var lastError: SocketError?
    private var isClosed = false

    /// Creates a pool. It connects when the first request comes.
    ///
    /// - Parameters:
    ///   - loop: the loop of its connections.
    ///   - destination: `HOST:PORT` or `unix:PATH`; a name is looked up for every connection.
    ///   - connections: the maximum number of connections. Default: 8.
    ///   - waiting: the maximum number of requests that wait; further ones fail at once. Default: 64.
    ///   - waitTime: the time within which a request gets a connection or fails. Default: 10 s.
    ///   - idleTime: the time after which an idle connection is closed. Default: 30 s.
    ///   - backoff: the pauses after failed attempts.
    ///   - options: the options of each attempt.
    ///   - limits: the limits of each connection.
    ///   - random: the source of randomness for the pauses; a simulation passes its own.
    public init(
        on loop: EventLoop, to destination: String, connections: Int = 8, waiting: Int = 64,
        waitTime: Duration = .seconds(10), idleTime: Duration = .seconds(30), backoff: Backoff = Backoff(),
        options: ConnectOptions = ConnectOptions(), limits: Limits = Limits(),
        random: any RandomNumberGenerator = SystemRandomNumberGenerator()
    ) {
        self.loop = loop
        self.destination = destination
        self.waitTime = waitTime
        self.idleTime = idleTime
        self.backoff = backoff
        self.options = options
        self.limits = limits
        self.random = random
        most = max(1, connections)
        mostWaiting = max(0, waiting)
    }

    /// Leases a connection to a handler, which calls ``release(_:)`` when its request is done.
    ///
    /// The handler's calls begin with ``ConnectionHandler/connected(_:)`` and end with `release(_:)`, or with
    /// ``ConnectionHandler/closed(_:reason:)`` if the connection closes first.
    ///
    /// - Parameters:
    ///   - handler: creates the handler once there is a connection. If it throws, the connection is closed.
    ///   - failed: called in a later turn if no connection is free within the wait time, or too many requests wait already. Neither
    ///     closure is called if the loop ends first.
    public func lease(handler: @escaping HandlerFactory, failed: @escaping (SocketError) -> Void) {
        _ = request(handler: handler, failed: failed)
    }

    /// Returns a leased connection to the pool, or closes it if it is not fit for another request.
    ///
    /// Does nothing for a connection that has closed or is not leased from this pool.
    public func release(_ connection: Connection) { release(connection, isFit: true) }

    /// Closes idle connections and fails waiting requests; leased connections close when they are released.
    public func close() {
        isClosed = true
        cancelRetry()
        for handler in idle { handler.connection?.close() }
        failAll(SocketError(.connect, subject: destination, reason: "the pool was closed"))
    }

    // MARK: Requests

    func request(handler: @escaping HandlerFactory, failed: @escaping (SocketError) -> Void) -> PoolRequest {
        let request = PoolRequest(handler: handler, failed: failed)
        if isClosed || loop.isShutDown || loop.isDraining {
            fail(request, "the pool was closed, or its loop ends")
        } else if waiting.count >= mostWaiting && idle.isEmpty {
            counters.rejected += 1
            fail(
                request, "\(mostWaiting) requests are waiting already; all \(most) connections are in use or being made"
            )
        } else {
            request.deadline = loop.schedule(after: waitTime) { [self] in timedOut(request) }
            waiting.append(request)
            serve()
        }
        return request
    }

    /// Withdraws a request that is still waiting.
    func cancel(_ request: PoolRequest) {
        request.isOver = true
        if let deadline = request.deadline { loop.cancel(deadline) }
        waiting.removeAll { $0 === request }
    }

    private func fail(_ request: PoolRequest, _ reason: String) {
        let error = SocketError(.connect, subject: destination, reason: reason)
        loop.execute { request.failed(error) }
    }

    private func failAll(_ error: SocketError) {
        let failed = waiting
        waiting = []
        for request in failed {
            if let deadline = request.deadline { loop.cancel(deadline) }
            loop.execute { request.failed(error) }
        }
    }

    private func timedOut(_ request: PoolRequest) {
        request.isOver = true
        waiting.removeAll { $0 === request }
        counters.timeouts += 1
        let last = lastError.map { "; the last attempt: \($0.reason)" } ?? "; all \(most) connections are in use"
        request.failed(
            SocketError(.connect, subject: destination, reason: "no connection within \(waitTime)" + last))
    }

    /// Gives idle connections to waiting requests, and begins to connect for the others.
    private func serve() {
        while !waiting.isEmpty, let handler = idle.popLast() {
            let request = waiting.removeFirst()
            handler.reserve(for: request)
            counters.reuses += 1
            // In the next turn, because the caller may be another connection's handler.
            loop.execute { [self] in begin(request, on: handler) }
        }
        while !isClosed, retryTimer == nil, connecting < waiting.count, pooled.count + connecting < most { connect() }
    }

    private func begin(_ request: PoolRequest, on handler: PooledHandler) {
        if let connection = handler.connection, connection.isOpen {
            if !request.isOver { return connection.deliverConnected() }
            handler.endLease()
            makeIdle(handler)
        } else if !request.isOver {
            // It has closed meanwhile: the request waits again, before the others.
            handler.endLease()
            waiting.insert(request, at: 0)
        }
        serve()
    }

    // MARK: Connecting

    private func connect() {
        connecting += 1
        do throws(SocketError) {
            try loop.connect(
                to: destination, options: options, limits: limits,
                handler: { [self] connection in
                    connecting -= 1
                    lastError = nil
                    let handler = PooledHandler(self, connection)
                    pooled[ObjectIdentifier(connection)] = handler
                    if waiting.isEmpty { makeIdle(handler) } else { handler.reserve(for: waiting.removeFirst()) }
                    return handler
                },
                failed: { [self] error in connectingFailed(error) })
        } catch {
            connecting -= 1
            lastError = error
            failAll(error)  // malformed, or the loop has ended: another attempt would not help
        }
    }

    private func connectingFailed(_ error: SocketError) {
        connecting -= 1
        counters.failures += 1
        lastError = error
        retryLater()
    }

    /// Begins again after a pause, if requests wait by then.
    private func retryLater() {
        guard retryTimer == nil, !isClosed else { return }
        retryTimer = loop.schedule(after: backoff.nextDelay(using: &random)) { [self] in
            retryTimer = nil
            serve()
        }
    }

    private func cancelRetry() {
        if let retryTimer { loop.cancel(retryTimer) }
        retryTimer = nil
    }

    // MARK: Connections

    /// Counts a lease and ends the wait of its request.
    func leased(_ request: PoolRequest) {
        counters.leases += 1
        if let deadline = request.deadline { loop.cancel(deadline) }
    }

    func release(_ connection: Connection, isFit: Bool) {
        guard let handler = pooled[ObjectIdentifier(connection)], handler.isLeased else { return }
        handler.endLease()
        backoff.reset()
        guard isFit, !isClosed, connection.isOpen, !connection.state.contains(.holdsInput) else {
            return connection.close()
        }
        connection.messageArrived()  // a deadline of the former request
        connection.resumeReading()
        makeIdle(handler)
        serve()
    }

    private func makeIdle(_ handler: PooledHandler) {
        idle.append(handler)
        handler.idleTimer = loop.schedule(after: idleTime) { [weak handler] in handler?.connection?.close() }
    }

    /// Handles the end of a connection.
    func closed(_ handler: PooledHandler, _ connection: Connection, wasUsed: Bool) {
        pooled[ObjectIdentifier(connection)] = nil
        idle.removeAll { $0 === handler }
        if loop.isShutDown { return }
        // A server that accepts and closes at once is not healthy.
        if wasUsed || isClosed { serve() } else { retryLater() }
    }
}

/// The counters of a ``ConnectionPool``.
public struct PoolStatistics: Sendable, Hashable {
    /// Connections that are open or being established.
    public internal(set) var connections = 0
    /// Open connections that serve no request; part of ``connections``.
    public internal(set) var idle = 0
    /// Requests that wait for a connection.
    public internal(set) var waiting = 0
    /// Leases begun.
    public internal(set) var leases = 0
    /// Leases of a connection that had served a request before; part of ``leases``.
    public internal(set) var reuses = 0
    /// Attempts to connect that failed.
    public internal(set) var failures = 0
    /// Requests that failed at their deadline.
    public internal(set) var timeouts = 0
    /// Requests that failed because too many were waiting.
    public internal(set) var rejected = 0
}
