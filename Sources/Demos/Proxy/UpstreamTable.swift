// The upstreams of a proxy, shared by its loops: the choice of an upstream, what became of each connection, and the
// counters. It is locked a few times per connection, never per message.

internal import Reactor
import Synchronization

/// Counters of a proxy's clients.
package struct ProxyCounts: Sendable, Hashable {
    /// Clients that were connected to an upstream.
    package internal(set) var proxied = 0
    /// Clients that were reset because no upstream took them.
    package internal(set) var unavailable = 0
    /// Attempts after which another upstream was tried.
    package internal(set) var retries = 0
    /// Clients that left before an upstream was connected.
    package internal(set) var abandoned = 0
    /// Relayed connections that ended before both streams were complete.
    package internal(set) var broken = 0
}

/// The upstreams of a proxy. Any thread may use it.
package final class UpstreamTable: Sendable {
    private struct State {
        var upstreams: [Upstream]
        var counts = ProxyCounts()
        /// The upstream after which an equal one is looked for.
        var last = -1
        var reportedUnavailable: MonotonicTime?
        var unreported = 0
    }

    package let options: ProxyOptions
    private let state: Mutex<State>
    private let report: @Sendable (String) -> Void

    /// Creates a table.
    ///
    /// - Parameters:
    ///   - addresses: the upstreams, at least one.
    ///   - report: called with lines for the operator, on any loop's thread.
    package init(
        _ addresses: [UpstreamAddress], _ options: ProxyOptions, report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.options = options
        self.report = report
        state = Mutex(State(upstreams: addresses.map { Upstream($0) }))
    }

    /// The current state of all upstreams.
    package var upstreams: [Upstream] { state.withLock { $0.upstreams } }
    package var counts: ProxyCounts { state.withLock { $0.counts } }
    /// The number of upstreams.
    var count: Int { state.withLock { $0.upstreams.count } }

    // MARK: Choosing

    /// Chooses an upstream for a client and counts a connection to it.
    ///
    /// - Parameters:
    ///   - tried: the upstreams that this client's connection has tried.
    ///   - now: the current time.
    /// - Returns: The upstream's index and how many others are left to try; `nil` if no upstream is left.
    func choose(besides tried: [Int], _ now: MonotonicTime) -> (index: Int, left: Int)? {
        state.withLock { state in
            let candidates = state.upstreams.indices.filter {
                state.upstreams[$0].takesConnections(now) && !tried.contains($0)
            }
            guard !candidates.isEmpty else { return nil }
            let index =
                switch options.balance {
                case .roundRobin: Self.inTurn(&state.upstreams, candidates)
                case .leastConnections: Self.leastLoaded(state.upstreams, candidates, after: state.last)
                }
            state.last = index
            state.upstreams[index].connections += 1
            if !tried.isEmpty { state.counts.retries += 1 }
            return (index, candidates.count - 1)
        }
    }

    /// Smooth weighted round robin: every candidate gains its weight, and the one that is ahead pays for all.
    private static func inTurn(_ upstreams: inout [Upstream], _ candidates: [Int]) -> Int {
        var best = candidates[0]
        var sum = 0
        for index in candidates {
            upstreams[index].turn += upstreams[index].address.weight
            sum += upstreams[index].address.weight
            if upstreams[index].turn > upstreams[best].turn { best = index }
        }
        upstreams[best].turn -= sum
        return best
    }

    /// The fewest connections by weight; equal ones take turns.
    private static func leastLoaded(_ upstreams: [Upstream], _ candidates: [Int], after last: Int) -> Int {
        let ordered = candidates.filter { $0 > last } + candidates.filter { $0 <= last }
        var best = ordered[0]
        for index in ordered.dropFirst() {
            let (one, other) = (upstreams[index], upstreams[best])
            if one.connections * other.address.weight < other.connections * one.address.weight { best = index }
        }
        return best
    }

    // MARK: Clients' connections

    /// Notes that a chosen upstream was connected.
    func connected(_ index: Int) {
        state.withLock { state in
            state.upstreams[index].total += 1
            state.counts.proxied += 1
        }
    }

    /// Notes that a chosen upstream could not be connected.
    ///
    /// - Parameter isItsFault: whether the upstream is to be avoided; not if this process has run out of descriptors or
    ///   ports.
    func failed(_ index: Int, _ error: SocketError, isItsFault: Bool, _ now: MonotonicTime) {
        let name = state.withLock { state -> String? in
            let wasUp = state.upstreams[index].isUp
            state.upstreams[index].connections -= 1
            state.upstreams[index].failures += 1
            state.upstreams[index].lastError = error.description
            guard isItsFault else { return nil }
            state.upstreams[index].isUp = false
            if options.healthInterval == nil { state.upstreams[index].heldUntil = now.advanced(by: options.holdTime) }
            return wasUp ? state.upstreams[index].address.destination : nil
        }
        if let name { report("upstream \(name) is down: \(error)") }
    }

    /// Notes that a client left while its upstream was being connected.
    func abandoned(_ index: Int) {
        state.withLock { state in
            state.upstreams[index].connections -= 1
            state.counts.abandoned += 1
        }
    }

    /// Counts a client that left between two attempts.
    func left() { state.withLock { $0.counts.abandoned += 1 } }

    /// Counts forwarded bytes.
    func forwarded(_ index: Int, toUpstream: Int, toClient: Int) {
        state.withLock { state in
            state.upstreams[index].bytesIn += toUpstream
            state.upstreams[index].bytesOut += toClient
        }
    }

    /// Notes the end of a relayed connection.
    func ended(_ index: Int, isComplete: Bool) {
        state.withLock { state in
            state.upstreams[index].connections -= 1
            if !isComplete { state.counts.broken += 1 }
        }
    }

    /// Counts a client for which there was no upstream; reports at most once per second.
    func noUpstream(_ now: MonotonicTime) {
        let line = state.withLock { state -> String? in
            state.counts.unavailable += 1
            state.unreported += 1
            if let last = state.reportedUnavailable, last.duration(to: now) < .seconds(1) { return nil }
            defer { (state.reportedUnavailable, state.unreported) = (now, 0) }
            let clients = state.unreported == 1 ? "1 client" : "\(state.unreported) clients"
            return "no upstream is available: \(clients) reset; see 'upstreams' on the admin socket"
        }
        if let line { report(line) }
    }

    // MARK: Health checks

    /// Notes the result of a health check.
    func checked(_ index: Int, _ error: SocketError?) {
        let line = state.withLock { state -> String? in
            let name = state.upstreams[index].address.destination
            let wasUp = state.upstreams[index].isUp
            state.upstreams[index].checks += 1
            guard let error else {
                state.upstreams[index].checksFailedInARow = 0
                state.upstreams[index].isUp = true
                return wasUp ? nil : "upstream \(name) is up"
            }
            state.upstreams[index].checksFailed += 1
            state.upstreams[index].checksFailedInARow += 1
            state.upstreams[index].lastError = error.description
            guard wasUp, state.upstreams[index].checksFailedInARow >= options.failuresUntilDown else { return nil }
            state.upstreams[index].isUp = false
            return "upstream \(name) is down: \(error)"
        }
        if let line { report(line) }
    }

    // MARK: Administration

    /// Sets whether an upstream drains.
    ///
    /// - Returns: Whether there is an upstream with this destination.
    @discardableResult
    package func setDraining(_ isDraining: Bool, _ destination: String) -> Bool {
        state.withLock { state in
            let indices = state.upstreams.indices.filter { state.upstreams[$0].address.destination == destination }
            for index in indices { state.upstreams[index].isDraining = isDraining }
            return !indices.isEmpty
        }
    }
}
