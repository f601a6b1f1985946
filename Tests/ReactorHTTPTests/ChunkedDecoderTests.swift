// The chunked coding by itself: what it decodes, in pieces of any size, and what it refuses.

import Testing

@testable import ReactorHTTP

@Suite(.timeLimit(.minutes(20))) struct ChunkedDecoderTests {
    /// The body, the number of bytes behind it, and the status of a refusal.
    struct Outcome: Equatable {
        var body = ""
        var rest: Int?
        var status: Int?
    }

    private static func decode(_ text: String, pieces: Int = .max, _ limits: HTTPLimits = HTTPLimits()) -> Outcome {
        var decoder = ChunkedDecoder(limits)
        var outcome = Outcome()
        var body: [UInt8] = []
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let piece = Array(bytes.prefix(pieces))
            bytes = bytes.dropFirst(pieces)
            var place = 0
            do throws(HTTPRequestError) {
                steps: while true {
                    switch unsafe try decoder.decode(piece.span.bytes, from: place) {
                    case .data(let range):
                        body += piece[range]
                        outcome.body = String(decoding: body, as: UTF8.self)
                        place = range.upperBound
                    case .needsMore: break steps
                    case .done(let end):
                        outcome.rest = piece.count - end + bytes.count
                        return outcome
                    }
                }
            } catch {
                outcome.status = error.status
                return outcome
            }
        }
        return outcome
    }

    @Test func decodes() {
        for pieces in [1, 2, 3, 7, .max] {
            #expect(Self.decode("0\r\n\r\nGET", pieces: pieces) == Outcome(rest: 3))
            #expect(
                Self.decode("5\r\nhello\r\n008;x=\"y\";z\r\n, wörld\r\n0;e\r\nA: b\r\nC:\r\n\r\n!", pieces: pieces)
                    == Outcome(body: "hello, wörld", rest: 1))
            #expect(Self.decode("5\r\nhel", pieces: pieces) == Outcome(body: "hel"))
        }
    }

    @Test(arguments: [
        "\r\n", "g\r\n", "+5\r\nhello", "-5\r\n", "0x5\r\n", " 5\r\nhello", "5 \r\nhello", "5\nhello",
        "5\rhello",
        "5\r\r\n", ";x\r\n", "FFFFFFFFFFFFFFFF\r\n", "10000000000000005\r\n", "0000000000000005\r\nhello",
        "5;\u{0}\r\n",
        "5;a\nhello", "5;a\rb\r\n", "5\r\nhello5\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r0", "5\r\nhellox\r\n",
        "0\r\n\n", "0\r\nA: b\n\r\n", "0\r\n A: b\r\n\r\n", "0\r\nA : b\r\n\r\n", "0\r\nA\r\n\r\n",
        "0\r\nA: b\r\n c\r\n\r\n",
        "0\r\nA: \u{0}\r\n\r\n", "0\r\nA: b\rc\r\n\r\n", "0\n\n", "٥\r\n",
    ]) func refuses(_ text: String) {
        for pieces in [1, .max] { #expect(Self.decode(text, pieces: pieces).status == 400) }
    }

    /// RFC 9112, 7.1.1: chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
    @Test(arguments: [
        ";a", ";a;b", ";a=b", ";a=\"\"", ";a=\"b;c\\\"\\\\ =\t\u{e4}\"", " ;a", "\t; a", ";a = b",
        ";a =\t\"b\"; c ; d=e",
        ";a=b ;c", ";!#$%&'*+-.^_`|~=1",
    ]) func takesExtensionsOfTheGrammar(_ text: String) {
        for pieces in [1, .max] {
            #expect(
                Self.decode("5\(text)\r\nhello\r\n0\(text)\r\n\r\n", pieces: pieces)
                    == Outcome(body: "hello", rest: 0), "\(text)")
        }
    }

    @Test(arguments: [
        ";", ";bad[", "; ", ";;", ";a;", ";=", ";=b", ";a=", ";a=;b", ";a b", ";a=b c", ";a=\"b", ";a=\"b\\",
        ";a=\"b\"c",
        ";a=b=c", ";a=\"b\"=c", ";a ", ";a=b ", ";a=\"b\" ", " ", ";a=[", ";a=\"\u{7f}\"", ";a\u{e4}", ";a=\u{e4}",
        "=b", ";a=\"\\\u{1}\"",
    ]) func refusesExtensionsThatTheGrammarForbids(_ text: String) {
        for pieces in [1, .max] {
            #expect(Self.decode("5\(text)\r\nhello\r\n0\r\n\r\n", pieces: pieces).status == 400, "\(text)")
            #expect(Self.decode("0\(text)\r\n\r\n", pieces: pieces).status == 400, "\(text)")
        }
    }

    @Test func bounds() {
        let long = String(repeating: "x", count: 2_000)
        #expect(Self.decode("5;\(long)\r\nhello").status == 400)
        #expect(Self.decode(String(repeating: "1;aaaaaaaaaa\r\nx\r\n", count: 200)).status == 400)
        #expect(Self.decode("0\r\nA: " + String(repeating: long, count: 5)).status == 431)
        #expect(Self.decode("0\r\n" + String(repeating: "A: b\r\n", count: 101) + "\r\n").status == 431)
        #expect(Self.decode("7FFFFFFFFFFFFFF\r\nhello") == Outcome(body: "hello"), "its limit is the body's")
    }
}
