// One loop of a server and what belongs to it there: its acceptor and its listeners. Lives on the loop's thread.

import SystemPackage

/// A loop's part of a server.
final class ServerMember {
    unowned let loop: EventLoop
    let acceptor: ConnectionAcceptor
    /// How many connections it has, for the one that deals them out.
    let load: LoopLoad
    /// Weak: a listener's delegate may know all members, and would never go.
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

    /// Gives up what it listens with.
    func closeListeners() {
        for own in listeners { own.listener?.close() }
    }

    /// Owns the paths of inherited Unix sockets from now on.
    func takePaths(of sockets: [FileDescriptor]) {
        for case let listener? in listeners.map(\.listener) where sockets.contains(listener.name) {
            listener.takePath()
        }
    }

    /// Leaves the paths of Unix sockets to a successor.
    func leavePaths() {
        for own in listeners { own.listener?.leavePath() }
    }

    /// Listens with a socket that another thread has made.
    func adopt(_ socket: consuming OwnedDescriptor, at address: SocketAddress) {
        do throws(SocketError) {
            add(try Listener(loop: loop, adopting: socket, at: address, limits: limits, delegate: acceptor))
        } catch {
            // The selector takes no descriptor of this number: the other loops go on without this listener.
            loop.report(.outOfResources, error.description)
        }
    }

    /// Has other limits hold.
    func replaceLimits(_ new: Limits) {
        limits = new
        acceptor.replaceLimits(new)
        for own in listeners {
            do throws(SocketError) {
                try own.listener?.replaceLimits(new)
            } catch {
                loop.report(.outOfResources, error.description)
            }
        }
    }
}
