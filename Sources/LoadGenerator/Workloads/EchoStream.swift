// One connection's stream of messages, out and back, as positions: what to send next, and what should come back. Pure
// arithmetic; the bytes themselves are the pattern's.

/// Where the messages of one connection stand.
struct EchoStream {
    // Half words: of many connections, what matters is how much of the processor's cache each of them takes.
    private let period: Int32
    private let size: Int32
    private var sendAt: Int32
    private var receiveAt: Int32
    /// Bytes that the message which is coming back still lacks.
    private var missing: Int32
    private var flying: Int32 = 0

    /// Messages that were sent and have not come back whole.
    var inFlight: Int { Int(flying) }
    /// Where in the pattern the next byte to come back stands.
    var receivePosition: Int { Int(receiveAt) }

    init(_ pattern: BytePattern, size: Int, number: Int) {
        period = Int32(pattern.period)
        self.size = Int32(size)
        sendAt = Int32(pattern.start(ofStream: number))
        receiveAt = sendAt
        missing = self.size
    }

    /// Counts messages as sent.
    ///
    /// - Returns: How many bytes these are; ``takePosition(of:)`` says which.
    mutating func send(_ messages: Int) -> Int {
        flying += Int32(messages)
        return messages * Int(size)
    }

    /// The position of the next `count` bytes to send.
    mutating func takePosition(of count: Int) -> Int {
        defer { sendAt = advance(sendAt, by: count) }
        return Int(sendAt)
    }

    /// Counts bytes that came back, and were right, as received.
    ///
    /// - Returns: How many messages they completed; `nil` when they are more than was sent, which is wrong even where they
    ///   look like what will be sent.
    mutating func receive(_ count: Int) -> Int? {
        receiveAt = advance(receiveAt, by: count)
        var left = count
        var completed = 0
        while left >= Int(missing) {
            left -= Int(missing)
            missing = size
            completed += 1
        }
        missing -= Int32(left)
        flying -= Int32(completed)
        if flying < 0 || (flying == 0 && missing != size) { return nil }
        return completed
    }

    private func advance(_ position: Int32, by count: Int) -> Int32 {
        Int32(BytePattern.advance(Int(position), by: count, period: Int(period)))
    }
}
