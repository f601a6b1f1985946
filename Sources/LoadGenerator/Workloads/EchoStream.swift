// The message stream of one connection, out and back, as positions: the next byte to send, and the next byte expected.
// Pure arithmetic; the pattern holds the bytes themselves.

/// The state of one connection's message stream.
struct EchoStream {
    // 32-bit fields: with many connections, the cache footprint of each one matters.
    private let period: Int32
    private let size: Int32
    private var sendAt: Int32
    private var receiveAt: Int32
    /// The number of bytes missing from the message that is coming back.
    private var missing: Int32
    private var flying: Int32 = 0

    /// The number of messages that were sent and have not come back completely.
    var inFlight: Int { Int(flying) }
    /// The position in the pattern of the next byte expected.
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
    /// - Returns: The number of bytes to send; ``takePosition(of:)`` returns their positions.
    mutating func send(_ messages: Int) -> Int {
        flying += Int32(messages)
        return messages * Int(size)
    }

    /// Returns the position of the next `count` bytes to send, and advances past them.
    mutating func takePosition(of count: Int) -> Int {
        defer { sendAt = advance(sendAt, by: count) }
        return Int(sendAt)
    }

    /// Counts correct bytes as received.
    ///
    /// - Returns: The number of messages they completed; `nil` when more came back than was sent, which is wrong even
    ///   if the bytes match what will be sent next.
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
