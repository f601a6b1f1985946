// The backplane of a chat through one channel of Redis: events out, events in, and signs of life in between. Delivery is at
// most once, as Redis's publish/subscribe is: what is said while the link is down is said on this server only.

public import Reactor
public import ReactorRedis

/// Joins a chat's rooms with those of other servers through Redis's publish/subscribe.
///
/// Belongs to its loop's thread; the chat does not keep it.
public final class RedisBackplane: ChatBackplane, RedisLinkHandler {
    /// How often this server says that it is there, and when another one that has not done so is forgotten.
    private static let (pulse, patience) = (Duration.seconds(5), Duration.seconds(16))

    private let loop: EventLoop
    private let destination: String
    private let chat: ChatServer
    private let origin: UInt64
    private let report: (String) -> Void
    private var link: RedisLink?
    private var pulseTimer: Timer?
    /// Since when nothing goes through, and what had been dropped by then; `nil` while all is well, and at the start.
    private var loss: (since: MonotonicTime, dropped: Int)?
    /// Whether this server has heard itself: what it publishes comes through to those who listen.
    private var isWorking = false
    private var hasReportedNonsense = false
    /// Events of others that were of no use: malformed, or of a server with this one's name.
    public private(set) var refused = 0

    /// Joins a chat with others, from now on and for as long as its loop runs.
    ///
    /// - Parameters:
    ///   - destination: where Redis is, `HOST:PORT`; a name is looked up anew at every attempt.
    ///   - channel: the channel that the servers of this chat have in common.
    ///   - random: for this server's origin and for the pauses between attempts.
    ///   - report: told, in one line, that the link is lost and that it is back, once each.
    /// - Throws: `SocketError` when the destination is malformed.
    public init(
        _ chat: ChatServer, through destination: String, channel: String = "reactor-chat", on loop: EventLoop,
        random: any RandomNumberGenerator = SystemRandomNumberGenerator(), report: @escaping (String) -> Void
    ) throws(SocketError) {
        var random = random
        self.chat = chat
        self.loop = loop
        self.destination = destination
        self.report = report
        origin = random.next()
        link = RedisLink(loop: loop, to: destination, channel: channel, owner: self, random: random)
        chat.backplane = self
        try link?.start()
        pulseTimer = loop.schedule(after: Self.pulse, repeating: Self.pulse) { [weak self] in self?.beat() }
    }

    /// Events that were given to Redis.
    public var published: Int { link?.published ?? 0 }

    /// Events that were dropped because there was no link, or too much waited.
    public var dropped: Int { link?.dropped ?? 0 }

    /// Whether what is published comes through.
    public var isUp: Bool { isWorking }

    /// Ends the link. What was published before is sent.
    public func stop() {
        if let pulseTimer { loop.cancel(pulseTimer) }
        pulseTimer = nil
        link?.stop()
    }

    func publish(_ content: ChatEvent.Content) {
        link?.publish(ChatEvent(origin: origin, server: chat.name, content).bytes)
    }

    /// Says that this server is there. It hears that itself, so that a Redis which hangs is noticed.
    private func beat() {
        if link?.isUp == true { publish(.alive) }
        chat.forgetServers(silentSince: loop.now.advanced(by: .zero - Self.patience), at: loop.now)
    }

    // MARK: What the link tells

    public func linkIsUp() {
        publish(.hello)
        chat.publishMembers()
    }

    /// The first word of its own that came back: only now is it sure that Redis lets this server publish.
    private func heardItself() {
        isWorking = true
        guard let loss else { return report("joined with other servers through Redis at \(destination)") }
        self.loss = nil
        let seconds = loss.since.duration(to: loop.now).components.seconds
        let missed = dropped - loss.dropped
        report("Redis at \(destination) is back after \(seconds) s; \(missed) events did not reach other servers")
        chat.backplaneChanged(isThere: true)
    }

    /// Reported once, however many attempts come to nothing.
    public func linkIsDown(_ reason: String) {
        isWorking = false
        if loss != nil { return }
        loss = (loop.now, dropped)
        report("no Redis at \(destination) (\(reason)); this server's rooms go on, and the link is tried again")
        chat.backplaneChanged(isThere: false)
    }

    public func linkReceived(_ payload: [UInt8]) {
        let event: ChatEvent
        do throws(ChatRefusal) { event = try ChatEvent(payload, chat.limits) } catch {
            return refuse(error.description)
        }
        if event.origin == origin {
            if !isWorking { heardItself() }
            return
        }
        if event.server == chat.name { return refuse("another server is called \(chat.name), too") }
        if !chat.receive(event, at: loop.now) { refuse("there are too many servers, or one has changed its name") }
    }

    /// Nonsense is counted, and reported once: whoever sends it once sends it often.
    private func refuse(_ reason: String) {
        refused += 1
        if hasReportedNonsense { return }
        hasReportedNonsense = true
        report("an event from Redis was refused, and so will others be: \(reason)")
    }
}
