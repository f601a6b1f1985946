// One loop's part of a server: its acceptor and its listeners. Confined to the loop's thread.

import SystemPackage

/// A loop's part of a server.
final class ServerMember {
    unowned let loop: EventLoop
    let acceptor: ConnectionAcceptor
    /// The number of its connections, for the distributor.
    let load: LoopLoad
    /// A weak reference: a listener's delegate may reference all members, which would be a cycle.
    private struct OwnListener { weak var listener: Listener? }
    private var listeners: [OwnListener] = []
    private var limits: Limits

    init(
        loop: EventLoop, server: TCPServer, sharing counts: Monitor<ConnectionCounts>?, load: LoopLoad,
        makeHandler: @escaping HandlerFactory
    ) {
        self.loop = loop
        self.load = load
        limits = server.limits
        if let onReport = server.onReport, loop.onReport == nil { loop.onReport = { onReport($0) } }
        acceptor = ConnectionAcceptor(
            loop: loop, limits: server.limits, policy: server.policy, proxies: server.proxyProtocol, sharing: counts,
            load: counts == nil ? nil : load, makeHandler: makeHandler)
    }

    func add(_ listener: Listener) { listeners.append(OwnListener(listener: listener)) }

    /// Closes its listeners.
    func closeListeners() {
        for own in listeners { own.listener?.close() }
    }

    /// Takes ownership of the paths of inherited Unix sockets.
    func takePaths(of sockets: [FileDescriptor]) {
        for case let listener? in listeners.map(\.listener) where sockets.contains(listener.fd) {
            listener.takePath()
        }
    }

    /// Leaves the paths of Unix sockets to a successor.
    func leavePaths() {
        for own in listeners { own.listener?.leavePath() }
    }

    /// Listens on a socket that another thread has opened.
    func adopt(_ socket: consuming OwnedDescriptor, at address: SocketAddress) {
        do throws(SocketError) {
            let settings = SocketSettings(limits)
            add(try Listener(loop: loop, adopting: socket, at: address, settings: settings, delegate: acceptor))
        } catch {
            // The selector cannot watch a descriptor with this number; the other loops serve without this listener.
            loop.report(.outOfResources, error.description)
        }
    }

    /// Replaces the limits.
    func replaceLimits(_ new: Limits) {
        limits = new
        acceptor.replaceLimits(new)
        for own in listeners {
            do throws(SocketError) {
                try own.listener?.replaceSettings(SocketSettings(new))
            } catch {
                loop.report(.outOfResources, error.description)
            }
        }
    }
}
