// The record of a run: the last events for people to read, and a digest of all events, so that two runs can be compared
// without storing either. Lines are formatted only on demand.

import Reactor

/// A record of the events in a simulated world.
public struct Trace: Sendable {
    struct Event: Sendable {
        var time: Int64
        var call: KernelCall?
        var text: String?
        var descriptor: CInt
        var argument: Int
        var result: Int
    }

    private var ring: [Event] = []
    private var place = 0
    private let capacity: Int
    /// The number of events recorded.
    public private(set) var count = 0
    /// A hash of all events, in order; equal runs have equal digests.
    public private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325

    init(capacity: Int) { self.capacity = min(max(0, capacity), 1 << 20) }

    mutating func note(_ event: Event) {
        count += 1
        mix(UInt64(bitPattern: event.time))
        mix(UInt64(event.call?.rawValue ?? 255))
        mix(UInt64(bitPattern: Int64(event.descriptor)))
        mix(UInt64(bitPattern: Int64(event.argument)))
        mix(UInt64(bitPattern: Int64(event.result)))
        if let text = event.text { for byte in text.utf8 { mix(UInt64(byte)) } }
        if ring.count < capacity {
            ring.append(event)
        } else if capacity > 0 {
            ring[place] = event
            place = (place + 1) % capacity
        }
    }

    private mutating func mix(_ word: UInt64) {
        digest = (digest ^ word) &* 0x100_0000_01b3
        digest ^= digest >> 29
    }

    /// The last events, oldest first, one line each: the time in seconds, the call, its arguments and its result.
    public var lines: [String] { (ring[place...] + ring[..<place]).map(Self.line) }

    private static func line(_ event: Event) -> String {
        var line = TraceText.seconds(event.time) + " "
        if let text = event.text { line += text }
        guard let call = event.call else { return line }
        line += "\(call)"
        if event.descriptor >= 0 { line += " \(event.descriptor)" }
        if event.argument != 0 { line += " (\(event.argument))" }
        return line + " = " + TraceText.result(SystemResult(rawValue: event.result))
    }
}
