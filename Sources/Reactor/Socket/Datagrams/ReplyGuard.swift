// Decides which replies of a datagram socket are sent. It works on addresses and bytes alone and has no socket.
//
//     request, reply --source port may reflect--> withheld
//                    --request begins or ends like a recent reply to its source, above that rate--> withheld
//                    --above the rate of its source--> withheld
//                    --> remembered, sent

/// The state of ``ReplyLimits`` for one socket. Confined to one thread.
package final class ReplyGuard {
    /// Entries of each rate table: 8 KiB.
    private static let sources = 1024
    /// Replies that are remembered. A receive buffer of Linux's default size holds less than half as many datagrams, so
    /// a loop of that many datagrams is recognized; a load generator sends more before it repeats itself.
    private static let replies = 256
    /// Bytes at either end of a datagram that are compared.
    private static let sample = 32
    /// The bit that distinguishes lower-case from upper-case ASCII letters; an echo may change the case.
    private static let letters: UInt64 = 0x2020_2020_2020_2020
    private static let firstUnreserved: UInt16 = 1024

    private let limits: ReplyLimits
    private let port: UInt16
    private var all: Rate
    private var returned: Rate
    /// Hashes of the ends of recent replies, each in the slot that its low bits select.
    private var recent: [UInt64] = []

    /// Creates a guard for a socket bound to `port`.
    package init(_ limits: ReplyLimits, port: UInt16) {
        (self.limits, self.port) = (limits, port)
        all = Rate(limits.perSecond, burst: limits.perSecond ?? 1)
        returned = Rate(limits.returnedPerSecond, burst: limits.returnedBurst)
    }

    /// Returns whether a source's port belongs to a service that replies by itself, or is this socket's own port.
    package func isReflecting(_ source: SocketAddress) -> Bool {
        limits.refusesReflectingPorts && (source.port < Self.firstUnreserved || source.port == port)
    }

    /// Returns whether a reply may be sent, and counts it if so.
    package func admits(
        _ answer: RawSpan, to source: SocketAddress, question: RawSpan, at now: @autoclosure () -> MonotonicTime
    ) -> Bool {
        if isReflecting(source) { return false }
        let key = Self.mix(source)
        let entry = Int(truncatingIfNeeded: key) & (Self.sources - 1)
        if returned.interval > 0 {
            if recent.isEmpty { recent = [UInt64](repeating: 0, count: Self.replies) }
            let isReturned = isRecent(Self.beginning(of: question, key)) || isRecent(Self.end(of: question, key))
            if isReturned && !returned.take(entry, of: Self.sources, at: now().nanoseconds) { return false }
            remember(Self.beginning(of: answer, key))
            remember(Self.end(of: answer, key))
        }
        return all.interval == 0 || all.take(entry, of: Self.sources, at: now().nanoseconds)
    }

    // MARK: Recent replies

    private func isRecent(_ hash: UInt64) -> Bool { recent[Int(truncatingIfNeeded: hash) & (Self.replies - 1)] == hash }

    private func remember(_ hash: UInt64) { recent[Int(truncatingIfNeeded: hash) & (Self.replies - 1)] = hash }

    private static func beginning(of bytes: RawSpan, _ key: UInt64) -> UInt64 {
        hash(bytes, 0..<min(bytes.byteCount, sample), key ^ 1)
    }

    private static func end(of bytes: RawSpan, _ key: UInt64) -> UInt64 {
        hash(bytes, max(0, bytes.byteCount - sample)..<bytes.byteCount, key ^ 2)
    }

    private static func hash(_ bytes: RawSpan, _ range: Range<Int>, _ key: UInt64) -> UInt64 {
        var value = mix(key, UInt64(range.count))
        var offset = range.lowerBound
        while offset + 8 <= range.upperBound {
            value = mix(value, bytes.word(at: offset) | letters)
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < range.upperBound {
            rest = rest << 8 | UInt64(bytes.byte(at: offset) | 0x20)
            offset += 1
        }
        return mix(value, rest) | 1  // never 0, which marks an empty slot
    }

    private static func mix(_ source: SocketAddress) -> UInt64 {
        switch source.storage {
        case .ipv4(let address, let port): mix(UInt64(address), UInt64(port))
        case .ipv6(let high, let low, let scope, let port): mix(mix(high, low), UInt64(scope) << 16 | UInt64(port))
        case .unix: 0  // Unix sockets send no UDP datagrams
        }
    }

    /// Returns both halves of the product combined, so that every bit of the operands affects the result.
    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = (left ^ 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(by: right ^ 0xe703_7ed1_a0b4_28db)
        return product.high ^ product.low
    }

    // MARK: Rates

    /// A token bucket per entry: a rate per second, and a burst.
    private struct Rate {
        /// Nanoseconds per reply; 0 means unlimited.
        let interval: Int64
        /// Nanoseconds that an entry may run ahead of the clock.
        private let credit: Int64
        /// The time at which each entry's debt is paid off, in nanoseconds.
        private var paid: [Int64] = []

        init(_ perSecond: Int?, burst: Int) {
            interval = perSecond.map { 1_000_000_000 / Int64(min(max(1, $0), 1_000_000_000)) } ?? 0
            credit = Int64(min(max(1, burst), 1_000_000_000) - 1) * interval
        }

        mutating func take(_ entry: Int, of entries: Int, at now: Int64) -> Bool {
            if paid.isEmpty { paid = [Int64](repeating: 0, count: entries) }
            let start = max(paid[entry], now)
            guard start - now <= credit else { return false }
            paid[entry] = start + interval
            return true
        }
    }
}
