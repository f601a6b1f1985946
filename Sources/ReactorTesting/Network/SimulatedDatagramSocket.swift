// A UDP socket: its local address and peer, its receive queue, and its unsent bytes. It models net/ipv4/udp.c in
// outline. The routing of datagrams is in SimulatedKernel+DatagramNetwork.swift.

import Reactor
import SystemPackage

/// A UDP socket of the simulated kernel.
final class SimulatedDatagramSocket: SimulatedEndpoint {
    struct Datagram {
        let bytes: [UInt8]
        let source: SocketAddress
        /// The local address that it was sent to, as the kernel reports it.
        let local: SocketAddress
        /// The buffer space it occupies. Linux also charges its own structures (`sk_buff`), so that empty datagrams are
        /// not free.
        var size: Int { bytes.count + 256 }
    }

    struct Membership: Hashable {
        let group: SocketAddress
        let interface: UInt32
    }

    let isIPv6: Bool
    private(set) var isOpen = true
    /// The only peer, once the socket is connected.
    var peer: SocketAddress?
    var groups: Set<Membership> = []
    /// The datagrams that have arrived and were not received yet.
    private(set) var queue: [Datagram] = []
    private(set) var queuedBytes = 0
    /// The number of bytes sent that have not left this machine.
    private(set) var unsentBytes = 0
    /// The arrival time of the last datagram sent in order.
    var lastArrival: Int64 = 0
    /// Whether a send or a poll found the buffer full: the next free space is an event (`SOCK_NOSPACE`).
    private var wantsRoom = false

    init(_ kernel: SimulatedKernel, isIPv6: Bool) {
        self.isIPv6 = isIPv6
        super.init(kernel)
        local = Self.anyAddress(isIPv6)
    }

    /// Returns the unspecified address of a family.
    static func anyAddress(_ isIPv6: Bool) -> SocketAddress {
        isIPv6 ? .ipv6(high: 0, low: 0, port: 0) : .unspecified
    }

    var isBound: Bool { local.port != 0 }
    var isBoundToAny: Bool { local.withPort(0) == Self.anyAddress(isIPv6) }

    // MARK: Readiness

    override var readiness: Readiness {
        var found: Readiness = []
        if !queue.isEmpty { found.insert(.readable) }
        if pendingError != nil { found.insert(.error) }
        if unsentBytes * 2 < sendBuffer { found.insert(.writable) } else { wantsRoom = true }
        return found
    }

    // MARK: Receiving

    /// Receives a datagram from the network; a full buffer drops it silently.
    func arrive(_ datagram: Datagram) {
        guard isOpen, queue.isEmpty || queuedBytes + datagram.size <= receiveBuffer else { return }
        queue.append(datagram)
        queuedBytes += datagram.size
        wake(.readable)
    }

    /// Removes the first `count` datagrams from the queue and returns them.
    func take(_ count: Int) -> [Datagram] {
        let taken = Array(queue.prefix(count))
        queue.removeFirst(taken.count)
        queuedBytes -= taken.reduce(0) { $0 + $1.size }
        return taken
    }

    // MARK: Sending

    /// Whether the kernel accepts another datagram.
    var hasRoom: Bool {
        if unsentBytes < sendBuffer { return true }
        wantsRoom = true
        return false
    }

    func beginSending(_ size: Int) { unsentBytes += size }

    func hasLeft(_ size: Int) {
        unsentBytes -= size
        guard wantsRoom, unsentBytes * 2 < sendBuffer else { return }
        wantsRoom = false
        wake(.writable)
    }

    /// Records an ICMP error: a router or the destination reports that a datagram was not delivered. Only a connected
    /// socket receives it.
    func refuse(_ errno: Errno) {
        guard isOpen, peer != nil else { return }
        pendingError = errno
        wake(.error)
    }

    override func released() {
        isOpen = false
        queue = []
        groups = []
        kernel.datagramSockets.removeAll { $0 === self }
    }
}

extension SocketAddress {
    /// Returns the same address with another port.
    func withPort(_ port: UInt16) -> SocketAddress {
        var address = self
        address.port = port
        return address
    }
}
