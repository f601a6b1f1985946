// Limits password guessing by address: failed attempts make an address wait longer and longer, on any number of
// connections. A pending attempt counts as failed until its outcome is known, so that concurrent attempts gain nothing
// over sequential ones. The table is bounded, and old entries expire. Thread-safe.
//
//     begin --admitted--> being checked --end(wasWrong)--> counted, or not
//       +--busy: as many attempts are pending as may fail; one of them has to end first
//       +--wait: too many attempts have failed

package import Reactor
import Synchronization

/// A limit of failed login attempts per address.
package final class LoginGuard: Sendable {
    private struct Entry {
        var failures = 0
        /// The number of pending attempts.
        var underWay = 0
        var allowedAt = MonotonicTime(nanoseconds: 0)
        var last = MonotonicTime(nanoseconds: 0)
    }

    /// The number of failed attempts per address without a wait.
    private let freeTries: Int
    private let firstWait: Duration
    private let longestWait: Duration
    private let memory: Duration
    private let mostAddresses: Int
    private let entries = Mutex<[UInt64: Entry]>([:])

    /// Creates a guard.
    ///
    /// - Parameters:
    ///   - freeTries: the number of failed attempts per address without a wait. Default: 3.
    ///   - firstWait: the wait after them, doubled by each further failure. Default: 1 s.
    ///   - longestWait: the maximum wait. Default: 5 min.
    ///   - memory: how long an address is remembered after its last failure. Default: 15 min.
    ///   - mostAddresses: the maximum number of addresses remembered. Default: 10,000.
    package init(
        freeTries: Int = 3, firstWait: Duration = .seconds(1), longestWait: Duration = .seconds(300),
        memory: Duration = .seconds(900), mostAddresses: Int = 10_000
    ) {
        self.freeTries = freeTries
        self.firstWait = firstWait
        self.longestWait = longestWait
        self.memory = memory
        self.mostAddresses = mostAddresses
    }

    /// The decision about an attempt.
    package enum Admission: Sendable, Hashable {
        /// The attempt has begun; ``end(_:wasWrong:at:)`` must follow.
        case admitted
        /// As many attempts of the address are pending as may fail; another one may begin after one has ended.
        case busy
        /// Too many attempts have failed; none may begin for this long.
        case wait(Duration)
    }

    /// Begins an attempt of an address, unless it has to wait.
    package func begin(_ address: SocketAddress, at now: MonotonicTime) -> Admission {
        entries.withLock { entries in
            let key = Self.key(address)
            if entries[key] == nil && entries.count >= mostAddresses { forget(&entries, now) }
            var entry = entries[key] ?? Entry(last: now)
            if entry.last.duration(to: now) > memory { entry = Entry(underWay: entry.underWay) }
            if entry.allowedAt > now { return .wait(now.duration(to: entry.allowedAt)) }
            // After the free attempts, one at a time, each after its wait.
            guard entry.failures + entry.underWay < freeTries || entry.underWay == 0 else { return .busy }
            entry.underWay += 1
            entry.last = now
            entries[key] = entry
            return .admitted
        }
    }

    /// Ends an attempt.
    package func end(_ address: SocketAddress, wasWrong: Bool, at now: MonotonicTime) {
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

    /// Returns how long an address has to wait before its next attempt; `nil` if it need not wait.
    package func wait(of address: SocketAddress, at now: MonotonicTime) -> Duration? {
        entries.withLock { entries in
            guard let entry = entries[Self.key(address)], entry.allowedAt > now else { return nil }
            return now.duration(to: entry.allowedAt)
        }
    }

    /// Makes room in a full table: removes expired entries; failing that, addresses that need not wait now; failing that,
    /// all others. Pending attempts stay; their number is bounded by the threads of the pool and its queue.
    private func forget(_ entries: inout [UInt64: Entry], _ now: MonotonicTime) {
        let count = entries.count
        entries = entries.filter { $0.value.underWay > 0 || $0.value.last.duration(to: now) <= memory }
        if entries.count == count { entries = entries.filter { $0.value.underWay > 0 || $0.value.allowedAt > now } }
        if entries.count == count { entries = entries.filter { $0.value.underWay > 0 } }
    }

    /// Returns the key of an address for limits; all peers of a Unix socket share one.
    private static func key(_ address: SocketAddress) -> UInt64 { address.limitKey ?? 0 }
}
