// What a connection and a listener may use up. Everything has a default, and no default is "without limit" unless it
// says so.

public import SystemPackage

/// The limits of a server and of each of its connections.
///
/// Every value is taken: a number below 0 counts as 0, one below 1 as 1 where it is a share of a turn, a negative time as
/// none at all, and a time of more than 292 years as that.
///
///     var limits = Limits()
///     limits.idleTime = .seconds(300)
///     try loop.listen(on: "0.0.0.0:7788", limits: limits) { _ in Echo() }
public struct Limits: Sendable {
    // MARK: A server

    /// Connections at once; more are accepted and closed at once. Default: `nil`, which is 10,000 or 64 below the
    /// process's descriptor limit, whichever is less.
    public var connections: Int?
    /// Connections at once from one address; a whole IPv6 /64 is one address. Default: `nil`, no limit of its own.
    public var connectionsPerAddress: Int?
    /// Connections that the kernel completes and keeps until they are accepted (listen(2)). Default: 511; the kernel
    /// takes no more than `net.core.somaxconn`.
    public var backlog = 511
    /// Connections accepted in one turn of the loop. Default: 64.
    public var acceptsPerTurn = 64

    // MARK: Time

    /// How long a connection may be without a byte in either direction. Default: 60 s; `nil` indefinitely. A peer that is
    /// still acknowledging what was sent before is not idle.
    public var idleTime: Duration? = .seconds(60)
    /// How long a new connection may take to its first message. Default: 10 s; `nil` for ever. The first bytes count as
    /// the first message, unless there is a framing or the handler says more with
    /// ``Connection/expectMessage(within:)``.
    public var firstMessageTime: Duration? = .seconds(10)
    /// How long the peer may acknowledge none of what was sent to it. Default: 60 s; `nil` indefinitely.
    ///
    /// Progress is what the peer acknowledges (`SIOCOUTQ`, tcp(7)), not what the kernel takes from this side: a reader that
    /// acknowledges a byte within this time is served to the end, also after ``Connection/close()``. A peer whose window
    /// stays closed acknowledges nothing, and neither does a dead one, which keep-alive does not look for while bytes are
    /// unacknowledged. Progress is checked sixteen times within this time. Output that the kernel has taken completely is
    /// first checked within this time after it was sent, so that a dead peer is found after little more than twice this
    /// time at the latest. The peer of a Unix socket makes progress when it has received a whole piece, some 36 KiB, and
    /// only queued output counts there.
    public var writeStallTime: Duration? = .seconds(60)
    /// How long a closed connection waits for the end of its peer's stream, once the peer has acknowledged everything;
    /// ``writeStallTime`` bounds the time before. Default: 5 s; zero closes at once.
    public var lingerTime: Duration = .seconds(5)

    // MARK: Bytes

    /// Receives a connection and turn. Default: 16.
    public var receivesPerTurn = 16
    /// Bytes received a connection and turn, after which others have their turn. Default: 256 KiB.
    public var bytesReceivedPerTurn = 256 * 1024
    /// Messages of one receive that a framing delivers, after which others have their turn. Default: 256, which a handler
    /// that takes a microsecond each is done with in a quarter of a millisecond.
    public var messagesPerTurn = 256
    /// Bytes sent from the queue a connection and turn. Default: 256 KiB.
    public var bytesSentPerTurn = 256 * 1024
    /// Queued output below which reading resumes. Default: 32 KiB.
    public var outputLowWatermark = 32 * 1024
    /// Queued output above which reading from this peer pauses. Default: 64 KiB.
    public var outputHighWatermark = 64 * 1024
    /// Queued output at which the connection is closed. Default: 1 MiB.
    public var outputLimit = 1024 * 1024
    /// Unread input that is thrown away while a closed connection lingers. Default: 64 KiB.
    public var lingerBytes = 64 * 1024

    /// How fast a connection is read from, on average. Default: `nil`, as fast as its peer sends and its handler takes it.
    public var readRate: RateLimit?
    /// How fast a connection is sent to, on average. Default: `nil`, as fast as its peer takes it.
    public var writeRate: RateLimit?

    // MARK: The kernel's part

    /// Send small segments at once (`TCP_NODELAY`). Default: yes.
    public var noDelay = true
    /// Silence after which the peer is asked whether it is there. Default: 30 s, then 3 times every 10 s; `nil` never.
    public var keepAlive: KeepAlive? = KeepAlive()
    /// How long sent bytes may stay unacknowledged (`TCP_USER_TIMEOUT`). Default: `nil`, the kernel's own patience of
    /// several minutes.
    ///
    /// This time also runs while a closed window keeps bytes from leaving (tcp(7)), so it resets readers that are slow
    /// and alive; ``writeStallTime`` finds dead peers without that.
    public var userTimeout: Duration?
    /// Bytes of the kernel's send buffer (`SO_SNDBUF`). Default: `nil`, the kernel's own choice.
    public var sendBuffer: Int?
    /// Bytes of the kernel's receive buffer (`SO_RCVBUF`). Default: `nil`, the kernel's own choice.
    public var receiveBuffer: Int?

    /// Who may connect to a Unix socket with a path: writing to it is what counts (unix(7), "Pathname socket ownership and
    /// permissions"). Default: 0600, the server's own user; `nil` leaves it to the umask.
    public var unixPermissions: FilePermissions? = .ownerReadWrite

    /// How the kernel finds out that a silent peer has gone (tcp(7)).
    public struct KeepAlive: Sendable {
        /// Silence before the first question; whole seconds, 1 to 32,767. Default: 30 s.
        public var idle: Duration = .seconds(30)
        /// Time between questions; whole seconds, 1 to 32,767. Default: 10 s.
        public var interval: Duration = .seconds(10)
        /// Questions without an answer; 1 to 127. Default: 3.
        public var count = 3

        /// The defaults.
        public init() {}
    }

    /// The defaults.
    public init() {}
}
