// A UDP socket: what it is bound and connected to, what has arrived, and what is on its way from it. What Linux does is
// in net/ipv4/udp.c; this is its outline. Where datagrams go is in SimulatedKernel+DatagramNetwork.swift.

import Reactor
import SystemPackage

/// A UDP socket of the simulated kernel.
final class SimulatedDatagramSocket: SimulatedEndpoint {
    struct Datagram {
        let bytes: [UInt8]
        let source: SocketAddress
        /// The address of this machine that it was sent to, as the kernel reports it.
        let local: SocketAddress
        /// What it takes of a buffer: Linux counts its own structures too (`sk_buff`), so that empty ones are not free.
        var size: Int { bytes.count + 256 }
    }

    struct Membership: Hashable {
        let group: SocketAddress
        let interface: UInt32
    }

    let isIPv6: Bool
    private(set) var isOpen = true
    /// The only peer, once connected.
    var peer: SocketAddress?
    var groups: Set<Membership> = []
    /// What has arrived and was not received.
    private(set) var queue: [Datagram] = []
    private(set) var queuedBytes = 0
    /// What was sent and has not left this machine.
    private(set) var unsentBytes = 0
    /// The arrival of what was last sent, unless it is overtaken.
    var lastArrival: Int64 = 0
    /// A send or a poll found no room: the next room is news (`SOCK_NOSPACE`).
    private var wantsRoom = false

    init(_ kernel: SimulatedKernel, isIPv6: Bool) {
        self.isIPv6 = isIPv6
        super.init(kernel)
        local = Self.anyAddress(isIPv6)
    }

    /// The unspecified address of a family.
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

    /// A datagram arrives; when the buffer is full, it is lost without a word.
    func arrive(_ datagram: Datagram) {
        guard isOpen, queue.isEmpty || queuedBytes + datagram.size <= receiveBuffer else { return }
        queue.append(datagram)
        queuedBytes += datagram.size
        wake(.readable)
    }

    /// Takes the first `count` that have arrived.
    func take(_ count: Int) -> [Datagram] {
        let taken = Array(queue.prefix(count))
        queue.removeFirst(taken.count)
        queuedBytes -= taken.reduce(0) { $0 + $1.size }
        return taken
    }

    // MARK: Sending

    /// Whether the kernel takes one more datagram.
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

    /// A router or the other machine says that a datagram did not arrive (ICMP). Only a connected socket is told.
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
    /// The same address with another port.
    func withPort(_ port: UInt16) -> SocketAddress {
        var address = self
        address.port = port
        return address
    }
}
