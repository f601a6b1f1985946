// The operations on lent bytes: numbers, comparison, search, copies, each at the edges of its bounds.

import Reactor
import Testing

/// Lends bytes to an operation.
private func lend<Result>(_ bytes: [UInt8], _ body: (RawSpan) -> Result) -> Result {
    // Safe: a UInt8 has no padding.
    body(unsafe bytes.span.bytes)
}

private func lend<Result>(_ text: String, _ body: (RawSpan) -> Result) -> Result { lend(Array(text.utf8), body) }

@Suite(.timeLimit(.minutes(20))) struct RawSpanTests {
    private static let bytes: [UInt8] = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0xff]

    @Test func numbersInBothOrdersAtAnyOffset() {
        #expect(lend(Self.bytes) { $0.bigEndian(UInt8.self, at: 8) } == 0xff)
        #expect(lend(Self.bytes) { $0.bigEndian(Int8.self, at: 8) } == -1)
        #expect(lend(Self.bytes) { $0.bigEndian(UInt16.self, at: 0) } == 0x0102)
        #expect(lend(Self.bytes) { $0.littleEndian(UInt16.self, at: 0) } == 0x0201)
        #expect(lend(Self.bytes) { $0.bigEndian(UInt32.self, at: 1) } == 0x0203_0405)
        #expect(lend(Self.bytes) { $0.littleEndian(UInt32.self, at: 1) } == 0x0504_0302)
        #expect(lend(Self.bytes) { $0.bigEndian(UInt64.self, at: 1) } == 0x0203_0405_0607_08ff)
        #expect(lend(Self.bytes) { $0.littleEndian(Int64.self, at: 1) } == Int64(bitPattern: 0xff08_0706_0504_0302))
        let inferred: UInt16? = lend(Self.bytes) { $0.bigEndian(at: 7) }
        #expect(inferred == 0x08ff)
    }

    @Test(arguments: [-1, Int.min, 9, Int.max, Int.max - 7, 2]) func numbersBeyondTheBytesAreNil(_ offset: Int) {
        #expect(lend(Self.bytes) { $0.bigEndian(UInt64.self, at: offset) } == nil)
        #expect(lend(Self.bytes) { $0.littleEndian(UInt64.self, at: offset) } == nil)
        #expect(lend([UInt8]()) { $0.bigEndian(UInt8.self, at: offset) } == nil)
        #expect(lend([1, 2, 3]) { $0.littleEndian(UInt32.self, at: 0) } == nil)
    }

    @Test func comparison() {
        let text = "GET /index.html"
        for other in [text, "GET /index.htm", "GET /index.html?", "", "get /index.html"] {
            #expect(lend(text) { $0.equals(other) } == (other == text))
            #expect(lend(text) { $0.equals(Array(other.utf8)) } == (other == text))
            #expect(lend(text) { text in lend(other) { text.equals($0) } } == (other == text))
            #expect(lend(text) { $0.starts(with: other) } == text.hasPrefix(other))
            #expect(lend(text) { $0.starts(with: Array(other.utf8)[...]) } == text.hasPrefix(other))
            #expect(lend(text) { text in lend(other) { text.starts(with: $0) } } == text.hasPrefix(other))
        }
        #expect(lend("") { $0.equals("") && $0.equals([]) && $0.starts(with: "") })
        #expect(lend(text) { $0.extracting(4..<10).equals("/index") && $0.extracting(last: 5).starts(with: ".html") })
        #expect(lend("\u{e9}") { $0.equals("e\u{301}") } == false, "bytes are not normalized")
    }

    /// Every length around the words in which spans are compared, with the difference at every place.
    @Test func comparisonOfSpansSeesEveryByte() {
        for count in 0...40 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            #expect(lend(bytes) { one in lend(bytes) { one.equals($0) } })
            for place in 0..<count {
                var other = bytes
                other[place] ^= 0x80
                #expect(lend(bytes) { one in lend(other) { one.equals($0) } } == false, "\(place) of \(count)")
                #expect(lend(bytes) { one in lend(Array(other[...place])) { one.starts(with: $0) } } == false)
                #expect(lend(bytes) { one in lend(Array(other[..<place])) { one.starts(with: $0) } })
            }
        }
    }

    @Test func search() {
        let text = "one\r\ntwo\r\n\r\nbody"
        #expect(lend(text) { $0.firstOffset(of: "\r\n\r\n") } == 8)
        #expect(lend(text) { $0.firstOffset(of: 0x0a, from: 5) } == 9)
        #expect(lend(text) { $0.firstOffset(of: [0x0d, 0x0a], from: 4) } == 8)
        #expect(lend(text) { $0.firstOffset(of: "none") } == nil)
        #expect(lend(text) { $0.firstOffset(of: "", from: 16) } == 16)
    }

    @Test func copies() {
        var array = Array("ab".utf8)
        lend(Self.bytes) { array.append(contentsOf: $0.extracting(first: 2)) }
        #expect(array == [0x61, 0x62, 1, 2])
        #expect(lend(Self.bytes) { Array($0) } == Self.bytes && lend([UInt8]()) { Array($0) } == [])
        #expect(lend("\u{e4}") { String(validating: $0) } == "\u{e4}" && lend([0xff]) { String(validating: $0) } == nil)
    }
}
