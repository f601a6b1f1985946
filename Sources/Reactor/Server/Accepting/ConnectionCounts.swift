// Counts connections in total and per address against their limits. A plain value: the loops of a server share one
// behind a lock; a single loop has its own.

/// The number of open connections, and its limits.
struct ConnectionCounts: Sendable {
    var maximum: Int
    var maximumPerAddress: Int?
    private(set) var count = 0
    private var countByAddress: [UInt64: Int] = [:]

    init(maximum: Int, maximumPerAddress: Int?) {
        self.maximum = maximum
        self.maximumPerAddress = maximumPerAddress
    }

    /// Counts an incoming connection in, or returns why it is refused.
    mutating func enter() -> Refusal? {
        if count >= maximum { return .connectionLimit }
        count += 1
        return nil
    }

    /// Counts a connection out.
    mutating func leave() { count -= 1 }

    /// Counts an incoming connection's address in, or returns why it is refused.
    mutating func enter(_ address: UInt64) -> Refusal? {
        let current = countByAddress[address, default: 0]
        if let maximumPerAddress, current >= maximumPerAddress { return .addressLimit }
        countByAddress[address] = current + 1
        return nil
    }

    /// Counts an open connection's address in, regardless of the limit.
    mutating func add(_ address: UInt64) { countByAddress[address, default: 0] += 1 }

    /// Counts an address out.
    mutating func leave(_ address: UInt64) {
        guard let left = countByAddress[address] else { return }
        countByAddress[address] = left > 1 ? left - 1 : nil
    }
}
