// A request for a pooled connection, and the handler that such a connection has for life: it forwards to that of the
// current request.
//
//     idle --reserve--> reserved --connected of the request's handler--> leased --endLease--> idle

/// A request for a connection.
final class PoolRequest {
    let handler: HandlerFactory
    let failed: (SocketError) -> Void
    var deadline: LoopTimer?
    /// Whether it has failed or was withdrawn.
    var isOver = false

    init(handler: @escaping HandlerFactory, failed: @escaping (SocketError) -> Void) {
        self.handler = handler
        self.failed = failed
    }
}

/// The handler of a pooled connection, which forwards to that of the current request.
final class PooledHandler: HandlerAdapter, ConnectionHandler {
    private enum Phase { case idle, reserved(PoolRequest), leased }

    private(set) weak var connection: Connection?
    private let pool: ConnectionPool
    private var phase = Phase.idle
    private var user: (any ConnectionHandler)?
    private var wasUsed = false
    var idleTimer: LoopTimer?

    init(_ pool: ConnectionPool, _ connection: Connection) {
        self.pool = pool
        self.connection = connection
    }

    override var adapted: any AnyObject { user.map { ($0 as? HandlerAdapter)?.adapted ?? $0 } ?? self }

    var isLeased: Bool { if case .leased = phase { true } else { false } }

    func reserve(for request: PoolRequest) {
        phase = .reserved(request)
        if let idleTimer { pool.loop.cancel(idleTimer) }
        idleTimer = nil
    }

    func endLease() {
        if isLeased { wasUsed = true }
        phase = .idle
        user = nil
    }

    func connected(_ connection: Connection) throws {
        guard case .reserved(let request) = phase else { return }
        phase = .leased
        pool.leased(request)
        let handler = try request.handler(connection)
        // A task may have released it already.
        guard isLeased else { return }
        user = handler
        try user?.connected(connection)
    }

    func received(_ bytes: RawSpan, on connection: Connection) throws {
        // An idle connection expects nothing: what arrives belongs to no request.
        if let user { try user.received(bytes, on: connection) } else { connection.abort() }
    }

    func ended(_ connection: Connection) throws {
        if let user { try user.ended(connection) } else { connection.close() }
    }

    func drained(_ connection: Connection) throws { try user?.drained(connection) }
    func resumed(_ connection: Connection) throws { try user?.resumed(connection) }

    func draining(_ connection: Connection) throws {
        if let user { try user.draining(connection) } else { connection.close() }
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        if let idleTimer { pool.loop.cancel(idleTimer) }
        let isBegun = isLeased
        pool.closed(self, connection, wasUsed: wasUsed)
        // A reservation that has not begun is served by another connection.
        if isBegun { user?.closed(connection, reason: reason) }
        user = nil
    }
}
