// The way to a Redis server: one connection that listens to a channel and one that publishes to it, for one that listens
// may do nothing else. The two live and die together, and are made anew for as long as the link is wanted.
//
//     waiting --timer--> connecting --subscribed, and both connected--> up
//        ^                   |                                          |
//        +--- refused, lost, silent, answered with an error ------------+        stop(), or the loop drains --> stopped

import Reactor

/// What a link tells its owner.
protocol RedisLinkOwner: AnyObject {
    func linkIsUp()
    /// Told whenever the link was lost, and for each attempt that came to nothing.
    func linkIsDown(_ reason: String)
    func linkReceived(_ payload: [UInt8])
}

/// A link to a channel of a Redis server. What is published while it is down, or while too much waits, is dropped and
/// counted.
final class RedisLink {
    private enum State { case waiting, connecting, up, stopped }

    /// Bytes that may wait to be taken by Redis.
    static let maximumQueue = 512 * 1024
    /// A link on which nothing comes back for this long is dead: the owner publishes more often than that.
    static let silence = Duration.seconds(15)
    /// How soon a link that has failed is tried again: at random between half a bound and all of it, so that servers that lost the same Redis do
    /// not return at the same moment; the bound doubles.
    private static let (firstBound, lastBound) = (Duration.milliseconds(50), Duration.milliseconds(500))
    /// A link has to last for this to count as well; a server that accepts and closes at once is not.
    private static let wellAfter = Duration.seconds(5)
    private static let connectTimeout = Duration.seconds(2)

    private let loop: EventLoop
    private let address: SocketAddress
    private let channel: [UInt8]
    private weak let owner: (any RedisLinkOwner)?
    private var random: any RandomNumberGenerator

    private var state = State.waiting
    private var attempts: [Connector] = []
    private var subscriber: RedisConnection?
    private var publisher: RedisConnection?
    private var timer: Timer?
    private var bound = RedisLink.firstBound
    private var upSince: MonotonicTime?
    private var isSubscribed = false

    /// Messages that were not published.
    private(set) var dropped = 0
    /// Messages that were given to Redis.
    private(set) var published = 0

    init(
        loop: EventLoop, to address: SocketAddress, channel: String, owner: any RedisLinkOwner,
        random: any RandomNumberGenerator = SystemRandomNumberGenerator()
    ) {
        self.loop = loop
        self.address = address
        self.channel = Array(channel.utf8)
        self.owner = owner
        self.random = random
    }

    var isUp: Bool { state == .up }

    // MARK: Going up and down

    func start() {
        guard state == .waiting, timer == nil else { return }
        connect()
    }

    /// Ends the link, after what was published has been sent.
    func stop() {
        state = .stopped
        abandon { $0.close() }
    }

    private func connect() {
        if loop.isDraining || loop.isShutDown { return stop() }
        state = .connecting
        var limits = Limits()
        limits.idleTime = Self.silence
        limits.outputHighWatermark = Self.maximumQueue
        limits.outputLimit = 2 * Self.maximumQueue
        let (subscriber, publisher) = (RedisConnection(self), RedisConnection(self))
        (self.subscriber, self.publisher) = (subscriber, publisher)
        do throws(SocketError) {
            for handler in [subscriber, publisher] {
                attempts.append(
                    try loop.connect(
                        to: address, timeout: Self.connectTimeout, limits: limits, framing: RESPFraming(),
                        handler: { _ in handler },
                        failed: { [weak self] error in
                            if self?.owns(handler) == true { self?.fail(error.description) }
                        }))
            }
        } catch {
            fail(error.description)
        }
    }

    /// What there is of the link is given up, and the link tried again after a pause.
    fileprivate func fail(_ reason: String) {
        guard state == .connecting || state == .up else { return }
        state = .waiting
        abandon { $0.abort() }
        if let upSince, upSince.duration(to: loop.now) >= Self.wellAfter { bound = Self.firstBound }
        upSince = nil
        timer = loop.schedule(after: bound * Double.random(in: 0.5...1, using: &random)) { [weak self] in
            self?.timer = nil
            self?.connect()
        }
        bound = min(bound * 2, Self.lastBound)
        owner?.linkIsDown(reason)
    }

    private func abandon(_ end: (Connection) -> Void) {
        if let timer { loop.cancel(timer) }
        timer = nil
        for attempt in attempts { attempt.cancel() }
        attempts = []
        let both = [subscriber, publisher]
        (subscriber, publisher) = (nil, nil)
        isSubscribed = false
        for handler in both { if let connection = handler?.connection { end(connection) } }
    }

    fileprivate func owns(_ handler: RedisConnection) -> Bool { handler === subscriber || handler === publisher }

    // MARK: What the connections tell

    fileprivate func connected(_ handler: RedisConnection) {
        if handler === subscriber { handler.connection?.write(RESPValue.command(Array("SUBSCRIBE".utf8), channel)) }
        becomeUp()
    }

    fileprivate func received(_ value: RESPValue, _ handler: RedisConnection) {
        guard owns(handler) else { return }
        if case .error(let words) = value { return fail("Redis says: \(ChatText.visible(words))") }
        if handler === publisher {
            guard case .integer = value else { return fail("Redis answers PUBLISH with what is no number") }
            return
        }
        guard case .array(let elements?) = value, elements.count == 3, case .bulk(let kind?) = elements[0],
            elements[1] == .bulk(channel)
        else { return fail("Redis sends what nobody has subscribed to") }
        switch (String(decoding: kind, as: UTF8.self), elements[2]) {
        case ("message", .bulk(let payload?)): owner?.linkReceived(payload)
        case ("subscribe", .integer):
            isSubscribed = true
            becomeUp()
        default: fail("Redis sends what nobody has subscribed to")
        }
    }

    private func becomeUp() {
        guard state == .connecting, isSubscribed, publisher?.connection != nil else { return }
        state = .up
        attempts = []
        upSince = loop.now
        owner?.linkIsUp()
    }

    // MARK: Publishing

    func publish(_ payload: [UInt8]) {
        guard state == .up, let connection = publisher?.connection, connection.queuedBytes < Self.maximumQueue,
            connection.write(RESPValue.command(Array("PUBLISH".utf8), channel, payload)) != .closed
        else {
            dropped += 1
            return
        }
        published += 1
    }
}

/// One of a link's two connections.
private final class RedisConnection: MessageHandler {
    private weak let link: RedisLink?
    private(set) var connection: Connection?

    init(_ link: RedisLink) { self.link = link }

    func connected(_ connection: Connection) {
        self.connection = connection
        if let link, link.owns(self) { link.connected(self) } else { connection.abort() }
    }

    func received(message: RawSpan, on connection: Connection) throws {
        link?.received(try RESPValue(message), self)
    }

    func closed(_ connection: Connection, reason: CloseReason) {
        self.connection = nil
        if let link, link.owns(self) { link.fail(reason.description) }
    }
}
