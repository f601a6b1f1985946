// The backplane of a chat through a channel of Redis: events in both directions, and heartbeats. As in Redis's
// publish/subscribe, delivery is at most once: lines said while the link is down stay on this server.

package import Reactor
internal import ReactorRedis

/// A backplane that joins a chat's rooms with those of other servers through Redis's publish/subscribe.
///
/// Confined to its loop's thread; the chat holds it weakly.
package final class RedisBackplane: ChatBackplane, RedisLinkHandler {
    /// The interval of heartbeats, and the silence after which another server is forgotten.
    private static let (pulse, patience) = (Duration.seconds(5), Duration.seconds(16))

    private let loop: EventLoop
    private let destination: String
    private let chat: ChatServer
    private let origin: UInt64
    private let report: (String) -> Void
    private var link: RedisLink?
    private var pulseTimer: LoopTimer?
    /// When the link was lost, and the number of events dropped by then; `nil` while it works, and at the start.
    private var loss: (since: MonotonicTime, dropped: Int)?
    /// Whether this server has received its own event, which proves that publishing works.
    private var isWorking = false
    private var hasReportedNonsense = false
    /// Events of other servers that were refused: malformed, or from a server with this one's name.
    package private(set) var refused = 0

    /// Joins a chat with other servers, from now on and for as long as its loop runs.
    ///
    /// - Parameters:
    ///   - chat: the chat of this server.
    ///   - destination: the Redis server, `HOST:PORT`; a name is resolved again at every attempt.
    ///   - channel: the channel that the servers of this chat share. Default: `reactor-chat`.
    ///   - loop: the loop of the chat.
    ///   - random: the source of this server's origin and of the jitter of reconnects.
    ///   - report: called with one line when the link is lost, and when it is back.
    /// - Throws: `SocketError` if the destination is malformed.
    package init(
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

    /// Events handed to Redis.
    package var published: Int { link?.published ?? 0 }

    /// Events dropped because the link was down or its queue full.
    package var dropped: Int { link?.dropped ?? 0 }

    /// Whether published events reach Redis and come back.
    package var isUp: Bool { isWorking }

    /// Ends the link after queued events have been sent.
    package func stop() {
        if let pulseTimer { loop.cancel(pulseTimer) }
        pulseTimer = nil
        link?.stop()
    }

    func publish(_ content: ChatEvent.Content) {
        link?.publish(ChatEvent(origin: origin, server: chat.name, content).bytes)
    }

    /// Publishes a heartbeat. This server receives it, too, so that a hanging Redis is noticed.
    private func beat() {
        if link?.isUp == true { publish(.alive) }
        chat.forgetServers(silentSince: loop.now.advanced(by: .zero - Self.patience), at: loop.now)
    }

    // MARK: Callbacks of the link

    /// Announces this server and its members.
    package func linkIsUp() {
        publish(.hello)
        chat.publishMembers()
    }

    /// Called for the first own event received: only now is it certain that Redis lets this server publish.
    private func heardItself() {
        isWorking = true
        guard let loss else { return report("joined with other servers through Redis at \(destination)") }
        self.loss = nil
        let seconds = loss.since.duration(to: loop.now).components.seconds
        let missed = dropped - loss.dropped
        report("Redis at \(destination) is back after \(seconds) s; \(missed) events did not reach other servers")
        chat.backplaneChanged(isThere: true)
    }

    /// Reports the loss once, however many attempts fail afterwards.
    package func linkIsDown(_ reason: String) {
        isWorking = false
        if loss != nil { return }
        loss = (loop.now, dropped)
        report("no Redis at \(destination) (\(reason)); this server's rooms stay open, and it reconnects by itself")
        chat.backplaneChanged(isThere: false)
    }

    /// Passes an event on to the chat, unless it is malformed.
    package func linkReceived(_ payload: [UInt8]) {
        let event: ChatEvent
        do throws(ChatRefusal) { event = try ChatEvent(payload, chat.limits) } catch {
            return refuse(error.description)
        }
        if event.origin == origin {
            if !isWorking { heardItself() }
            return
        }
        if event.server == chat.name { return refuse("another server has the same name, \(chat.name)") }
        if !chat.receive(event, at: loop.now) { refuse("too many servers, or a server has changed its name") }
    }

    /// Counts a refused event. Only the first one is reported, because a faulty sender repeats itself.
    private func refuse(_ reason: String) {
        refused += 1
        if hasReportedNonsense { return }
        hasReportedNonsense = true
        report("refused an event from Redis: \(reason); further ones are only counted")
    }
}
