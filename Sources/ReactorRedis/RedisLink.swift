// A link to a Redis server over two connections, one that subscribes and one that publishes, because a subscribed
// connection accepts no other commands. Each is reestablished while the link is wanted; the link is up while both are.
//
//     down --subscribed, publisher connected--> up --either connection lost, silent, or replies with an error--> down

public import Reactor

/// Receives the events of a ``RedisLink``, on its loop's thread.
public protocol RedisLinkHandler: AnyObject {
    /// Called when the link is up: it is subscribed, and messages can be published.
    func linkIsUp()
    /// Called when the link is lost, or an attempt to connect has failed. The link reconnects by itself.
    func linkIsDown(_ reason: String)
    /// Called for each message on the channel, including those that this link published.
    func linkReceived(_ payload: [UInt8])
}

/// A link to one channel of a Redis server: it subscribes to the channel and publishes to it. Messages published while
/// it is down, or while more than ``maximumQueue`` bytes are queued, are dropped and counted.
///
/// Confined to its loop's thread.
public final class RedisLink {
    /// The high watermark of each connection's output queue, in bytes.
    public static let maximumQueue = 512 * 1024
    /// The idle timeout: a link that receives nothing for this long is considered dead. Publish more often than this.
    public static let silence = Duration.seconds(15)

    private let loop: EventLoop
    private let destination: String
    private let channel: [UInt8]
    private weak let owner: (any RedisLinkHandler)?
    private let random: any RandomNumberGenerator

    private var reconnectors: [Reconnector] = []
    private var subscriber: Connection?
    private var publisher: Connection?
    private var isSubscribed = false

    /// Whether both connections are established.
    public private(set) var isUp = false
    /// Messages that were dropped instead of published.
    public private(set) var dropped = 0
    /// Messages that were handed to Redis.
    public private(set) var published = 0

    /// Creates a link; ``start()`` connects it.
    ///
    /// - Parameters:
    ///   - loop: the loop that runs the link.
    ///   - destination: the Redis server, `host:port`.
    ///   - channel: the channel to subscribe and publish to.
    ///   - owner: receives the events; held weakly.
    ///   - random: the source of jitter for the delays between attempts.
    public init(
        loop: EventLoop, to destination: String, channel: String, owner: any RedisLinkHandler,
        random: any RandomNumberGenerator
    ) {
        self.loop = loop
        self.destination = destination
        self.channel = Array(channel.utf8)
        self.owner = owner
        self.random = random
    }

    // MARK: Going up and down

    /// Connects, and reconnects whenever a connection is lost.
    ///
    /// - Throws: `SocketError` if the destination is malformed.
    public func start() throws(SocketError) {
        var limits = Limits()
        limits.idleTime = Self.silence
        limits.outputHighWatermark = Self.maximumQueue
        limits.outputLimit = 2 * Self.maximumQueue
        var options = ConnectOptions()
        options.timeout = .seconds(2)
        // Redis is close by and clients are waiting for it, so reconnect quickly.
        var backoff = Backoff()
        (backoff.initial, backoff.maximum, backoff.resetAfter) = (.milliseconds(50), .milliseconds(500), .seconds(5))
        for role in [RedisConnection.Role.subscriber, .publisher] {
            let reconnector = try loop.keepConnected(
                to: destination, backoff: backoff, options: options, limits: limits, random: random,
                handler: { [weak self] _ in RedisConnection(self, role).framed(by: RESPFraming()) },
                failed: { [weak self] error, _ in self?.goDown(error.description) })
            reconnectors.append(reconnector)
        }
    }

    /// Ends the link once queued messages have been sent.
    public func stop() {
        for reconnector in reconnectors { reconnector.stop() }
        isUp = false
        subscriber?.close()
        publisher?.close()
    }

    private func becomeUp() {
        guard isSubscribed, publisher != nil, !isUp else { return }
        isUp = true
        owner?.linkIsUp()
    }

    private func goDown(_ reason: String) {
        isUp = false
        if reconnectors.allSatisfy({ !$0.isStopped }) { owner?.linkIsDown(reason) }
    }

    // MARK: Callbacks of the connections

    fileprivate func connected(_ role: RedisConnection.Role, _ connection: Connection) {
        switch role {
        case .subscriber:
            subscriber = connection
            connection.write(RESPValue.command(Array("SUBSCRIBE".utf8), channel))
        case .publisher:
            publisher = connection
            becomeUp()
        }
    }

    /// - Throws: `RedisFault` if the connection has to be closed.
    fileprivate func received(_ value: RESPValue, _ role: RedisConnection.Role) throws(RedisFault) {
        if case .error(let words) = value { throw RedisFault("Redis reports: \(PrintableText.sanitized(words))") }
        if role == .publisher {
            guard case .integer = value else { throw RedisFault("Redis sent a malformed reply to PUBLISH") }
            return
        }
        guard case .array(let elements?) = value, elements.count == 3, case .bulk(let kind?) = elements[0],
            elements[1] == .bulk(channel)
        else { throw RedisFault("Redis sent an unexpected message") }
        switch (String(decoding: kind, as: UTF8.self), elements[2]) {
        case ("message", .bulk(let payload?)): owner?.linkReceived(payload)
        case ("subscribe", .integer):
            isSubscribed = true
            becomeUp()
        default: throw RedisFault("Redis sent an unexpected push message")
        }
    }

    fileprivate func closed(_ role: RedisConnection.Role, _ reason: String) {
        switch role {
        case .subscriber:
            subscriber = nil
            isSubscribed = false
        case .publisher: publisher = nil
        }
        goDown(reason)
    }

    // MARK: Publishing

    /// Publishes a message to the channel.
    public func publish(_ payload: [UInt8]) {
        guard isUp, let publisher, publisher.queuedBytes < Self.maximumQueue,
            publisher.write(RESPValue.command(Array("PUBLISH".utf8), channel, payload)) != .closed
        else {
            dropped += 1
            return
        }
        published += 1
    }
}

/// The reason why a reply of Redis takes the link down.
private struct RedisFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// One of a link's two connections.
private final class RedisConnection: ValueHandler {
    enum Role { case subscriber, publisher }

    private weak let link: RedisLink?
    private let role: Role
    private var fault: RedisFault?

    init(_ link: RedisLink?, _ role: Role) {
        self.link = link
        self.role = role
    }

    func connected(_ connection: Connection) {
        if let link { link.connected(role, connection) } else { connection.abort() }
    }

    func received(_ value: RESPValue, from bytes: RawSpan, on connection: Connection) {
        do throws(RedisFault) { try link?.received(value, role) } catch {
            fault = error
            connection.abort()
        }
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        link?.closed(role, fault?.description ?? reason.description)
    }
}
