// One connection's stream of messages, out and back, as positions: what to send next, and what should come back. Pure
// arithmetic; the bytes themselves are the pattern's.

/// Where the messages of one connection stand.
struct EchoStream {
    private let period: Int
    private let size: Int
    /// Where in the pattern the next byte to send stands.
    private var sendPosition: Int
    /// Where in the pattern the next byte to come back stands.
    private(set) var receivePosition: Int
    /// Bytes that the message which is coming back still lacks.
    private var missing: Int
    /// Messages that were sent and have not come back whole.
    private(set) var inFlight = 0

    init(_ pattern: BytePattern, size: Int, number: Int) {
        period = pattern.period
        self.size = size
        sendPosition = pattern.start(ofStream: number)
        receivePosition = sendPosition
        missing = size
    }

    /// Counts messages as sent.
    ///
    /// - Returns: How many bytes these are; ``takePosition(of:)`` says which.
    mutating func send(_ messages: Int) -> Int {
        inFlight += messages
        return messages * size
    }

    /// The position of the next `count` bytes to send.
    mutating func takePosition(of count: Int) -> Int {
        defer { sendPosition = BytePattern.advance(sendPosition, by: count, period: period) }
        return sendPosition
    }

    /// Counts bytes that came back, and were right, as received.
    ///
    /// - Returns: How many messages they completed; `nil` when they are more than was sent, which is wrong even where they
    ///   look like what will be sent.
    mutating func receive(_ count: Int) -> Int? {
        receivePosition = BytePattern.advance(receivePosition, by: count, period: period)
        var left = count
        var completed = 0
        while left >= missing {
            left -= missing
            missing = size
            completed += 1
        }
        missing -= left
        inFlight -= completed
        if inFlight < 0 || (inFlight == 0 && missing != size) { return nil }
        return completed
    }
}
