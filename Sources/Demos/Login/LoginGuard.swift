// Wrong tries, counted by address: who guesses waits longer and longer, on however many connections. A try counts as wrong from
// its beginning until its outcome is known, so that tries at the same moment are no more than tries one after the other.
// What is kept is bounded, and forgotten when it is old. Any loop may use it.
//
//     begin --admitted--> being checked --end(wasWrong)--> counted, or not
//       +--busy: as many are being checked as may be wrong; one of them has to end first
//       +--wait: too many were wrong

public import Reactor
import Synchronization

/// Counts wrong tries.
public final class LoginGuard: Sendable {
    private struct Entry {
        var failures = 0
        /// Tries whose outcome is not known.
        var underWay = 0
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

    /// What an address may do.
    public enum Admission: Sendable, Hashable {
        /// A try may begin, and has begun: ``end(_:wasWrong:at:)`` has to follow.
        case admitted
        /// As many tries of the address are under way as may be wrong: when one of them has ended, another may begin.
        case busy
        /// Too many tries were wrong: none may begin for so long.
        case wait(Duration)
    }

    /// Begins a try of an address, unless it has to wait.
    public func begin(_ address: SocketAddress, at now: MonotonicTime) -> Admission {
        entries.withLock { entries in
            let key = Self.key(address)
            if entries[key] == nil && entries.count >= mostAddresses { forget(&entries, now) }
            var entry = entries[key] ?? Entry(last: now)
            if entry.last.duration(to: now) > memory { entry = Entry(underWay: entry.underWay) }
            if entry.allowedAt > now { return .wait(now.duration(to: entry.allowedAt)) }
            // After the tries that are free, one at a time, each after its wait.
            guard entry.failures + entry.underWay < freeTries || entry.underWay == 0 else { return .busy }
            entry.underWay += 1
            entry.last = now
            entries[key] = entry
            return .admitted
        }
    }

    /// Ends a try that has begun.
    public func end(_ address: SocketAddress, wasWrong: Bool, at now: MonotonicTime) {
        entries.withLock { entries in
            let key = Self.key(address)
            guard var entry = entries[key], entry.underWay > 0 else { return }
            entry.underWay -= 1
            if wasWrong { fail(&entry, now) }
            entries[key] = entry.failures == 0 && entry.underWay == 0 ? nil : entry
        }
    }

    private func fail(_ entry: inout Entry, _ now: MonotonicTime) {
        entry.failures += 1
        entry.last = now
        if entry.failures >= freeTries {
            let doublings = min(20, entry.failures - freeTries)
            entry.allowedAt = now.advanced(by: min(longestWait, firstWait * (1 << doublings)))
        }
    }

    /// How long an address has to wait before its next try; `nil` when it need not.
    public func wait(of address: SocketAddress, at now: MonotonicTime) -> Duration? {
        entries.withLock { entries in
            guard let entry = entries[Self.key(address)], entry.allowedAt > now else { return nil }
            return now.duration(to: entry.allowedAt)
        }
    }

    /// Makes room: what is old goes, and if that is nothing, all do who need not wait now. Tries under way stay, of which
    /// there are no more than threads and places in their queue.
    private func forget(_ entries: inout [UInt64: Entry], _ now: MonotonicTime) {
        let count = entries.count
        entries = entries.filter { $0.value.underWay > 0 || $0.value.last.duration(to: now) <= memory }
        if entries.count == count { entries = entries.filter { $0.value.underWay > 0 || $0.value.allowedAt > now } }
        if entries.count == count { entries = entries.filter { $0.value.underWay > 0 } }
    }

    /// An address as limits count it; all peers of a Unix socket are one.
    private static func key(_ address: SocketAddress) -> UInt64 { address.limitKey ?? 0 }
}
