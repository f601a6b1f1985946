// How connections reach the loops of a server: the kernel distributes them, or one loop accepts and hands them on.

import Synchronization
import SystemPackage

/// How a server's connections are distributed among its loops.
public struct ConnectionDistribution: Sendable, Hashable {
    enum Value { case listenerPerLoop, roundRobin, leastLoaded }
    let value: Value

    /// A listener per loop on the same address (`SO_REUSEPORT`, socket(7)).
    ///
    /// The kernel distributes connections by a hash of their addresses: no loop depends on another, but a small number
    /// of connections may be distributed unevenly. Unix sockets and a single inherited socket do not support this and
    /// use ``roundRobin``.
    public static let listenerPerLoop = ConnectionDistribution(value: .listenerPerLoop)
    /// One accepting loop that hands connections to all loops in turn.
    public static let roundRobin = ConnectionDistribution(value: .roundRobin)
    /// One accepting loop that hands each connection to the loop with the fewest.
    public static let leastLoaded = ConnectionDistribution(value: .leastLoaded)
}

/// The number of a loop's connections, including those being handed to it.
final class LoopLoad: Sendable {
    private let connections = Atomic<Int>(0)

    var count: Int { connections.load(ordering: .relaxed) }

    func add(_ number: Int) { connections.add(number, ordering: .relaxed) }
}

/// Hands the connections that one loop accepts to the acceptors of all loops.
final class ConnectionDistributor: LimitingDelegate {
    private let loop: EventLoop
    /// The acceptor of the loop that listens.
    private let acceptor: ConnectionAcceptor
    private let members: [LoopBound<ServerMember>]
    private let loads: [LoopLoad]
    private let takesLeastLoaded: Bool
    private var next = 0

    init(first: ServerMember, members: [LoopBound<ServerMember>], loads: [LoopLoad], by choice: ConnectionDistribution)
    {
        loop = first.loop
        acceptor = first.acceptor
        self.members = members
        self.loads = loads
        takesLeastLoaded = choice == .leastLoaded
    }

    var listenerLimits: Limits { acceptor.listenerLimits }

    func accepted(_ descriptor: consuming OwnedDescriptor, from peer: SocketAddress) {
        let index = chooseLoop()
        let name = descriptor.release()
        loads[index].add(1)
        let wasTaken = members[index].execute { member in
            member.load.add(-1)  // from here on the acceptor counts it
            member.acceptor.accepted(OwnedDescriptor(name), from: peer)
        }
        if wasTaken { return }
        loads[index].add(-1)
        OwnedDescriptor(name).close(loop.kernel)
        loop.noteRefusal(.ending, of: peer)
    }

    private func chooseLoop() -> Int {
        let start = next
        next = (next + 1) % members.count
        guard takesLeastLoaded else { return start }
        // Starts after the last loop chosen, so that equally loaded loops take turns.
        var best = start
        for step in 1..<members.count {
            let index = (start + step) % members.count
            if loads[index].count < loads[best].count { best = index }
        }
        return best
    }
}
