// Reproducible randomness: one seed determines everything that a real kernel leaves open.

/// A pseudo-random number generator whose sequence is fully determined by its seed (SplitMix64).
///
/// Its results are stable across versions of Swift, because it maps bits to ranges itself.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Creates a generator with a seed.
    public init(seed: UInt64) { state = seed }

    /// Returns the next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }

    /// Returns a number from 0 to `count - 1`; 0 when `count` is below 2.
    public mutating func below(_ count: Int) -> Int {
        count < 2 ? 0 : Int(next().multipliedFullWidth(by: UInt64(count)).high)
    }

    /// Returns a number in a range.
    public mutating func number(in range: ClosedRange<Int>) -> Int {
        let width = UInt64(bitPattern: Int64(range.upperBound)) &- UInt64(bitPattern: Int64(range.lowerBound))
        if width == 0 { return range.lowerBound }
        let offset = width == .max ? next() : next().multipliedFullWidth(by: width + 1).high
        return range.lowerBound &+ Int(truncatingIfNeeded: offset)
    }

    /// Returns `true` with this probability. A probability of 0 consumes no number, so disabled faults leave the
    /// sequence unchanged.
    public mutating func chance(_ probability: Double) -> Bool {
        probability > 0 && Double(next() >> 11) * 0x1p-53 < probability
    }

    /// Returns a random element of a non-empty array.
    public mutating func pick<Element>(_ things: [Element]) -> Element { things[below(things.count)] }

    /// Shuffles an array.
    public mutating func shuffle<Element>(_ things: inout [Element]) {
        guard things.count > 1 else { return }
        for index in stride(from: things.count - 1, to: 0, by: -1) { things.swapAt(index, below(index + 1)) }
    }
}
