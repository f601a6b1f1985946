// A proxy's part on one loop: it makes a session for each client, and knows the relays whose bytes are not counted yet.

package import Reactor

/// A proxy on one loop. Confined to the loop's thread; several share an ``UpstreamTable``.
package final class ProxyServer {
    unowned let loop: EventLoop
    let table: UpstreamTable
    private var relaying: [ObjectIdentifier: ProxySession] = [:]

    package init(on loop: EventLoop, _ table: UpstreamTable) {
        self.loop = loop
        self.table = table
    }

    /// Returns the handler of a client's connection.
    package func session() -> ProxySession { ProxySession(self) }

    func began(_ session: ProxySession) { relaying[ObjectIdentifier(session)] = session }

    func ended(_ session: ProxySession) { relaying[ObjectIdentifier(session)] = nil }

    /// Adds the bytes that open connections have forwarded to the table's counters.
    package func gather() {
        for session in relaying.values { session.countBytes() }
    }
}
