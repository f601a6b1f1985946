// Wrong tries, counted by address: who guesses waits longer and longer, on however many connections. What is kept is
// bounded, and forgotten when it is old. Any loop may use it.

public import Reactor
import Synchronization

/// Counts wrong tries.
public final class LoginGuard: Sendable {
    private struct Entry {
        var failures = 0
        var allowedAt = MonotonicTime(nanoseconds: 0)
        var last = MonotonicTime(nanoseconds: 0)
    }

    /// Wrong tries that an address has without a wait.
    private let freeTries: Int
    private let firstWait: Duration
    private let longestWait: Duration
    private let memory: Duration
    private let mostAddresses: Int
    private let entries = Mutex<[UInt64: Entry]>([:])

    /// A guard.
    ///
    /// - Parameters:
    ///   - freeTries: wrong tries of an address that are not waited for. Default: 3.
    ///   - firstWait: the wait after them; each one more doubles it. Default: 1 s.
    ///   - longestWait: Default: 5 min.
    ///   - memory: how long an address that makes no more wrong tries is remembered. Default: 15 min.
    ///   - mostAddresses: how many are remembered. Default: 10,000.
    public init(
        freeTries: Int = 3, firstWait: Duration = .seconds(1), longestWait: Duration = .seconds(300),
        memory: Duration = .seconds(900), mostAddresses: Int = 10_000
    ) {
        self.freeTries = freeTries
        self.firstWait = firstWait
        self.longestWait = longestWait
        self.memory = memory
        self.mostAddresses = mostAddresses
    }

    /// How long an address has to wait before its next try; `nil` when it need not.
    public func wait(of address: SocketAddress, at now: MonotonicTime) -> Duration? {
        entries.withLock { entries in
            guard let entry = entries[Self.key(address)], entry.allowedAt > now else { return nil }
            return now.duration(to: entry.allowedAt)
        }
    }

    /// A try was wrong.
    public func failed(_ address: SocketAddress, at now: MonotonicTime) {
        entries.withLock { entries in
            let key = Self.key(address)
            if entries[key] == nil && entries.count >= mostAddresses { forget(&entries, now) }
            var entry = entries[key] ?? Entry()
            if entry.last.duration(to: now) > memory { entry = Entry() }
            entry.failures += 1
            entry.last = now
            if entry.failures >= freeTries {
                let doublings = min(20, entry.failures - freeTries)
                entry.allowedAt = now.advanced(by: min(longestWait, firstWait * (1 << doublings)))
            }
            entries[key] = entry
        }
    }

    /// Makes room: what is old goes, and if that is nothing, all do who need not wait now.
    private func forget(_ entries: inout [UInt64: Entry], _ now: MonotonicTime) {
        let count = entries.count
        entries = entries.filter { $0.value.last.duration(to: now) <= memory }
        if entries.count == count { entries = entries.filter { $0.value.allowedAt > now } }
        if entries.count == count { entries = [:] }
    }

    /// An address as limits count it; all peers of a Unix socket are one.
    private static func key(_ address: SocketAddress) -> UInt64 { address.limitKey ?? 0 }
}
