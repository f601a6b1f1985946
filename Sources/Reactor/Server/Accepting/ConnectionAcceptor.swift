// Between a listener and its connections, on one loop: applies the policy and the limits in total and per address,
// creates the connections, and counts them out when they close.
//
//     accepted --> allowed, counted in --> connection --closed--> counted out
//        |     \-> proxy trusted, counted in --header--> allowed --> connection
//        +-----+--------------------------+--------> refused: closed at once, counted out, counted by reason

import SystemPackage

/// A listener's delegate that applies limits.
protocol LimitingDelegate: ListenerDelegate {
    /// The limits of the listener's connections.
    var listenerLimits: Limits { get }
}

/// Turns accepted sockets into connections, within limits.
final class ConnectionAcceptor: ConnectionOwner, LimitingDelegate {
    private unowned let loop: EventLoop
    private let limits: ConnectionLimits
    private(set) var listenerLimits: Limits
    private let policy: AcceptPolicy
    private let proxies: ProxyProtocol?
    private let makeHandler: HandlerFactory
    /// This loop's own counts; unused if the loops share theirs.
    private var ownCounts: ConnectionCounts
    private let sharedCounts: Monitor<ConnectionCounts>?
    /// Whether a limit per address is set; only then are addresses counted.
    private var countsAddresses: Bool
    /// The number of this loop's connections, for the distributor.
    private let load: LoopLoad?
    /// Whether these are the admin socket's connections, which are counted separately.
    var isAdministrative = false

    init(
        loop: EventLoop, limits: Limits, policy: AcceptPolicy = .everyone, proxies: ProxyProtocol? = nil,
        sharing counts: Monitor<ConnectionCounts>? = nil, load: LoopLoad? = nil, makeHandler: @escaping HandlerFactory
    ) {
        self.loop = loop
        self.limits = ConnectionLimits(limits)
        listenerLimits = limits
        self.policy = policy
        self.proxies = proxies
        self.makeHandler = makeHandler
        ownCounts = ConnectionCounts(limits, on: loop.kernel)
        sharedCounts = counts
        countsAddresses = limits.connectionsPerAddress != nil
        self.load = load
    }

    private func withCounts<Result>(_ body: (inout ConnectionCounts) -> Result) -> Result {
        if let sharedCounts { return sharedCounts.withLock(body) }
        return body(&ownCounts)
    }

    // MARK: Incoming connections

    func accepted(_ descriptor: consuming OwnedDescriptor, from peer: SocketAddress) {
        load?.add(1)
        if let proxies {
            if let (reason, detail) = refusalOfProxy(peer, descriptor.fd, proxies) {
                return refuse(descriptor, from: peer, reason, detail)
            }
            loop.awaited += 1
            _ = ProxyGreeting(loop: loop, descriptor, from: peer, within: proxies.headerTime, delegate: self)
        } else {
            if let (reason, detail) = refusal(of: peer, descriptor.fd) {
                return refuse(descriptor, from: peer, reason, detail)
            }
            loop.counters.connectionsAccepted += 1
            let connection = Connection(loop: loop, descriptor, peer: peer, limits: limits, owner: self)
            if isAdministrative { loop.administration.accepted(connection) }
            loop.register(connection, wanting: .readable)
            connection.begin(makeHandler)
        }
    }

    /// Counts an incoming connection in, or returns why it is refused.
    private func refusal(of peer: SocketAddress, _ descriptor: FileDescriptor) -> (Refusal, String?)? {
        if !policy.allows(peer) { return (.policy, nil) }
        if let refusal = refusal(of: descriptor) { return refusal }
        let reason = withCounts { counts -> Refusal? in
            if let reason = counts.enter() { return reason }
            guard countsAddresses, let key = peer.limitKey, let reason = counts.enter(key) else { return nil }
            counts.leave()
            return reason
        }
        return reason.map { ($0, nil) }
    }

    /// Counts in a connection from a proxy, whose client is not known yet, or returns why it is refused.
    private func refusalOfProxy(
        _ peer: SocketAddress, _ descriptor: FileDescriptor, _ proxies: ProxyProtocol
    ) -> (Refusal, String?)? {
        if !proxies.trusts(peer) { return (.untrustedProxy, nil) }
        return refusal(of: descriptor) ?? withCounts { $0.enter() }.map { ($0, nil) }
    }

    /// Returns why the loop cannot take a descriptor, or `nil`.
    private func refusal(of descriptor: FileDescriptor) -> (Refusal, String?)? {
        if loop.isShutDown { return (.ending, nil) }
        do throws(SocketError) {
            try loop.checkCapacity(for: descriptor)
            return nil
        } catch {
            return (.selectorCapacity, error.reason)
        }
    }

    private func refuse(
        _ descriptor: consuming OwnedDescriptor, from peer: SocketAddress, _ reason: Refusal, _ detail: String?
    ) {
        descriptor.close(loop.kernel)
        load?.add(-1)
        if isAdministrative { loop.administration.refused(reason) }
        loop.noteRefusal(reason, of: peer, detail)
    }

    // MARK: Closing, and new limits

    override func connectionClosed(_ connection: Connection) {
        load?.add(-1)
        if isAdministrative { loop.administration.closed(connection) }
        let key = countsAddresses ? connection.peer.limitKey : nil
        withCounts { counts in
            counts.leave()
            if let key { counts.leave(key) }
        }
    }

    /// Replaces the limits. Those in total and per address apply to incoming connections, the others to open ones as
    /// well. Must be called outside callbacks.
    func replaceLimits(_ new: Limits) {
        limits.replace(with: ConnectionLimits(new))
        listenerLimits = new
        let startsCounting = new.connectionsPerAddress != nil && !countsAddresses
        let stopsCounting = new.connectionsPerAddress == nil && countsAddresses
        countsAddresses = new.connectionsPerAddress != nil
        let maximum = new.effectiveConnections(on: loop.kernel)
        withCounts { counts in
            counts.maximum = maximum
            counts.maximumPerAddress = new.connectionsPerAddress
            guard startsCounting || stopsCounting else { return }
            forEachConnection { connection in
                guard let key = connection.peer.limitKey else { return }
                if startsCounting { counts.add(key) } else { counts.leave(key) }
            }
        }
        // A shorter timeout may expire before the timers that are set.
        forEachConnection { if $0.isRegistered { $0.startDeadlines() } }
    }

    /// Visits every connection counted in and not yet out: registered ones, and those whose `closed` is still pending.
    private func forEachConnection(_ body: (Connection) -> Void) {
        for case let connection as Connection in loop.registry.all() where connection.owner === self {
            body(connection)
        }
        loop.closing.forEach { source in
            if let connection = source as? Connection, connection.owner === self { body(connection) }
        }
    }
}

extension ConnectionAcceptor: ProxyGreetingDelegate {
    func greeted(_ greeting: ProxyGreeting, _ descriptor: consuming OwnedDescriptor, with header: ProxyHeader) {
        loop.awaited -= 1
        let peer = header.source ?? greeting.peer
        let key = countsAddresses ? peer.limitKey : nil
        let isAllowed = policy.allows(peer)
        if let reason = isAllowed ? key.flatMap({ key in withCounts { $0.enter(key) } }) : .policy {
            loop.deregister(greeting, closesAlone: true)
            withCounts { $0.leave() }
            refuse(descriptor, from: peer, reason, nil)
            return loop.endDrainIfIdle()
        }
        loop.counters.connectionsAccepted += 1
        let connection = Connection(loop: loop, descriptor, peer: peer, limits: limits, owner: self)
        loop.registry.replace(greeting, by: connection, wanting: .readable)
        connection.begin(makeHandler)
        connection.lookForEarlyBytes()
    }

    func greetingFailed(_ greeting: ProxyGreeting, _ reason: Refusal, _ detail: String) {
        loop.awaited -= 1
        load?.add(-1)
        withCounts { $0.leave() }
        loop.noteRefusal(reason, of: greeting.peer, detail)
        loop.endDrainIfIdle()
    }
}

extension ConnectionCounts {
    /// Creates empty counts with the maxima of these limits.
    init(_ limits: Limits, on kernel: any SystemCalls) {
        self.init(
            maximum: limits.effectiveConnections(on: kernel), maximumPerAddress: limits.connectionsPerAddress)
    }
}
