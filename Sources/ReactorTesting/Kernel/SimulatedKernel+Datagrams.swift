// The system calls for datagrams. The simulated network is in SimulatedKernel+DatagramNetwork.swift.

package import Reactor
package import SystemPackage

extension SimulatedKernel {
    func newDatagramSocket(for address: SocketAddress) -> SimulatedDatagramSocket {
        let socket = SimulatedDatagramSocket(self, isIPv6: address.isIPv6)
        datagramSockets.append(socket)
        return socket
    }

    /// recvmmsg(2).
    package func receiveDatagrams(_ socket: FileDescriptor, into inbox: DatagramInbox) -> SystemResult {
        let errno = fault(.receiveDatagrams)
        inbox.removeAll()
        guard let file = endpoint(socket, .receiveDatagrams) as? SimulatedDatagramSocket else {
            return leave(.receiveDatagrams, socket.rawValue, notASocket(socket))
        }
        if let errno {
            if errno.faultClass == .wouldBlock { wakeLater(file, .readable) }
            return leave(.receiveDatagrams, socket.rawValue, SystemResult(errno), argument: inbox.capacity)
        }
        if let error = file.takeError() {
            spin.noteProgress()
            return leave(.receiveDatagrams, socket.rawValue, SystemResult(error), argument: inbox.capacity)
        }
        if file.queue.count > 1, random.chance(faults.shortTransfer) { delay(file, allBut: file.queue.count / 2) }
        for datagram in file.take(inbox.capacity) {
            // Safe: the bytes belong to an array that outlives the call, and the inbox copies them.
            let local = file.options[.packetInfo(isIPv6: file.isIPv6)] == 1 ? datagram.local : nil
            unsafe inbox.append(datagram.bytes.span.bytes, from: datagram.source, to: local)
        }
        if inbox.count > 0 { spin.noteProgress() }
        let result = inbox.count > 0 ? SystemResult(inbox.count) : SystemResult(.resourceTemporarilyUnavailable)
        return leave(.receiveDatagrams, socket.rawValue, result, argument: inbox.capacity)
    }

    /// Postpones all but the first `count` datagrams, as if they had been slower: a short batch means an empty queue.
    private func delay(_ file: SimulatedDatagramSocket, allBut count: Int) {
        let first = file.take(count)
        let late = file.take(file.queue.count)
        for datagram in first { file.arrive(datagram) }
        clock.after(delay()) { [weak file] in for datagram in late { file?.arrive(datagram) } }
    }

    /// sendmmsg(2). An error is returned only if the first datagram fails.
    package func sendDatagrams(_ socket: FileDescriptor, _ outbox: DatagramOutbox) -> SystemResult {
        let errno = fault(.sendDatagrams)
        guard let file = endpoint(socket, .sendDatagrams) as? SimulatedDatagramSocket else {
            return leave(.sendDatagrams, socket.rawValue, notASocket(socket))
        }
        if let errno {
            if errno.faultClass == .wouldBlock { wakeLater(file, .writable) }
            return leave(.sendDatagrams, socket.rawValue, SystemResult(errno), argument: outbox.count)
        }
        var limit = outbox.count
        if limit > 1, random.chance(faults.shortTransfer) { limit = random.number(in: 1...limit - 1) }
        var sent = 0
        var result = SystemResult(0)
        while sent < limit && result.succeeded {
            // Safe: the bytes are copied while they are borrowed.
            let bytes = outbox.withBytes(of: sent) { unsafe $0.withUnsafeBytes { unsafe Array($0) } }
            result = transmit(
                bytes, from: file, to: outbox.address(of: sent), leaving: outbox.localAddress(of: sent))
            if result.succeeded { sent += 1 }
        }
        if sent > 0 {
            spin.noteProgress()
            result = SystemResult(sent)
        }
        return leave(.sendDatagrams, socket.rawValue, result, argument: outbox.count)
    }

    /// setsockopt(2) with `IP_ADD_MEMBERSHIP` and the like. The interface is only recorded, since there is one network.
    package func setMulticast(
        _ operation: MulticastOperation, _ group: SocketAddress, interface: UInt32, of socket: FileDescriptor
    ) -> SystemResult {
        if let errno = fault(.setMulticast) { return leave(.setMulticast, socket.rawValue, SystemResult(errno)) }
        guard let file = endpoint(socket, .setMulticast) as? SimulatedDatagramSocket else {
            return leave(.setMulticast, socket.rawValue, notASocket(socket))
        }
        let membership = SimulatedDatagramSocket.Membership(group: group.withPort(0), interface: interface)
        var result = SystemResult(0)
        switch operation {
        case .join where !group.isMulticast: result = SystemResult(.invalidArgument)
        case .join: if !file.groups.insert(membership).inserted { result = SystemResult(.addressInUse) }
        case .leave: if file.groups.remove(membership) == nil { result = SystemResult(.addressNotAvailable) }
        case .sendThrough: break
        }
        return leave(.setMulticast, socket.rawValue, result, argument: Int(interface))
    }

    // MARK: Names

    /// Binds a datagram socket (bind(2)).
    func bindDatagrams(_ file: SimulatedDatagramSocket, to address: SocketAddress) -> SystemResult {
        if file.isBound || address.isIPv6 != file.isIPv6 { return SystemResult(.invalidArgument) }
        if address.port != 0 && !isFree(address, for: file) { return SystemResult(.addressInUse) }
        file.local = address.port == 0 ? address.withPort(freeDatagramPort()) : address
        return SystemResult(0)
    }

    /// Connects a datagram socket (connect(2)), which sends nothing.
    func connectDatagrams(_ file: SimulatedDatagramSocket, to address: SocketAddress) -> SystemResult {
        if address.isIPv6 != file.isIPv6 { return SystemResult(.addressFamilyNotSupported) }
        nameIfNeeded(file)
        if file.isBoundToAny { file.local = sourceAddress(of: file) }
        file.peer = address
        return SystemResult(0)
    }

    /// Binds an unbound socket to an ephemeral port when it sends (ip(7)).
    func nameIfNeeded(_ file: SimulatedDatagramSocket) {
        if !file.isBound { file.local.port = freeDatagramPort() }
    }

    /// Returns the source address that receivers see: there is one network, the loopback.
    func sourceAddress(of file: SimulatedDatagramSocket) -> SocketAddress {
        guard file.isBoundToAny || file.local.isMulticast else { return file.local }
        return file.isIPv6 ? .ipv6(high: 0, low: 1, port: file.local.port) : .loopback(port: file.local.port)
    }

    /// Returns whether a socket may bind an address. Two sockets share one only if both opt in (socket(7),
    /// `SO_REUSEADDR`, `SO_REUSEPORT`).
    private func isFree(_ address: SocketAddress, for file: SimulatedDatagramSocket) -> Bool {
        let any = SimulatedDatagramSocket.anyAddress(file.isIPv6)
        return datagramSockets.allSatisfy { other in
            guard other !== file, other.isIPv6 == file.isIPv6, other.local.port == address.port else { return true }
            guard other.local == address || other.isBoundToAny || address.withPort(0) == any else { return true }
            return [SocketOption.reuseAddress, .reusePort].contains { file.options[$0] == 1 && other.options[$0] == 1 }
        }
    }

    private func freeDatagramPort() -> UInt16 {
        repeat {
            nextPort = nextPort == .max ? 32_768 : nextPort + 1
        } while datagramSockets.contains { $0.local.port == nextPort }
        return nextPort
    }
}
