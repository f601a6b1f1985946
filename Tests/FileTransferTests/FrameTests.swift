// Frames as bytes: every form, cut anywhere, and everything that is none.

import Reactor
import Testing

@testable import FileTransfer

@Suite(.timeLimit(.minutes(20))) struct FrameTests {
    /// What a parser makes of bytes that come in pieces of a size: headers, and contents as text.
    static func parse(_ bytes: [UInt8], pieces: Int = .max) throws -> [String] {
        var parser = FrameParser()
        var found: [String] = []
        var content = ""
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            rest = rest.dropFirst(piece.count)
            var offset = 0
            while true {
                let part = try unsafe parser.next(in: piece.span.bytes, at: &offset)
                switch part {
                case .header(let header): found.append("\(parser.form) \(header.command ?? header.contentType ?? "-")")
                case .content(let range): content += String(decoding: piece[range], as: UTF8.self)
                case .end:
                    found.append(content)
                    content = ""
                case .nothing: break
                }
                if part == .nothing { break }
            }
        }
        // The end of a frame without content is told without another byte.
        if !parser.isBetweenFrames { found.append("cut") }
        return found
    }

    static func error(_ bytes: [UInt8]) -> TransferError? {
        do { _ = try parse(bytes) } catch let error as TransferError { return error } catch {}
        return nil
    }

    private static func json(_ text: String, _ prefix: [UInt8]? = nil) -> [UInt8] {
        let count = text.utf8.count
        return (prefix ?? [0, UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255)]) + text.utf8
    }

    @Test func everyFormIsReadInPiecesOfAnySize() throws {
        let text = #"{"content-type":"text/plain","content-length":5,"byteorder":"little"}"#
        let count = UInt8(text.utf8.count)
        let bytes =
            Self.json(text) + Array("hello".utf8) + Self.json(text, [0, count]) + Array("again".utf8)
            + Self.json(text, [count, 0, 0, 0]) + Array("three".utf8) + Self.json(#"{"do":"list"}"#)
        let expected = [
            "four text/plain", "hello", "two text/plain", "again", "fourLittleEndian text/plain", "three", "four list",
            "",
        ]
        for pieces in 1...bytes.count { #expect(try Self.parse(bytes, pieces: pieces) == expected) }
    }

    @Test func whatIsWrittenIsRead() throws {
        for form in [FrameForm.four, .fourLittleEndian, .two] {
            var header = TransferHeader(command: "get", name: "ü \"\n/\\ \u{0}")
            (header.offset, header.size) = (.max, 0)
            var parser = FrameParser()
            var offset = 0
            let bytes = form.frame(header)
            #expect(try unsafe parser.next(in: bytes.span.bytes, at: &offset) == .header(header))
            #expect(parser.form == form && offset == bytes.count)
        }
    }

    @Test(
        arguments: [
            [0, 0, 0, 0], [0, 0, 0, 1], [0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0xff, 0xff],
            [0, 1, 0, 1], [1, 0, 1, 0], [0, 2, 0, 1], Array("GET ".utf8), Array("SSH-".utf8), [0x16, 3, 1, 2],
        ] as [[UInt8]])
    func aLengthThatNoHeaderHasIsRefusedAtOnce(_ prefix: [UInt8]) {
        #expect(Self.error(prefix)?.code == .malformed)
    }

    @Test func theLongestHeaderIsTaken() throws {
        let fill = String(repeating: " ", count: FrameForm.longestHeader - 13)
        #expect(try Self.parse(Self.json(#"{"do":"list""# + fill + "}")) == ["four list", ""])
    }

    @Test(arguments: [
        "[]", "null", "42", "\"x\"", "{", "{]", "{}}", "{} {}", "{\"a\":}", "{a:1}", "{\"a\" 1}", "{'do':'list'}",
        "{\"do\":1}",
        #"{"content-length":-1}"#, #"{"content-length":1.5}"#, #"{"content-length":1e400}"#,
        #"{"content-length":99999999999999999999}"#, #"{"content-length":"5"}"#, #"{"name":["a"]}"#, #"{"do":"li"#,
        #"{"offset":{}}"#, "{\"do\":\"\u{1}\"}", "{\"do\":\"\\ud800\"}", "\u{feff}{}", "hello!", "{\"a\":NaN}",
        "{\"a\":+1}",
    ]) func whatIsNoHeaderIsRefused(_ text: String) { #expect(Self.error(Self.json(text))?.code == .malformed) }

    @Test func depthIsBounded() throws {
        func nested(_ depth: Int) -> [UInt8] {
            let open = String(repeating: "[", count: depth - 1)
            return Self.json(#"{"x":"# + open + String(repeating: "]", count: depth - 1) + "}")
        }
        #expect(try Self.parse(nested(32)).count == 2)
        #expect(Self.error(nested(33))?.description == "JSON nested deeper than 32")
        #expect(Self.error(nested(30_000))?.description == "JSON nested deeper than 32")
        // Brackets in strings are text.
        #expect(try Self.parse(Self.json(#"{"x":"\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}"#)).count == 2)
    }

    @Test func bytesThatAreNoTextAreRefused() {
        #expect(
            Self.error([0, 0, 0, 12] + Array(#"{"do":""#.utf8) + [0xff, 0xfe, 0xfd] + Array("\"}".utf8))?.code
                == .malformed)
    }
}
