// Micro-benchmarks of what no load from outside shows: timers by the million, and many connections ending at once.
//
//     swift run -c release --package-path Benchmarks micro

import Reactor

@main
struct Micro {
    static func main() throws {
        try timers(1_000_000)
        for backend in Backend.all where backend != .select {
            try massClose(connections: 9_000, backend)
        }
    }

    /// Sets and cancels many timers, with deadlines in random order, as the worst case, and growing, as the usual one.
    static func timers(_ count: Int) throws {
        for isRandom in [false, true] {
            let loop = try EventLoop()
            defer { loop.shutdown() }
            var generator = SplitMix(state: 42)
            let delays = (0..<count).map { Int64(isRandom ? generator.next() % 3_600_000 : UInt64($0)) + 60_000 }
            let durations = delays.map { Duration.milliseconds($0) }
            var handles: [LoopTimer] = []
            handles.reserveCapacity(count)
            var fired = 0
            // Twice, inside the loop, as servers do it: the first time its memory comes from the system.
            for round in ["first time", "again"] {
                var set: Int64 = 0
                var cancelled: Int64 = 0
                loop.execute {
                    set = time {
                        for duration in durations { handles.append(loop.schedule(after: duration) { fired += 1 }) }
                    }
                    cancelled = time { for handle in handles { loop.cancel(handle) } }
                }
                try loop.turn()
                precondition(loop.timerCount == 0 && fired == 0)
                let order = isRandom ? "random" : "growing"
                print(
                    """
                    timers, \(count), deadlines \(order), \(round): \
                    set \(set / Int64(count)) ns, cancel \(cancelled / Int64(count)) ns each
                    """)
                handles.removeAll(keepingCapacity: true)
            }
        }
    }

    /// Connects many, then ends all of them in one callback, and looks for the longest turn of the loop meanwhile.
    static func massClose(connections: Int, _ backend: Backend) throws {
        let loop = try EventLoop(backend: backend)
        defer { loop.shutdown() }
        var limits = Limits()
        limits.connections = connections
        let server = Group()
        let clients = Group()
        let listener = try loop.listen(on: "127.0.0.1:0", limits: limits) { _ in Member(of: server) }
        var pending = 0
        while clients.open.count < connections {
            while pending < 200 && clients.open.count + pending < connections {
                pending += 1
                try loop.connect(
                    to: listener.address,
                    handler: { _ in
                        pending -= 1
                        return Member(of: clients)
                    },
                    failed: { fatalError("\($0)") })
            }
            try loop.turn()
        }
        while server.open.count < connections { try loop.turn() }
        for connection in server.open { connection.abort() }
        var longest: Int64 = 0
        var turns = 0
        while server.closed < connections {
            turns += 1
            longest = max(longest, try time { try loop.turn() })
        }
        print("\(connections) connections with deadlines ending at once, \(backend): longest turn \(longest / 1000) us, \(turns) turns")
    }

    static func time(_ body: () throws -> Void) rethrows -> Int64 {
        let start = LinuxKernel.shared.now()
        try body()
        return LinuxKernel.shared.now().nanoseconds - start.nanoseconds
    }
}

/// The connections of one side.
final class Group {
    var open: [Connection] = []
    var closed = 0
}

final class Member: ConnectionHandler {
    private let group: Group

    init(of group: Group) { self.group = group }

    func connected(_ connection: Connection) { group.open.append(connection) }

    func received(_ bytes: RawSpan, on connection: Connection) {}

    func closed(_ connection: Connection, reason: CloseReason) { group.closed += 1 }
}

/// A small generator of numbers that are the same in every run.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
