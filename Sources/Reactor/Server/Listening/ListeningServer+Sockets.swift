// The sockets of a server: opened or inherited, one per loop or one for all.

import SystemPackage

extension ListeningServer {
    /// Opens or takes over the listening sockets and gives each loop its own.
    ///
    /// - Returns: The distinct addresses, and the descriptors.
    /// - Throws: ``SocketError`` that names the address; all sockets are closed then.
    static func open(
        _ server: TCPServer, _ first: ServerMember, _ members: [LoopBound<ServerMember>], _ loads: [LoopLoad]
    ) throws(SocketError) -> (addresses: [SocketAddress], sockets: [FileDescriptor]) {
        let inherited = server.inheritance?.sockets ?? []
        if let other = inherited.first(where: { $0.kind != .stream }) { throw other.refusal() }
        // As many sockets of one address as there are loops: a predecessor's, with a listener per loop.
        let canShare =
            inherited.isEmpty
            ? !server.address.isUnix : inherited.count == members.count && Set(inherited.map(\.address)).count == 1
        let hasOneEach = members.count > 1 && server.distribution == .listenerPerLoop && canShare
        let delegate: any ListenerDelegate =
            members.count == 1 || hasOneEach
            ? first.acceptor
            : ConnectionDistributor(first: first, members: members, loads: loads, by: server.distribution)
        do throws(SocketError) {
            if inherited.isEmpty {
                let (address, sockets) = try openListeners(server, first, members, delegate, oneEach: hasOneEach)
                return ([address], sockets)
            }
            let settings = SocketSettings(server.limits)
            for (index, socket) in inherited.enumerated() {
                let descriptor = socket.descriptor
                try Listener.configure(descriptor, at: socket.address, settings, first.loop.kernel)
                if hasOneEach && index > 0 {
                    members[index].execute { $0.adopt(OwnedDescriptor(descriptor), at: socket.address) }
                } else {
                    first.add(
                        try Listener(
                            loop: first.loop, adopting: OwnedDescriptor(descriptor), at: socket.address,
                            settings: settings, delegate: delegate))
                }
            }
            var addresses: [SocketAddress] = []
            for socket in inherited where !addresses.contains(socket.address) { addresses.append(socket.address) }
            return (addresses, inherited.map(\.descriptor))
        } catch {
            first.closeListeners()
            throw error
        }
    }

    /// Opens new sockets.
    ///
    /// The first is bound without `SO_REUSEPORT`, so that an address in use is detected: with it, a second server of
    /// the same user would silently share the first one's connections.
    private static func openListeners(
        _ server: TCPServer, _ first: ServerMember, _ members: [LoopBound<ServerMember>],
        _ delegate: any ListenerDelegate, oneEach: Bool
    ) throws(SocketError) -> (SocketAddress, [FileDescriptor]) {
        let kernel = first.loop.kernel
        let settings = SocketSettings(server.limits)
        let listener = try Listener(loop: first.loop, on: server.address, settings: settings, delegate: delegate)
        first.add(listener)
        var sockets = [listener.fd]
        guard oneEach else { return (listener.address, sockets) }
        do throws(SocketError) {
            if let errno = kernel.setOption(.reusePort, of: listener.fd, to: 1).errno {
                throw SocketError(.configure, subject: "\(listener.address)", errno: errno)
            }
            for _ in members.dropFirst() {
                var (address, path) = (listener.address, UnixSocketPath?.none)
                let socket = try Listener.open(on: &address, path: &path, settings, kernel, sharing: true)
                sockets.append(socket.release())
            }
        } catch {
            for socket in sockets.dropFirst() { OwnedDescriptor(socket).close(kernel) }
            throw error
        }
        for (member, socket) in zip(members, sockets).dropFirst() {
            let address = listener.address
            member.execute { $0.adopt(OwnedDescriptor(socket), at: address) }
        }
        return (listener.address, sockets)
    }
}
