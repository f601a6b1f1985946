// The path of a datagram: it may be lost, duplicated, overtaken, or find no receiver; a multicast or broadcast datagram
// reaches every matching socket. There is one network, which holds all addresses.
//
//     transmit --leaves--> (lost) | (twice) | (late) --arrives--> one socket, the group, or none: ICMP to the sender

import Reactor
import SystemPackage

extension SimulatedKernel {
    private static let longestIPv4 = 65_507
    private static let longestIPv6 = 65_527

    /// Sends one datagram (sendmsg(2)).
    ///
    /// - Parameters:
    ///   - address: the destination; `nil` for the socket's peer.
    ///   - local: the source address (`IP_PKTINFO`), if the program sets one.
    func transmit(
        _ bytes: [UInt8], from socket: SimulatedDatagramSocket, to address: SocketAddress?,
        leaving local: SocketAddress? = nil
    ) -> SystemResult {
        if let error = socket.takeError() { return SystemResult(error) }
        guard let target = address ?? socket.peer else { return SystemResult(.addressRequired) }
        if target.isIPv6 != socket.isIPv6 { return SystemResult(.addressFamilyNotSupported) }
        if target.port == 0 { return SystemResult(.invalidArgument) }
        if bytes.count > (socket.isIPv6 ? Self.longestIPv6 : Self.longestIPv4) { return SystemResult(.messageTooLong) }
        if target.isBroadcast && socket.options[.broadcast] != 1 { return SystemResult(.permissionDenied) }
        guard socket.hasRoom else { return SystemResult(.resourceTemporarilyUnavailable) }
        nameIfNeeded(socket)
        let source = local.map { $0.withPort(socket.local.port) } ?? sourceAddress(of: socket)
        if source.isMulticast || source.isWildcard { return SystemResult(.invalidArgument) }
        let arrival = target.isMulticast || target.isBroadcast ? loopback(target.isIPv6) : target.withPort(0)
        let datagram = SimulatedDatagramSocket.Datagram(bytes: bytes, source: source, local: arrival)
        socket.beginSending(datagram.size)
        clock.after(delay()) { [weak socket] in socket?.hasLeft(datagram.size) }
        if random.chance(faults.datagramLoss) { return SystemResult(bytes.count) }
        for _ in 0..<(random.chance(faults.datagramDuplication) ? 2 : 1) {
            clock.at(arrivalTime(from: socket)) { [weak self, weak socket] in
                self?.deliver(datagram, to: target, from: socket)
            }
        }
        return SystemResult(bytes.count)
    }

    /// Returns the local address under which multicast and broadcast datagrams arrive: there is only one interface.
    private func loopback(_ isIPv6: Bool) -> SocketAddress {
        isIPv6 ? .ipv6(high: 0, low: 1, port: 0) : .loopback(port: 0)
    }

    /// Returns the arrival time of a datagram: in order of sending, unless it is overtaken.
    private func arrivalTime(from socket: SimulatedDatagramSocket) -> Int64 {
        if random.chance(faults.datagramReordering) { return clock.later(delay() + 4 * delay()) }
        socket.lastArrival = max(socket.lastArrival, clock.later(delay()))
        return socket.lastArrival
    }

    private func deliver(
        _ datagram: SimulatedDatagramSocket.Datagram, to target: SocketAddress, from sender: SimulatedDatagramSocket?
    ) {
        let receivers = receivers(of: target, from: datagram.source, sender: sender)
        for receiver in receivers { receiver.arrive(datagram) }
        if receivers.isEmpty && !target.isMulticast && !target.isBroadcast {
            clock.after(delay()) { [weak sender] in sender?.refuse(.connectionRefused) }
        }
    }

    /// Returns the receivers of a datagram: all members of a multicast group, all sockets at a broadcast address, or
    /// the best match.
    private func receivers(
        of target: SocketAddress, from source: SocketAddress, sender: SimulatedDatagramSocket?
    ) -> [SimulatedDatagramSocket] {
        let candidates = datagramSockets.filter { socket in
            socket.local.port == target.port && socket.isIPv6 == target.isIPv6
                && (socket.local == target || socket.isBoundToAny) && (socket.peer == nil || socket.peer == source)
        }
        if target.isMulticast {
            let staysOutside = sender?.options[.multicastLoop(isIPv6: target.isIPv6)] == 0
            return candidates.filter { socket in
                socket.groups.contains { $0.group == target.withPort(0) }
                    // The program is one machine; each peer is another.
                    && !(staysOutside && (sender?.references ?? 0) > 0 && socket.references > 0)
            }
        }
        if target.isBroadcast { return candidates }
        // Connected sockets rank above bound ones, and a specific address above the wildcard (udp4_lib_lookup2).
        func score(_ socket: SimulatedDatagramSocket) -> Int {
            (socket.peer == nil ? 0 : 2) + (socket.isBoundToAny ? 0 : 1)
        }
        guard let best = candidates.map(score).max() else { return [] }
        let equal = candidates.filter { score($0) == best }
        let sharesPort = equal.allSatisfy { $0.options[.reusePort] == 1 }
        // Sockets that share the port are chosen by a hash; otherwise the last one bound wins.
        return [sharesPort ? equal[Int(source.port) % equal.count] : equal[equal.count - 1]]
    }
}

extension SocketAddress {
    /// Whether this is a broadcast address of the simulated network: the limited one, or that of the loopback.
    var isBroadcast: Bool {
        self == .ipv4(255, 255, 255, 255, port: port) || self == .ipv4(127, 255, 255, 255, port: port)
    }
}
