// One upstream: its health, its drain, and its counters. A plain value inside ``UpstreamTable``.
//
//     up --a connection or `failuresUntilDown` checks failed--> down --a check succeeded--> up
//                                                                 +--without checks: holdTime passed--> up
//
//     `drain` and `undrain` apply to either: a draining upstream gets no new connections, and keeps those it has.

internal import Reactor

/// The state of an upstream.
package struct Upstream: Sendable {
    package let address: UpstreamAddress
    package internal(set) var isUp = true
    package internal(set) var isDraining = false
    /// Without health checks: when a down upstream is tried again.
    var heldUntil = MonotonicTime.never
    /// Consecutive failed checks.
    var checksFailedInARow = 0
    /// The current value of the smooth weighted round robin.
    var turn = 0

    /// Connections that are open or being established.
    package internal(set) var connections = 0
    /// Connections that were established.
    package internal(set) var total = 0
    /// Attempts of clients' connections that failed.
    package internal(set) var failures = 0
    package internal(set) var checks = 0
    package internal(set) var checksFailed = 0
    /// Bytes forwarded to the upstream.
    package internal(set) var bytesIn = 0
    /// Bytes forwarded from the upstream to clients.
    package internal(set) var bytesOut = 0
    package internal(set) var lastError: String?

    init(_ address: UpstreamAddress) { self.address = address }

    /// The state in one word.
    package var state: String { isDraining ? "draining" : isUp ? "up" : "down" }

    /// Whether new connections may go here.
    func takesConnections(_ now: MonotonicTime) -> Bool { !isDraining && (isUp || now >= heldUntil) }
}
