// The way of a datagram: it may be lost, come twice, be overtaken, or find nobody; to a group or to everyone it comes to
// all who listen there. There is one network, on which all addresses are.
//
//     transmit --leaves--> (lost) | (twice) | (late) --arrives--> one socket, all of a group, or nobody: told to the sender

import Reactor
import SystemPackage

extension SimulatedKernel {
    private static let longestIPv4 = 65_507
    private static let longestIPv6 = 65_527

    /// sendmsg(2) of one datagram; `nil` goes to the peer.
    ///
    /// - Parameter local: the address that it leaves from (`IP_PKTINFO`), if the program names one.
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

    /// What a datagram to a group or to everyone is answered from: there is one interface.
    private func loopback(_ isIPv6: Bool) -> SocketAddress {
        isIPv6 ? .ipv6(high: 0, low: 1, port: 0) : .loopback(port: 0)
    }

    /// In the order in which they were sent, unless one is overtaken.
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

    /// Who gets what is sent there: all members of a group, all at a broadcast address, or the one who fits best.
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
                    // The program is one machine, each peer another one.
                    && !(staysOutside && (sender?.references ?? 0) > 0 && socket.references > 0)
            }
        }
        if target.isBroadcast { return candidates }
        // A connected socket before a bound one, one bound to the address before one bound to any (udp4_lib_lookup2).
        func score(_ socket: SimulatedDatagramSocket) -> Int {
            (socket.peer == nil ? 0 : 2) + (socket.isBoundToAny ? 0 : 1)
        }
        guard let best = candidates.map(score).max() else { return [] }
        let equal = candidates.filter { score($0) == best }
        let sharesPort = equal.allSatisfy { $0.options[.reusePort] == 1 }
        // By a hash of both addresses among those that share the port; else the last one that was bound.
        return [sharesPort ? equal[Int(source.port) % equal.count] : equal[equal.count - 1]]
    }
}

extension SocketAddress {
    /// The broadcast addresses of the simulated network: the limited one, and that of the loopback.
    var isBroadcast: Bool {
        self == .ipv4(255, 255, 255, 255, port: port) || self == .ipv4(127, 255, 255, 255, port: port)
    }
}
