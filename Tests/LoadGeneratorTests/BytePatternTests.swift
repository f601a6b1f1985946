import Testing

@testable import LoadGenerator

@Suite(.timeLimit(.minutes(20))) struct BytePatternTests {
    private let pattern = BytePattern(messageSize: 64)

    private func bytes(at position: Int, _ count: Int) -> [UInt8] {
        pattern.withBytes(at: position, count: count) { span in
            (0..<count).map { unsafe span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
        }
    }

    @Test func consistsOfCapitals() {
        #expect(bytes(at: 0, 10_000).allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
    }

    @Test func neighboursDifferEverywhere() {
        let all = bytes(at: 0, pattern.period + 1)
        #expect(zip(all, all.dropFirst()).allSatisfy { $0 != $1 })
    }

    @Test func repeatsAfterItsPeriodAndNotBefore() {
        let all = bytes(at: 0, 2 * pattern.period)
        #expect(Array(all[..<pattern.period]) == Array(all[pattern.period...]))
        for shift in 1..<pattern.period where all[0..<32] == all[shift..<(shift + 32)] {
            Issue.record("32 bytes stand at \(shift) as at 0")
        }
    }

    @Test(arguments: [4093, 8186, 64, 1]) func messagesAreNoMultipleOfThePeriod(size: Int) {
        let pattern = BytePattern(messageSize: size)
        #expect(size % pattern.period != 0)
    }

    @Test func findsEveryWrongByte() {
        var text = bytes(at: 77, 300)
        #expect(pattern.matches(unsafe text.span.bytes, at: 77))
        #expect(!pattern.matches(unsafe text.span.bytes, at: 78))
        for index in text.indices {
            text[index] ^= 1
            #expect(!pattern.matches(unsafe text.span.bytes, at: 77))
            text[index] ^= 1
        }
    }

    @Test func matchesPiecesOfAnyLength() {
        let long = (0..<3).flatMap { _ in bytes(at: 0, pattern.period * 10) }
        #expect(long.count > BytePattern.chunk)
        #expect(pattern.matches(unsafe long.span.bytes, at: 0))
        let empty: [UInt8] = []
        #expect(pattern.matches(unsafe empty.span.bytes, at: 5))
    }
}

@Suite(.timeLimit(.minutes(20))) struct EchoStreamTests {
    private func stream() -> EchoStream { EchoStream(BytePattern(messageSize: 10), size: 10, number: 0) }

    @Test func countsMessagesInAnyPieces() {
        var stream = stream()
        #expect(stream.send(3) == 30)
        #expect([4, 5, 1, 11, 9].map { stream.receive($0) } == [0, 0, 1, 1, 1])
        #expect(stream.inFlight == 0)
    }

    @Test func refusesMoreThanWasSent() {
        var stream = stream()
        _ = stream.send(1)
        #expect(stream.receive(10) == 1)
        #expect(stream.receive(1) == nil)
        var other = self.stream()
        _ = other.send(1)
        #expect(other.receive(11) == nil)
    }

    @Test func positionsGoRound() {
        let period = BytePattern(messageSize: 10).period
        var stream = stream()
        _ = stream.takePosition(of: period - 1)
        #expect(stream.takePosition(of: 3) == period - 1)
        #expect(stream.takePosition(of: 1) == 2)
    }
}
