// Bounds on what comings and goings cost others. A client that connects, gives a name and leaves, hundreds of times a second,
// would have two lines written to every member each time: a room reports so many changes one by one, and counts the rest
// into one line; an address lets so many members in.

import Reactor

/// A change that a room's members are notified of.
enum ChatChange { case joined, left, renamed }

/// What a room reports of its changes.
struct ChatNotices {
    private var allowance: TokenBucket
    private var pending: (joined: Int, left: Int, renamed: Int) = (0, 0, 0)

    init(_ limits: ChatLimits) {
        allowance = TokenBucket(perSecond: limits.noticesPerSecond, burst: limits.noticeBurst)
    }

    /// Whether changes were counted that no line has reported yet.
    var isBehind: Bool { pending != (0, 0, 0) }

    /// Whether a change may have a line of its own; it is counted otherwise.
    mutating func admit(_ change: ChatChange, _ count: Int, at now: MonotonicTime) -> Bool {
        if !isBehind && allowance.take(at: now) { return true }
        switch change {
        case .joined: pending.joined += count
        case .left: pending.left += count
        case .renamed: pending.renamed += count
        }
        return false
    }

    /// The counted changes in words, once there is a token for that line; `nil` before, or when there are none.
    mutating func summary(of room: ChatName, at now: MonotonicTime) -> String? {
        guard isBehind, allowance.take(at: now) else { return nil }
        let counts = [(pending.joined, "joined"), (pending.left, "left"), (pending.renamed, "changed names")]
        pending = (0, 0, 0)
        let words = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        return "\(room): \(words), too many at once to name them"
    }
}

/// How many members each address lets in.
struct ChatEntrances {
    /// Addresses that are remembered.
    static let mostAddresses = 4_096
    private let full: TokenBucket
    private var allowances: [UInt64: TokenBucket] = [:]
    /// That of all addresses for which there is no room.
    private var rest: TokenBucket

    init(_ limits: ChatLimits) {
        full = TokenBucket(perSecond: limits.entriesPerSecond, burst: limits.entryBurst)
        rest = full
    }

    /// Whether an address may let another member in now.
    mutating func admit(_ address: UInt64, at now: MonotonicTime) -> Bool {
        if allowances[address] == nil && allowances.count >= Self.mostAddresses {
            allowances = allowances.filter { !$0.value.isFull(at: now) }
            if allowances.count >= Self.mostAddresses { return rest.take(at: now) }
        }
        return allowances[address, default: full].take(at: now)
    }
}
