// The resources that a listener and its connections may use. Every limit has a default, and unlimited is a default only
// where stated.

public import SystemPackage

/// The limits of a server and of each of its connections.
///
/// Any value is accepted: a negative number counts as 0, a budget per turn below 1 as 1, a negative time as zero, and a
/// time above 292 years as 292 years.
///
///     var limits = Limits()
///     limits.idleTime = .seconds(300)
///     try loop.listen(on: "0.0.0.0:7788", limits: limits) { _ in Echo() }
public struct Limits: Sendable {
    // MARK: Server

    /// Simultaneous connections; further ones are accepted and closed at once. Default: `nil`, which means 10,000 or 64
    /// below the process's descriptor limit, whichever is less.
    public var connections: Int?
    /// Simultaneous connections per client address; an IPv6 /64 counts as one address. Default: `nil`, unlimited.
    public var connectionsPerAddress: Int?
    /// The backlog: connections that the kernel completes and queues for `accept` (listen(2)). Default: 511; the kernel
    /// clamps it to `net.core.somaxconn`.
    public var backlog = 511
    /// Connections accepted per turn of the loop. Default: 64.
    public var acceptsPerTurn = 64

    // MARK: Time

    /// The time that a connection may be idle, with no byte in either direction. Default: 60 s; `nil` for unlimited. A
    /// peer that is still acknowledging earlier output is not idle.
    public var idleTime: Duration? = .seconds(60)
    /// The time that a new connection may take to send its first message. Default: 10 s; `nil` for unlimited. The first
    /// bytes count as the first message, unless the connection has a framing or its handler calls
    /// ``Connection/expectMessage(within:)``.
    public var firstMessageTime: Duration? = .seconds(10)
    /// The time that the peer may go without acknowledging any output. Default: 60 s; `nil` for unlimited.
    ///
    /// Progress means acknowledgement by the peer (`SIOCOUTQ`, tcp(7)), not acceptance by the local kernel: a slow
    /// reader that acknowledges a byte within this time is served to the end, even after ``Connection/close()``. A peer
    /// whose window stays closed acknowledges nothing, and neither does a dead one, which keep-alive does not probe
    /// while bytes are unacknowledged. Progress is checked sixteen times within this time. Output that the kernel has
    /// accepted completely is first checked within this time after it was sent, so a dead peer is detected after little
    /// more than twice this time at the latest. The peer of a Unix socket makes progress when it has received a whole
    /// segment, about 36 KiB, and only queued output counts there.
    public var writeStallTime: Duration? = .seconds(60)
    /// The time that a closed connection lingers, waiting for the end of the peer's stream, once the peer has
    /// acknowledged everything; ``writeStallTime`` bounds the time before that. Default: 5 s; zero closes at once.
    public var lingerTime: Duration = .seconds(5)

    // MARK: Bytes

    /// Receives per connection and turn. Default: 16.
    public var receivesPerTurn = 16
    /// Bytes received per connection and turn, before the loop serves others. Default: 256 KiB.
    public var bytesReceivedPerTurn = 256 * 1024
    /// Messages that a framing delivers per receive, before the loop serves others. Default: 256; a handler that takes
    /// 1 us per message occupies the loop for a quarter of a millisecond.
    public var messagesPerTurn = 256
    /// Bytes sent from the queue per connection and turn. Default: 256 KiB.
    public var bytesSentPerTurn = 256 * 1024
    /// The low watermark: bytes of queued output at which reading resumes. Default: 32 KiB.
    public var outputLowWatermark = 32 * 1024
    /// The high watermark: bytes of queued output above which reading from this peer pauses. Default: 64 KiB.
    public var outputHighWatermark = 64 * 1024
    /// What output above the high watermark does to its connection. Default: it pauses reading. New connections only;
    /// ``Connection/pressurePolicy`` changes open ones.
    public var pressurePolicy = PressurePolicy.pausesReading
    /// Bytes of queued output beyond which a write under pressure resets the connection. Default: 1 MiB.
    ///
    /// A single write may be larger if no more than the high watermark is queued before it; a queue thus holds at most
    /// this much, or the high watermark and one write.
    public var outputLimit = 1024 * 1024
    /// Bytes of input that are discarded while a closed connection lingers. Default: 64 KiB.
    public var lingerBytes = 64 * 1024

    /// The average rate at which a connection is read. Default: `nil`, unlimited.
    public var readRate: RateLimit?
    /// The average rate at which a connection is written. Default: `nil`, unlimited.
    public var writeRate: RateLimit?

    // MARK: Socket options

    /// Whether small segments are sent at once (`TCP_NODELAY`). Default: yes.
    public var noDelay = true
    /// The keep-alive probes. Default: the first after 30 s of silence, then 3 probes 10 s apart; `nil` for none.
    public var keepAlive: KeepAlive? = KeepAlive()
    /// The time that sent bytes may stay unacknowledged (`TCP_USER_TIMEOUT`). Default: `nil`, the kernel's own timeout
    /// of several minutes.
    ///
    /// This time also runs while a closed window holds bytes back (tcp(7)), so it resets slow but live readers;
    /// ``writeStallTime`` detects dead peers without that effect.
    public var userTimeout: Duration?
    /// The size of the kernel's send buffer in bytes (`SO_SNDBUF`). Default: `nil`, the kernel's default.
    public var sendBuffer: Int?
    /// The size of the kernel's receive buffer in bytes (`SO_RCVBUF`). Default: `nil`, the kernel's default.
    public var receiveBuffer: Int?

    /// The mode of a Unix socket's path: write permission lets a user connect (unix(7), "Pathname socket ownership and
    /// permissions"). Default: 0600, the server's own user; `nil` leaves it to the umask.
    public var unixPermissions: FilePermissions? = .ownerReadWrite

    /// The probes with which the kernel detects that a silent peer is gone (tcp(7)).
    public struct KeepAlive: Sendable {
        /// The silence before the first probe; whole seconds, 1 to 32,767. Default: 30 s.
        public var idle: Duration = .seconds(30)
        /// The time between probes; whole seconds, 1 to 32,767. Default: 10 s.
        public var interval: Duration = .seconds(10)
        /// The number of unacknowledged probes after which the connection is reset; 1 to 127. Default: 3.
        public var count = 3

        /// Creates the default probes.
        public init() {}
    }

    /// Creates limits with their default values.
    public init() {}
}

extension Limits {
    /// Returns ``connections``, or its default: 10,000, or 64 below the soft descriptor limit (getrlimit(2)), if that
    /// is less.
    package func effectiveConnections(on kernel: any Kernel = LinuxKernel.shared) -> Int {
        if let connections { return connections }
        let descriptors = kernel.calls.descriptorLimit()
        return max(1, min(10_000, descriptors.succeeded ? descriptors.rawValue - 64 : 10_000))
    }
}

extension SocketSettings {
    private static let second: Int64 = 1_000_000_000
    /// The range that Linux accepts (`MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`; `MAX_TCP_KEEPCNT` is 127).
    private static let keepAliveSeconds = 1...32_767

    /// Creates the settings of these limits, each clamped to the range of its option.
    init(_ limits: Limits) {
        noDelay = limits.noDelay
        keepAlive = limits.keepAlive.map { probes in
            KeepAlive(
                idle: probes.idle.whole(Self.second, within: Self.keepAliveSeconds),
                interval: probes.interval.whole(Self.second, within: Self.keepAliveSeconds),
                count: min(max(1, probes.count), 127))
        }
        // 0 would select the kernel's default.
        userTimeoutMilliseconds = limits.userTimeout?.whole(1_000_000, within: 1...Int(Int32.max))
        sendBuffer = limits.sendBuffer.map { max(1, $0) }
        receiveBuffer = limits.receiveBuffer.map { max(1, $0) }
        // listen(2) treats a negative value as the maximum.
        backlog = max(0, limits.backlog)
        acceptsPerTurn = max(1, limits.acceptsPerTurn)
        unixPermissions = limits.unixPermissions
    }
}
