// The framings by themselves: where they cut, what they refuse, and that it does not matter in which pieces bytes come.

import Testing

@testable import Reactor

/// Everything that a buffer hands out of a stream that arrives in these pieces.
private func cut(
    _ pieces: [ArraySlice<UInt8>], by decoder: some MessageDecoder, stoppingAfterEach: Bool = false
) throws -> (messages: [[UInt8]], refusal: FramingError.Kind?) {
    try withLoop(.epoll()) { loop in
        var buffer = MessageBuffer(decoder)
        defer { buffer.release(to: loop) }
        var messages: [[UInt8]] = []
        func take(_ message: RawSpan) -> Bool {
            messages.append(unsafe message.withUnsafeBytes { unsafe Array($0) })
            return !stoppingAfterEach
        }
        for piece in pieces {
            var outcome = unsafe buffer.receive(piece.span.bytes, loop, take)
            while case .stopped = outcome { outcome = buffer.goOn(loop, take) }
            if case .refused(let error) = outcome { return (messages, error.kind) }
        }
        if case .refused(let error) = buffer.end(loop, { _ = take($0) }) { return (messages, error.kind) }
        #expect(buffer.count == 0)
        return (messages, nil)
    }
}

private func cut(_ text: String, by decoder: some MessageDecoder) throws -> ([String], FramingError.Kind?) {
    let (messages, refusal) = try cut([Array(text.utf8)[...]], by: decoder)
    return (messages.map { String(decoding: $0, as: UTF8.self) }, refusal)
}

private func cut(_ bytes: [UInt8], by decoder: some MessageDecoder) throws -> ([[UInt8]], FramingError.Kind?) {
    try cut([bytes[...]], by: decoder)
}

/// All ways to cut a stream into three pieces, and into single bytes, give the same.
private func expectSameHoweverCut(_ bytes: [UInt8], by decoder: some MessageDecoder) throws {
    let whole = try cut([bytes[...]], by: decoder)
    for stops in [false, true] {
        let dripped = try cut(bytes.indices.map { bytes[$0...$0] }, by: decoder, stoppingAfterEach: stops)
        #expect(dripped == whole, "byte by byte")
        for first in bytes.indices {
            for second in first..<bytes.count {
                let pieces = [bytes[..<first], bytes[first..<second], bytes[second...]].filter { !$0.isEmpty }
                let result = try cut(pieces, by: decoder, stoppingAfterEach: stops)
                #expect(result == whole, "cut at \(first) and \(second)")
            }
        }
    }
}

@discardableResult
private func ask(_ decoder: inout some MessageDecoder, _ text: String) throws(FramingError) -> MessageCut {
    try unsafe decoder.decode(text.utf8Span.span.bytes)
}

/// A framing of a user: netstrings, `3:abc,`.
struct Netstrings: MessageDecoder {
    mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        var length = 0
        for offset in 0..<min(bytes.byteCount, 5) {
            let byte = bytes.byte(at: offset)
            if byte == UInt8(ascii: ":") {
                let end = offset + 1 + length
                if bytes.byteCount <= end { return .incomplete(needed: end + 1) }
                if bytes.byte(at: end) != UInt8(ascii: ",") { throw FramingError(.malformed, "no comma") }
                return .message(offset + 1..<end, used: end + 1)
            }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            length = length * 10 + Int(byte - UInt8(ascii: "0"))
            if bytes.byteCount == offset + 1 && offset < 4 { return .incomplete() }
        }
        throw FramingError(.malformed, "no length")
    }
}

/// A framing that sees the end of a message only when the next one begins: messages begin with `#`.
struct LookingAhead: MessageDecoder {
    mutating func decode(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        for offset in 1..<max(1, bytes.byteCount) where bytes.byte(at: offset) == UInt8(ascii: "#") {
            return .message(1..<offset, used: offset)
        }
        return .incomplete()
    }
    mutating func decodeLast(_ bytes: RawSpan) throws(FramingError) -> MessageCut {
        .message(1..<bytes.byteCount, used: bytes.byteCount)
    }
}

@Suite(.timeLimit(.minutes(20))) struct MessageDecoderTests {
    // MARK: Lines

    @Test func bothEndsOfALineAreTaken() throws {
        #expect(try cut("a\nbc\r\n\n\r\nd\re\r\r\n", by: .lines()) == (["a", "bc", "", "", "d\re\r"], nil))
    }

    @Test func theLastLineNeedsItsEndUnlessTheEndOfTheStreamIsOne() throws {
        #expect(try cut("a\nhalf", by: .lines()) == (["a"], .truncated))
        #expect(try cut("a\nhalf\r", by: LineFraming(endOfStreamEndsLine: true)) == (["a", "half"], nil))
        #expect(try cut("a\n", by: LineFraming(endOfStreamEndsLine: true)) == (["a"], nil))
    }

    @Test func aLineMayBeAsLongAsTheMaximumWithoutItsEnd() throws {
        for end in ["\n", "\r\n"] {
            let text = "12345\(end)123456\(end)1\(end)"
            #expect(try cut(text, by: .lines(maximum: 6)) == (["12345", "123456", "1"], nil))
            #expect(try cut(text, by: .lines(maximum: 5)) == (["12345"], .tooLong))
        }
    }

    @Test func aLineThatIsTooLongIsRefusedBeforeItsEndHasCome() throws {
        var decoder = LineFraming(maximum: 5)
        for text in ["1", "12", "12345", "12345\r"] { #expect(try ask(&decoder, text).used == 0) }
        #expect(throws: FramingError.self) { try ask(&decoder, "12345\rx") }
        decoder = LineFraming(maximum: 5)
        #expect(throws: FramingError.self) { try ask(&decoder, "123456") }
    }

    // MARK: Delimiters

    @Test func aDelimiterIsFoundWhereItBeginsFirst() throws {
        #expect(try cut("a---b----", by: .delimited(by: Array("--".utf8))) == (["a", "-b", ""], nil))
        #expect(try cut("aab;;b;", by: .delimited(by: Array(";".utf8))) == (["aab", "", "b"], nil))
        #expect(try cut("x\r\n.\r\ny", by: .delimited(by: Array("\r\n.\r\n".utf8))) == (["x"], .truncated))
    }

    @Test func aMessageMayBeAsLongAsTheMaximumWithoutItsDelimiter() throws {
        #expect(try cut("12345===1===", by: .delimited(by: Array("===".utf8), maximum: 5)) == (["12345", "1"], nil))
        #expect(try cut("123456===", by: .delimited(by: Array("===".utf8), maximum: 5)) == ([], .tooLong))
        #expect(try cut("12345=====", by: .delimited(by: Array("===".utf8), maximum: 4)) == ([], .tooLong))
    }

    // MARK: Lengths

    @Test func lengthsOfEachWidthAndOrder() throws {
        #expect(try cut([2, 8, 9, 0, 1, 7], by: .lengthPrefixed(.uint8)) == ([[8, 9], [], [7]], nil))
        #expect(try cut([0, 1, 9], by: .lengthPrefixed(.uint16, .bigEndian)) == ([[9]], nil))
        #expect(try cut([1, 0, 9], by: .lengthPrefixed(.uint16, .littleEndian)) == ([[9]], nil))
        #expect(try cut([0, 0, 0, 1, 9], by: .lengthPrefixed(.uint32, .bigEndian)) == ([[9]], nil))
        #expect(try cut([1, 0, 0, 0, 9], by: .lengthPrefixed(.uint32, .littleEndian)) == ([[9]], nil))
        #expect(try cut([0, 0, 0, 0, 0, 0, 0, 1, 9], by: .lengthPrefixed(.uint64, .bigEndian)) == ([[9]], nil))
        #expect(try cut([1, 0, 0, 0, 0, 0, 0, 0, 9], by: .lengthPrefixed(.uint64, .littleEndian)) == ([[9]], nil))
        #expect(try cut([0, 0, 0, 5, 9], by: .lengthPrefixed(counting: .whole)) == ([[9]], nil))
        #expect(try cut([3, 8, 9, 1], by: .lengthPrefixed(.uint8, counting: .whole)) == ([[8, 9], []], nil))
    }

    @Test(arguments: [1 << 20 + 1, 1 << 31, 1 << 32 - 1, 1 << 63, .max, .max - 7] as [UInt64])
    func aLengthThatLiesIsRefusedAtOnce(_ length: UInt64) throws {
        for extent in [LengthPrefixFraming.Extent.message, .whole] where length > 1 << 20 + 1 || extent == .message {
            let eight = (0..<8).map { UInt8(truncatingIfNeeded: length >> (56 - 8 * $0)) }
            #expect(try cut(eight, by: .lengthPrefixed(.uint64, counting: extent)) == ([], .tooLong))
            #expect(
                try cut(eight.reversed(), by: .lengthPrefixed(.uint64, .littleEndian, counting: extent)) == (
                    [], .tooLong
                ))
            guard length <= UInt32.max else { continue }
            #expect(try cut(Array(eight[4...]), by: .lengthPrefixed(counting: extent)) == ([], .tooLong))
        }
    }

    @Test func aLengthOfTheWholeIsNotSmallerThanItsOwnField() throws {
        for length in 0..<4 as Range<UInt8> {
            #expect(try cut([0, 0, 0, length], by: .lengthPrefixed(counting: .whole)) == ([], .invalidLength))
        }
        #expect(try cut([0, 0, 0, 4], by: .lengthPrefixed(counting: .whole)) == ([[]], nil))
    }

    @Test func aMessageMayBeAsLongAsTheMaximumWithoutItsLength() throws {
        for extent in [LengthPrefixFraming.Extent.message, .whole] {
            let extra: UInt8 = extent == .whole ? 1 : 0
            let framing = LengthPrefixFraming(.uint8, counting: extent, maximum: 2)
            #expect(try cut([2 + extra, 8, 9], by: framing) == ([[8, 9]], nil))
            #expect(try cut([3 + extra], by: framing) == ([], .tooLong))
        }
    }

    @Test func aMessageCutShortByTheEndIsTruncated() throws {
        #expect(try cut([1, 9, 2, 8], by: .lengthPrefixed(.uint8)) == ([[9]], .truncated))
        #expect(try cut([0, 0, 1], by: .lengthPrefixed()) == ([], .truncated))
        #expect(try cut([1, 2, 3, 4, 5], by: .fixedSize(2)) == ([[1, 2], [3, 4]], .truncated))
    }

    // MARK: Any pieces

    @Test func itDoesNotMatterInWhichPiecesAStreamComes() throws {
        try expectSameHoweverCut(Array("a\r\n\nbcd\n\r\ne\r".utf8), by: .lines())
        try expectSameHoweverCut(Array("12345\r\n1234\r\r\n123456\n".utf8), by: .lines(maximum: 5))
        try expectSameHoweverCut(Array("ab=-=-=c=-=-=-=d=".utf8), by: .delimited(by: Array("=-=".utf8)))
        try expectSameHoweverCut(Array("1234===12345==1==".utf8), by: .delimited(by: Array("==".utf8), maximum: 4))
        try expectSameHoweverCut([0, 2, 1, 2, 0, 0, 0, 1, 7, 0, 3, 1], by: .lengthPrefixed(.uint16))
        try expectSameHoweverCut([3, 1, 2, 1, 2, 9, 0, 5], by: .lengthPrefixed(.uint8, counting: .whole))
        try expectSameHoweverCut(Array(0..<11), by: .fixedSize(3))
        try expectSameHoweverCut(Array("3:abc,0:,1:x,2:y".utf8), by: Netstrings())
        try expectSameHoweverCut(Array("#a#bc##d".utf8), by: LookingAhead())
    }

    @Test func messagesLongerThanAReadComeWhole() throws {
        let long = pattern(300_000).map { $0 == 10 ? 11 : $0 }
        let stream = long + [10, 65, 10] + long + [10]
        for size in [1000, 4096, 65536] {
            let pieces = stride(from: 0, to: stream.count, by: size).map { stream[$0..<min($0 + size, stream.count)] }
            let (messages, refusal) = try cut(pieces, by: .lines(maximum: 300_000))
            let isSame = messages == [long, [65], long]
            #expect(isSame && refusal == nil, "pieces of \(size)")
        }
    }

    // MARK: Cost

    @Test func aLineThatDripsInIsSearchedOnce() throws {
        // Two million looks at one megabyte would take hours if each began at the front.
        var decoder = LineFraming(maximum: 1 << 20)
        var delimited = DelimiterFraming([13, 10], maximum: 1 << 20)
        let bytes = [UInt8](repeating: 65, count: 1 << 20)
        for count in stride(from: 1, through: bytes.count, by: 1) {
            let known = unsafe bytes.span.bytes.extracting(first: count)
            _ = try decoder.decode(known)
            _ = try delimited.decode(known)
        }
    }

    @Test func whatALengthClaimsIsNotAllocated() throws {
        try withLoop(.epoll()) { loop in
            var buffer = MessageBuffer(LengthPrefixFraming(maximum: 1 << 40))
            defer { buffer.release(to: loop) }
            let claim: [UInt8] = [255, 255, 255, 255, 1]
            _ = unsafe buffer.receive(claim.span.bytes, loop) { _ in true }
            #expect(buffer.count == 5 && buffer.kept?.capacity == 4096)
        }
    }
}
