// Limits of the cost of joins and leaves. Without them, a client that connects, enters and leaves hundreds of times per
// second would cause two lines to every member each time. A room announces changes one by one up to a rate and
// summarizes the rest in one line; an address lets members in at a limited rate.

internal import Reactor

/// A change that a room's members are notified of.
enum ChatChange { case joined, left, renamed }

/// The announcements of a room's changes.
struct ChatNotices {
    private var allowance: TokenBucket
    private var pending: (joined: Int, left: Int, renamed: Int) = (0, 0, 0)

    init(_ limits: ChatLimits) {
        allowance = TokenBucket(perSecond: limits.noticesPerSecond, burst: limits.noticeBurst)
    }

    /// Whether changes are counted that have not been announced yet.
    var isBehind: Bool { pending != (0, 0, 0) }

    /// Returns whether a change gets a line of its own; counts it otherwise.
    mutating func admit(_ change: ChatChange, _ count: Int, at now: MonotonicTime) -> Bool {
        if !isBehind && allowance.take(at: now) { return true }
        switch change {
        case .joined: pending.joined += count
        case .left: pending.left += count
        case .renamed: pending.renamed += count
        }
        return false
    }

    /// Returns the summary of counted changes if the rate permits one more line; `nil` otherwise, or without changes.
    mutating func summary(of room: ChatName, at now: MonotonicTime) -> String? {
        guard isBehind, allowance.take(at: now) else { return nil }
        let counts = [(pending.joined, "joined"), (pending.left, "left"), (pending.renamed, "changed names")]
        pending = (0, 0, 0)
        let words = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        return "\(room): \(words), too many at once to name them"
    }
}

/// The rate of new members per address.
struct ChatEntrances {
    /// The maximum number of addresses tracked.
    static let mostAddresses = 4_096
    private let full: TokenBucket
    private var allowances: [UInt64: TokenBucket] = [:]
    /// The bucket that all untracked addresses share.
    private var rest: TokenBucket

    init(_ limits: ChatLimits) {
        full = TokenBucket(perSecond: limits.entriesPerSecond, burst: limits.entryBurst)
        rest = full
    }

    /// Returns whether an address may let another member in now.
    mutating func admit(_ address: UInt64, at now: MonotonicTime) -> Bool {
        if allowances[address] == nil && allowances.count >= Self.mostAddresses {
            allowances = allowances.filter { !$0.value.isFull(at: now) }
            if allowances.count >= Self.mostAddresses { return rest.take(at: now) }
        }
        return allowances[address, default: full].take(at: now)
    }
}
