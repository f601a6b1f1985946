// How connections come to the loops of a server: the kernel deals them out, or one loop accepts and hands them on.

import Synchronization
import SystemPackage

/// How the connections of a server are divided among its loops.
public struct ConnectionDistribution: Sendable, Hashable {
    enum Value { case listenerPerLoop, roundRobin, leastLoaded }
    let value: Value

    /// Each loop has a listener of its own on the same address (`SO_REUSEPORT`, socket(7)), and the kernel deals
    /// connections out by a hash of their addresses: no loop waits for another, but few connections may be unevenly
    /// divided. Where that is not to be had, on Unix sockets and on a single inherited socket, ``roundRobin``.
    public static let listenerPerLoop = ConnectionDistribution(value: .listenerPerLoop)
    /// One loop accepts, and hands connections to all in turn.
    public static let roundRobin = ConnectionDistribution(value: .roundRobin)
    /// One loop accepts, and hands each connection to the loop that has the fewest.
    public static let leastLoaded = ConnectionDistribution(value: .leastLoaded)
}

/// How many connections a loop has, those on their way to it included.
final class LoopLoad: Sendable {
    private let connections = Atomic<Int>(0)

    var count: Int { connections.load(ordering: .relaxed) }

    func add(_ number: Int) { connections.add(number, ordering: .relaxed) }
}

/// Hands what one loop accepts to the acceptors of all.
final class ConnectionDistributor: ListenerDelegate {
    private let loop: EventLoop
    private let members: [LoopBound<ServerMember>]
    private let loads: [LoopLoad]
    private let takesLeastLoaded: Bool
    private var next = 0

    init(loop: EventLoop, members: [LoopBound<ServerMember>], loads: [LoopLoad], by choice: ConnectionDistribution) {
        self.loop = loop
        self.members = members
        self.loads = loads
        takesLeastLoaded = choice == .leastLoaded
    }

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
        // From the one after the last on, so that equals take turns.
        var best = start
        for step in 1..<members.count {
            let index = (start + step) % members.count
            if loads[index].count < loads[best].count { best = index }
        }
        return best
    }
}
