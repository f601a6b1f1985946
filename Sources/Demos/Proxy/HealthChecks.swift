// Active health checks: a TCP connection to each upstream at an interval, closed as soon as it is established. One loop
// of a proxy makes them for all.

package import Reactor

/// The health checks of a proxy's upstreams. Confined to a loop's thread; they end with the loop.
package final class HealthChecks {
    private unowned let loop: EventLoop
    private let table: UpstreamTable
    private let limits: Limits
    /// The pending check of each upstream.
    private var pending: [HappyEyeballs?]

    /// Begins to check each upstream, now and at the interval.
    package init(on loop: EventLoop, _ table: UpstreamTable) {
        self.loop = loop
        self.table = table
        pending = Array(repeating: nil, count: table.count)
        var limits = table.options.limits
        limits.lingerTime = .zero
        self.limits = limits
        guard let interval = table.options.healthInterval else { return }
        loop.execute { [self] in checkAll(interval) }
        loop.schedule(after: interval, repeating: interval) { [self] in checkAll(interval) }
    }

    private func checkAll(_ interval: Duration) {
        if loop.isDraining || loop.isShutDown { return }
        for (index, upstream) in table.upstreams.enumerated() where pending[index] == nil {
            check(index, upstream.address.destination, within: min(interval, table.options.connectTime))
        }
    }

    private func check(_ index: Int, _ destination: String, within time: Duration) {
        var options = ConnectOptions()
        options.timeout = time
        let greeting = table.options.proxyHeader.map { ProxyHeader.bytes(version: $0, source: nil, destination: nil) }
        do throws(SocketError) {
            pending[index] = try loop.connect(
                to: destination, options: options, limits: limits,
                handler: { [self] _ in
                    pending[index] = nil
                    table.checked(index, nil)
                    return CheckedUpstream(greeting)
                },
                failed: { [self] error in
                    pending[index] = nil
                    // A check that this process has no descriptor for says nothing about the upstream.
                    if !loop.isDraining && (error.isUpstreamsFault || error.operation == .resolve) {
                        table.checked(index, error)
                    }
                })
        } catch {
            if error.isUpstreamsFault { table.checked(index, error) }
        }
    }
}

/// The handler of a health check's connection, which says that it is the proxy's own and ends.
private final class CheckedUpstream: ConnectionHandler {
    private let greeting: [UInt8]?

    init(_ greeting: [UInt8]?) { self.greeting = greeting }

    func connected(_ connection: Connection) {
        if let greeting { connection.write(greeting) }
        connection.close()
    }

    func received(_ bytes: RawSpan, on connection: Connection) {}
}
