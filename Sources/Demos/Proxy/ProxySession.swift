// A client's connection from its accept to the relay: it is not read before an upstream is connected, so that nothing
// has to be kept and an upstream that fails can be replaced by another.
//
//     choosing --an upstream--> connecting --connected--> relaying --both ended--> over
//        ^  |                      |   |
//        |  +--none left: reset--> over+--client left, loop drains--> over
//        +------- failed ----------+

package import Reactor

/// The handler of a proxy's client.
package final class ProxySession: ConnectionHandler {
    private let server: ProxyServer
    private var tried: [Int] = []
    private var attempt: HappyEyeballs?
    private var deadline = MonotonicTime.never
    private var relay: Relay?
    private var counted = (toUpstream: 0, toClient: 0)

    init(_ server: ProxyServer) { self.server = server }

    private var table: UpstreamTable { server.table }

    /// The upstream being connected or relayed to.
    private var current: Int? { tried.last }

    // MARK: Connecting

    package func connected(_ client: Connection) {
        client.pauseReading()
        deadline = server.loop.now.advanced(by: table.options.connectTime)
        connectNext(client)
    }

    /// Not called: the client is not read before the relay begins.
    package func received(_ bytes: RawSpan, on client: Connection) {}

    private func connectNext(_ client: Connection) {
        let now = server.loop.now
        while now < deadline, !client.isClosed, let (index, left) = table.choose(besides: tried, now) {
            tried.append(index)
            var options = ConnectOptions()
            // One that does not respond leaves time for those that are left, but a slow network gets a second.
            let timeLeft = now.duration(to: deadline)
            options.timeout = max(min(timeLeft, .seconds(1)), timeLeft / (left + 1))
            do throws(SocketError) {
                attempt = try server.loop.connect(
                    to: table.upstreams[index].address.destination, options: options, limits: table.options.limits,
                    handler: { [self] _ in
                        attempt = nil
                        return UpstreamGreeting(self, client)
                    },
                    failed: { [self] error in
                        attempt = nil
                        note(error, of: index)
                        connectNext(client)
                    })
                return
            } catch {
                note(error, of: index)
            }
        }
        tried = []
        guard !client.isClosed else { return table.left() }
        table.noUpstream(now)
        client.abort()
    }

    private func note(_ error: SocketError, of index: Int) {
        table.failed(index, error, isItsFault: error.isUpstreamsFault && !server.loop.isDraining, server.loop.now)
    }

    /// Relays between the client and the connected upstream.
    fileprivate func begin(_ client: Connection, _ upstream: Connection) {
        guard let index = current, !client.isClosed else { return upstream.abort() }
        table.connected(index)
        if let version = table.options.proxyHeader {
            upstream.write(
                ProxyHeader.bytes(version: version, source: client.peer, destination: client.local))
        }
        server.began(self)
        relay = client.relay(to: upstream) { [self] result in
            countBytes()
            relay = nil
            server.ended(self)
            table.ended(index, isComplete: result.isComplete)
        }
    }

    // MARK: Counting and ending

    /// Adds the bytes forwarded since the last call to the table's counters.
    func countBytes() {
        guard let relay, let index = current else { return }
        let (toUpstream, toClient) = (relay.bytesForwarded, relay.bytesReturned)
        table.forwarded(
            index, toUpstream: toUpstream - counted.toUpstream, toClient: toClient - counted.toClient)
        counted = (toUpstream, toClient)
    }

    /// The loop drains, which cancels pending connections: the client may try again elsewhere.
    package func draining(_ client: Connection) { client.abort() }

    package func closed(_ client: Connection, reason: CloseReason) {
        guard relay == nil, let index = current else { return }
        // The client left, or was reset, while an upstream was being connected.
        attempt?.cancel()
        attempt = nil
        tried = []
        table.abandoned(index)
    }
}

/// The handler of a connection to an upstream, until the relay begins.
private final class UpstreamGreeting: ConnectionHandler {
    private let session: ProxySession
    private let client: Connection

    init(_ session: ProxySession, _ client: Connection) {
        self.session = session
        self.client = client
    }

    func connected(_ upstream: Connection) { session.begin(client, upstream) }

    func received(_ bytes: RawSpan, on upstream: Connection) {}
}

extension SocketError {
    /// Whether a connection failed because of the upstream, and not because this process has no descriptor or port left
    /// or could not resolve a name.
    var isUpstreamsFault: Bool {
        if !attempts.isEmpty { return attempts.allSatisfy(\.isUpstreamsFault) }
        guard operation == .connect else { return false }
        guard let errno else { return true }
        return errno.faultClass != .resources && errno != .addressNotAvailable && errno != .addressInUse
    }
}
