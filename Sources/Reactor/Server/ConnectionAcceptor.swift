// Between a listener and its connections: keeps the limits of connections in all and an address, makes the connections,
// and counts them out again when they end.

import SystemPackage

/// Makes connections of what a listener accepts, within limits.
final class ConnectionAcceptor: ConnectionOwner, ListenerDelegate {
    private unowned let loop: EventLoop
    private let limits: ConnectionLimits
    private let maximum: Int
    private let maximumPerAddress: Int?
    private let makeHandler: (Connection) throws -> any ConnectionHandler
    private var count = 0
    private var countByAddress: [UInt64: Int] = [:]

    init(loop: EventLoop, limits: Limits, makeHandler: @escaping (Connection) throws -> any ConnectionHandler) {
        self.loop = loop
        self.limits = ConnectionLimits(limits)
        maximum = limits.effectiveConnections(on: loop.kernel)
        maximumPerAddress = limits.connectionsPerAddress
        self.makeHandler = makeHandler
    }

    func accepted(_ descriptor: consuming OwnedDescriptor, from peer: SocketAddress) {
        if let (reason, detail) = refusal(of: descriptor.name, from: peer) {
            descriptor.close(loop.kernel)
            return loop.noteRefusal(reason, of: peer, detail)
        }
        count += 1
        loop.counters.connectionsAccepted += 1
        if maximumPerAddress != nil, let key = peer.limitKey { countByAddress[key, default: 0] += 1 }
        let connection = Connection(loop: loop, descriptor, peer: peer, limits: limits, owner: self)
        loop.register(connection, wanting: .readable)
        connection.begin(makeHandler)
    }

    /// Why this connection cannot be taken; `nil` when it can.
    private func refusal(of descriptor: FileDescriptor, from peer: SocketAddress) -> (Refusal, String)? {
        if count >= maximum { return (.connectionLimit, "\(maximum) connections are open") }
        if let maximumPerAddress, let key = peer.limitKey, countByAddress[key, default: 0] >= maximumPerAddress {
            return (.addressLimit, "\(maximumPerAddress) connections from its address are open")
        }
        do throws(SocketError) {
            try loop.checkCapacity(for: descriptor)
            return nil
        } catch {
            return (.selectorCapacity, error.reason)
        }
    }

    override func connectionClosed(_ connection: Connection) {
        count -= 1
        guard maximumPerAddress != nil, let key = connection.peer.limitKey, let left = countByAddress[key] else {
            return
        }
        countByAddress[key] = left > 1 ? left - 1 : nil
    }
}

extension Limits {
    /// ``connections``, or what the process's descriptors allow: 10,000, or 64 less than the soft limit (getrlimit(2)).
    public func effectiveConnections(on kernel: any Kernel = LinuxKernel.shared) -> Int {
        if let connections { return connections }
        let descriptors = kernel.descriptorLimit()
        return max(1, min(10_000, descriptors.succeeded ? descriptors.rawValue - 64 : 10_000))
    }
}
