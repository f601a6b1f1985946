// Happy Eyeballs (RFC 8305): connects to a host with several addresses, some of which may be unreachable. Each attempt
// is a Connector; the first to connect wins, and the others are cancelled.
//
//     resolving --addresses--> racing: an attempt every 250 ms, and at once when one fails
//         |                      |--first one connected--> over (handed on)
//         |                      |--all failed-----------> failing --next turn--> over (`failed` gets every reason)
//         |--no address----------|--timer----------------->  "
//         +--cancel()------------+-----------------------> over (no callback)
//
// RFC 8305, section 3, resolves the families separately and starts on the first reply after 50 ms; getaddrinfo(3)
// returns both families together.

/// A pending connection to one of several addresses.
///
/// Created by ``EventLoop/connect(to:options:limits:handler:failed:)``.
public final class HappyEyeballs {
    private enum Phase { case resolving, racing, failing, over }

    /// The requested host and port, or the only address.
    public let destination: String
    private let loop: EventLoop
    private let options: ConnectOptions
    private let settings: SocketSettings
    private var phase = Phase.resolving
    private var lookUp: OffloadedWork?
    /// Whether the addresses are tried in the resolver's order.
    private var keepsOrder = false
    /// Addresses not tried yet, in reverse order.
    private var left: [SocketAddress] = []
    private var running: [Connector] = []
    private var errors: [SocketError] = []
    /// The overall timer; its closure keeps the race alive, because the connectors hold it unowned.
    private var deadline: LoopTimer?
    private var nextAttempt: LoopTimer?
    private let connected: (Connector, consuming OwnedDescriptor) -> Void
    private let failed: (SocketError) -> Void

    private init(
        loop: EventLoop, to destination: String, options: ConnectOptions, settings: SocketSettings,
        connected: @escaping (Connector, consuming OwnedDescriptor) -> Void, failed: @escaping (SocketError) -> Void
    ) {
        self.loop = loop
        self.destination = destination
        self.options = options
        self.settings = settings
        self.connected = connected
        self.failed = failed
        deadline = loop.schedule(after: options.timeout) { [self] in timedOut() }
    }

    /// Resolves a name and races its addresses.
    convenience init(
        loop: EventLoop, toHost text: String, options: ConnectOptions, settings: SocketSettings,
        connected: @escaping (Connector, consuming OwnedDescriptor) -> Void, failed: @escaping (SocketError) -> Void
    ) throws(SocketError) {
        if text.hasPrefix("unix:") {
            self.init(
                loop: loop, to: [try SocketAddress(text)], options: options, settings: settings, connected: connected,
                failed: failed)
            return
        }
        if text.hasPrefix("srv:") {
            self.init(loop: loop, to: text, options: options, settings: settings, connected: connected, failed: failed)
            keepsOrder = true
            let service = String(text.dropFirst(4))
            beginLookUp { [resolver = loop.resolver] () throws(SocketError) in
                try resolver.addresses(ofService: service)
            }
            return
        }
        let (host, port) = try SocketAddress.split(text)
        if let address = SocketAddress(host: host, port: port) {
            self.init(
                loop: loop, to: [address], options: options, settings: settings, connected: connected, failed: failed)
            return
        }
        self.init(loop: loop, to: text, options: options, settings: settings, connected: connected, failed: failed)
        beginLookUp { [resolver = loop.resolver] () throws(SocketError) in try resolver.addresses(of: host, port: port)
        }
    }

    /// Looks addresses up on a worker thread. A lookup may block for a long time; a loop that ends does not wait for it.
    private func beginLookUp(_ addresses: @escaping @Sendable () throws(SocketError) -> [SocketAddress]) {
        do throws(OffloadError) {
            lookUp = try loop.offload({ try addresses() }, isAwaitedAtEnd: false) { [self] result in resolved(result) }
        } catch {
            fail(SocketError(.resolve, subject: destination, reason: "\(error)"))
        }
    }

    /// Races the given addresses.
    convenience init(
        loop: EventLoop, to addresses: [SocketAddress], options: ConnectOptions, settings: SocketSettings,
        connected: @escaping (Connector, consuming OwnedDescriptor) -> Void, failed: @escaping (SocketError) -> Void
    ) {
        let destination = addresses.count == 1 ? "\(addresses[0])" : "\(addresses.count) addresses"
        self.init(
            loop: loop, to: destination, options: options, settings: settings, connected: connected, failed: failed)
        race(addresses)
    }

    /// Whether the attempt has connected, failed, or been cancelled.
    public var isOver: Bool { phase == .over }

    /// Cancels the attempt if it is still pending. No callback is called.
    public func cancel() {
        phase = .over
        stop()
    }

    // MARK: Name lookup

    private func resolved(_ result: Result<[SocketAddress], any Error>) {
        lookUp = nil
        guard phase == .resolving else { return }
        switch result {
        case .success(let addresses): race(addresses)
        case .failure(let error as SocketError): fail(error)
        case .failure(let error):
            // The loop ended and cancelled the lookup: the race has not failed.
            if loop.isShutDown { return cancel() }
            fail(SocketError(.resolve, subject: destination, reason: "\(error)"))
        }
    }

    // MARK: The race

    private func race(_ addresses: [SocketAddress]) {
        phase = .racing
        if addresses.isEmpty {
            return fail(SocketError(.resolve, subject: destination, reason: "it has no address"))
        }
        // The order of SRV records is that of their priorities.
        left = keepsOrder ? addresses.reversed() : options.order(addresses).reversed()
        attemptNext()
    }

    /// Starts an attempt with the next address for which a connector can be created.
    private func attemptNext() {
        if let nextAttempt { loop.cancel(nextAttempt) }
        nextAttempt = nil
        while let address = left.popLast(), !loop.isDraining {
            do throws(SocketError) {
                running.append(
                    try Connector(
                        loop: loop, to: address, from: options.local, timeout: options.timeout, settings: settings,
                        connected: { [unowned self] in won($0, $1) }, failed: { [unowned self] in lost(address, $0) }))
            } catch {
                errors.append(error)
                continue
            }
            if !left.isEmpty {
                nextAttempt = loop.schedule(after: options.effectiveAttemptDelay) { [self] in attemptNext() }
            }
            return
        }
        // A draining loop has already cancelled the pending connectors.
        running.removeAll { !$0.isRegistered }
        if running.isEmpty { fail(summary) }
    }

    private func lost(_ address: SocketAddress, _ error: SocketError) {
        running.removeAll { $0.address == address }
        errors.append(error)
        attemptNext()
    }

    private func won(_ connector: Connector, _ descriptor: consuming OwnedDescriptor) {
        phase = .over
        running.removeAll { $0 === connector }
        stop()
        connected(connector, descriptor)
    }

    // MARK: Ending

    private func timedOut() {
        deadline = nil
        if phase == .resolving {
            return fail(SocketError(.resolve, subject: destination, reason: "no answer within \(options.timeout)"))
        }
        for connector in running {
            errors.append(SocketError(.connect, subject: "\(connector.address)", errno: .timedOut))
        }
        for address in left.reversed() {
            errors.append(SocketError(.connect, subject: "\(address)", reason: "not tried in time"))
        }
        fail(summary)
    }

    /// The error that describes why every address failed.
    private var summary: SocketError {
        if errors.isEmpty { return SocketError(.connect, subject: destination, reason: "the loop is ending") }
        return errors.count == 1 && "\(errors[0].subject)" == destination
            ? errors[0] : SocketError(.connect, subject: destination, attempts: errors)
    }

    /// Reports the failure in the next turn, because this may run inside the caller's `connect`.
    private func fail(_ error: SocketError) {
        guard phase != .over, phase != .failing else { return }
        phase = .failing
        stop()
        loop.execute { [self] in
            guard phase == .failing else { return }
            phase = .over
            failed(error)
        }
    }

    /// Cancels the lookup, the timers and the pending connectors.
    private func stop() {
        lookUp?.cancel()
        lookUp = nil
        for timer in [deadline, nextAttempt] { if let timer { loop.cancel(timer) } }
        (deadline, nextAttempt) = (nil, nil)
        for connector in running { connector.cancel() }
        running = []
        left = []
    }
}
