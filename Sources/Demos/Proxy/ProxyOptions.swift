// What a proxy is asked to do.

package import Reactor

/// How a proxy distributes connections among its upstreams.
package enum ProxyBalance: String, Sendable, CaseIterable {
    /// In turn, in proportion to the weights.
    case roundRobin = "round-robin"
    /// To the upstream with the fewest open connections in proportion to its weight.
    case leastConnections = "least-connections"
}

/// The options of a proxy.
package struct ProxyOptions: Sendable {
    /// The distribution of connections. Default: round robin.
    package var balance = ProxyBalance.roundRobin
    /// The time for a client's connection to an upstream, over all attempts. Default: 5 s.
    package var connectTime = Duration.seconds(5)
    /// The interval of health checks for each upstream. Default: 2 s; `nil` for no checks: an upstream that refused a
    /// connection is then tried again after ``holdTime``.
    package var healthInterval: Duration? = .seconds(2)
    /// Consecutive failed checks after which an upstream is down. Default: 2.
    package var failuresUntilDown = 2
    /// The time for which an upstream is avoided after a failed connection, if there are no health checks. Default: 2 s.
    package var holdTime = Duration.seconds(2)
    /// The version of the PROXY header to send to upstreams, 1 or 2. Default: `nil`, none.
    package var proxyHeader: Int?
    /// The limits of connections to upstreams.
    package var limits = Limits()

    package init() {}
}
