// Redis's protocol: whole values whatever the cut, and nothing believed that is not so.

import Reactor
import Testing

@testable import ReactorRedis

@Suite(.timeLimit(.minutes(20))) struct RESPTests {
    /// Decodes a stream that arrives in pieces; returns the values.
    private static func decode(_ bytes: [UInt8], pieces: Int) throws -> [RESPValue] {
        var framing = RESPFraming()
        var values: [RESPValue] = []
        var kept: [UInt8] = []
        pieces: for start in stride(from: 0, to: bytes.count, by: pieces) {
            kept += bytes[start..<min(start + pieces, bytes.count)]
            while !kept.isEmpty {
                // Safe: bytes have no padding.
                switch try framing.decode(unsafe kept.span.bytes) {
                case .incomplete(let needed):
                    #expect(needed == 0 || needed > kept.count)
                    continue pieces
                case .value(let value, let used):
                    #expect(try RESPValue(unsafe kept.span.bytes.extracting(first: used)) == value)
                    values.append(value)
                    kept.removeFirst(used)
                }
            }
        }
        #expect(kept.isEmpty)
        return values
    }

    private static func bulk(_ text: String) -> RESPValue { .bulk(Array(text.utf8)) }

    @Test func valuesAreReadInPiecesOfAnySize() throws {
        let text =
            "+OK\r\n-ERR no\r\n:42\r\n:-9223372036854775808\r\n:9223372036854775807\r\n$5\r\nhe\r\nl\r\n$0\r\n\r\n$-1\r\n"
            + "*-1\r\n*0\r\n*3\r\n$7\r\nmessage\r\n*2\r\n:1\r\n*1\r\n+a\r\n$1\r\nx\r\n+\r\n"
        let expected: [RESPValue] = [
            .simple(Array("OK".utf8)), .error(Array("ERR no".utf8)), .integer(42), .integer(.min), .integer(.max),
            Self.bulk("he\r\nl"), Self.bulk(""), .bulk(nil), .array(nil), .array([]),
            .array([Self.bulk("message"), .array([.integer(1), .array([.simple([0x61])])]), Self.bulk("x")]),
            .simple([]),
        ]
        for pieces in [1, 2, 3, 7, 1000] { #expect(try Self.decode(Array(text.utf8), pieces: pieces) == expected) }
    }

    @Test(arguments: [
        "?\r\n", ":\r\n", ":+4\r\n", ":-\r\n", ":-0\r\n", ":04\r\n", ":4a\r\n", ":9223372036854775808\r\n",
        ":-9223372036854775809\r\n", ":4\n", "+\n", "$-2\r\n", "$70000\r\n", "$9223372036854775807\r\n", "$1\r\nab\r\n",
        "$2\r\na\r\n.", "$+1\r\na\r\n", "*-2\r\n", "*1025\r\n", "*99999999999999999999\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "+" + String(repeating: "x", count: 2_000),
        "HTTP/1.1 400 Bad Request\r\n",
    ])
    func whatIsNoValueIsRefused(_ text: String) {
        for pieces in [1, 5, 10_000] {
            #expect(throws: FramingError.self) { try Self.decode(Array(text.utf8), pieces: pieces) }
        }
    }

    @Test func aValueIsBoundedAsAWhole() {
        let text =
            "*1024\r\n" + String(repeating: "$60000\r\n" + String(repeating: "x", count: 60_000) + "\r\n", count: 5)
        #expect(throws: FramingError.self) { try Self.decode(Array(text.utf8), pieces: 65_536) }
    }

    @Test func commandsAreArraysOfStrings() throws {
        let command = RESPValue.command(Array("PUBLISH".utf8), Array("ä\r\n".utf8))
        #expect(command == Array("*2\r\n$7\r\nPUBLISH\r\n$4\r\nä\r\n\r\n".utf8))
        #expect(try Self.decode(command, pieces: 1) == [.array([Self.bulk("PUBLISH"), Self.bulk("ä\r\n")])])
    }

    /// A value that was not cut by the framing is refused, never trapped on.
    @Test(arguments: [
        "", "$5\r\nab", "$5\r\nabcde", "$9223372036854775807\r\n", "*2\r\n:1\r\n", ":1\r\n:2\r\n",
        "*9223372036854775807\r\n",
        String(repeating: "*1\r\n", count: 100_000),
    ]) func aValueThatIsNotWholeIsRefused(_ text: String) {
        let bytes = Array(text.utf8)
        do throws(FramingError) {
            let value = try unsafe RESPValue(bytes.span.bytes)
            Issue.record("decoded \(value)")
        } catch {
            #expect(!error.description.isEmpty)
        }
    }
}
