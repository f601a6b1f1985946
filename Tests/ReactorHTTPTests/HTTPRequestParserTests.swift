// The parser by itself: what it makes of a head, what it refuses, and that the pieces in which bytes come change nothing.

import Testing

@testable import ReactorHTTP

@Suite(.timeLimit(.minutes(20))) struct HTTPRequestParserTests {
    /// What became of bytes that came in these pieces.
    enum Outcome: Equatable {
        case whole(HTTPKnownMethod, path: String, fields: [String], HTTPBodyLength, keepsAlive: Bool, byteCount: Int)
        case incomplete
        case rejected(Int)
    }

    /// Parses bytes of which more and more are there.
    static func parse(_ text: [UInt8], inPieces sizes: [Int] = [], _ limits: HTTPLimits = HTTPLimits()) -> Outcome {
        var parser = HTTPRequestParser(limits)
        var there = 0
        for size in sizes + [text.count] where there < text.count {
            there = min(text.count, there + size)
            let bytes = Array(text[..<there])
            do throws(HTTPRequestError) {
                if unsafe try parser.parse(bytes.span.bytes) { return outcome(parser.head, bytes) }
            } catch {
                return .rejected(error.status)
            }
        }
        return .incomplete
    }

    static func parse(_ text: String, _ limits: HTTPLimits = HTTPLimits()) -> Outcome {
        parse(Array(text.utf8), limits)
    }

    private static func parse(_ text: [UInt8], _ limits: HTTPLimits) -> Outcome { parse(text, inPieces: [], limits) }

    private static func outcome(_ head: HTTPRequestHead, _ bytes: [UInt8]) -> Outcome {
        func text(_ place: HTTPPlace) -> String { String(decoding: bytes[place.range], as: UTF8.self) }
        return .whole(
            head.method, path: text(head.path), fields: head.fields.map { "\(text($0.name))=\(text($0.value))" },
            head.body, keepsAlive: head.keepsAlive, byteCount: head.byteCount)
    }

    @Test func aPlainRequest() {
        let text = "GET /file HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"
        let expected = Outcome.whole(
            .get, path: "/file", fields: [], .none, keepsAlive: true, byteCount: text.utf8.count)
        #expect(Self.parse(text) == expected)
        #expect(Self.parse(text + "GET /next") == expected)
        #expect(Self.parse("\r\n" + text).status == nil, "one empty line is let pass")
    }

    @Test(arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false), ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", true), ("HTTP/1.1", "connection: a, CLOSE ,b\r\n", false),
        ("HTTP/1.0", "Connection: keep-alive, close\r\n", false), ("HTTP/1.2", "", true),
        ("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
    ]) func whetherTheConnectionGoesOn(_ version: String, _ field: String, _ goesOn: Bool) {
        guard
            case .whole(_, _, _, _, let keepsAlive, _) = Self.parse("GET / \(version)\r\nHost: a\r\n\(field)\r\n")
        else { return #expect(Bool(false)) }
        #expect(keepsAlive == goesOn)
    }

    @Test func methodsAndTargets() {
        func head(_ line: String) -> String? {
            guard case .whole(let method, let path, _, _, _, _) = Self.parse("\(line) HTTP/1.1\r\nHost: a\r\n\r\n")
            else {
                return nil
            }
            return "\(method) \(path)"
        }
        #expect(head("HEAD /a%20b?c=%2f") == "head /a%20b")
        #expect(head("get /") == "unknown /", "methods are case-sensitive")
        #expect(head("PATCH /x") == "other /x")
        #expect(head("OPTIONS *") == "options ")
        #expect(head("CONNECT a.example:443") == "other ")
        #expect(head("GET http://a.example:80/x/y?z") == "get /x/y")
        #expect(head("GET HTTP://a.example?z") == "get /")
        #expect(head("GET https://[::1]:80") == "get /")
        for wrong in [
            "GET *", "GET a.example:443", "GET x/y", "GET ftp://a/", "GET http:///x", "GET http://u@a/", "GET /#f",
            "GET /\u{e9}", "GET /a b", "GET  /", "GET /\t", "G(T /", " GET /", "GET", "", "/", "GET /\u{7f}",
        ] {
            #expect(Self.parse("\(wrong) HTTP/1.1\r\nHost: a\r\n\r\n") == .rejected(400), "\(wrong)")
        }
    }

    @Test func versions() {
        for (version, status) in [
            ("HTTP/2.0", 505), ("HTTP/0.9", 505), ("HTTP/1.1 ", 400), ("HTTP/11", 400), ("http/1.1", 400),
            ("HTTP/1,1", 400), ("HTTP/1.", 400), ("HTTP/1.11", 400), ("HTTP/x.1", 400), ("XTTP/1.1", 400), ("", 400),
        ] {
            #expect(Self.parse("GET / \(version)\r\nHost: a\r\n\r\n") == .rejected(status), "\(version)")
        }
        #expect(Self.parse("GET /\r\nHost: a\r\n\r\n") == .rejected(400), "HTTP/0.9")
    }

    @Test func bodies() {
        func body(_ fields: String) -> HTTPBodyLength? {
            guard case .whole(_, _, _, let body, _, _) = Self.parse("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n")
            else { return nil }
            return body
        }
        #expect(body("Content-Length: 0") == HTTPBodyLength.none)
        #expect(body("content-length:\t007 ") == .bytes(7))
        #expect(body("Transfer-Encoding: Chunked") == .chunked)
        #expect(Self.parse("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n") == .rejected(501))
    }

    /// What two readers of one stream might understand in two ways is refused.
    static let smuggled = [
        "Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5", "Content-Length: 4\r\nContent-Length: 4",
        "Content-Length: 0\r\nContent-Length: 0", "Content-Length: 4, 4", "Content-Length: 4,", "Content-Length: +4",
        "Content-Length: -4", "Content-Length: 0x10", "Content-Length: 4 4", "Content-Length: 4\t4", "Content-Length:",
        "Content-Length: \"4\"", "Content-Length: 4;", "Content-Length: 4.0", "Content-Length: 1e3",
        "Content-Length: 9223372036854775808", "Content-Length: 18446744073709551616",
        "Content-Length: 99999999999999999999999999999999", "Content-Length: \u{0664}", "Content-Length: four",
        "Content-Length : 4", "Content-Length\t: 4", " Content-Length: 4", "\tContent-Length: 4",
        "Content-Length: 4\r\n Transfer-Encoding: chunked", "X: a\r\n b", "X: a\r\n\tb", "X: a\r\n ",
        "Content-Length: 4\n",
        "Content-Length: 4\r", "X: a\rContent-Length: 4", "X: a\nContent-Length: 4", "X: a\r\r\nY: b", "X: a\u{0}b",
        "X\u{0}: a", "X: a\u{1}", "X: a\u{8}", "X: \u{7f}", "X\u{7f}: a", ": a", "X", "X a", "X@: a", "X(: a",
        "X\u{e9}: a",
        "Transfer-Encoding: xchunked", "Transfer-Encoding: chunkedx", "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: ",
        "Transfer-Encoding: ,chunked", "Transfer-Encoding: chunked,", "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked;q=1", "Transfer-Encoding: \"chunked\"", "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, gzip", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "Transfer-Encoding : chunked",
        "Transfer-Encoding:\r\n chunked", "Transfer_Encoding: chunked\r\n chunked", "Host: b", "host: a",
    ]

    @Test(arguments: smuggled) func isRefused(_ fields: String) {
        #expect(Self.parse("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n") == .rejected(400))
    }

    @Test func otherThingsThatAreNoRequest() {
        for text in [
            "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\rHost: a\r\r", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            let expected = text.hasPrefix("PRI") ? 505 : text.contains("\r\r") ? nil : 400
            #expect(Self.parse(text).status == expected, "\(text.debugDescription)")
        }
        for host in [
            "a b", "a,b", "a/b", "a@b", "a?b", "[::1", "::1", "a:b", "a:80:80", "[::1]x", "a\\b", "<a>", "[a/b]",
        ] {
            #expect(Self.parse("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") == .rejected(400), "\(host)")
        }
        for host in ["", "a", "a:", "a.b-c:80", "[::1]", "[::1]:80", "127.0.0.1:8080", "a_b", "xn--a~!$&'()*+;=%41"] {
            #expect(Self.parse("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").status == nil, "\(host)")
        }
    }

    @Test func limits() {
        let host = "Host: a\r\n\r\n"
        #expect(Self.parse("GET /" + String(repeating: "x", count: 8_192 - 14) + " HTTP/1.1\r\n" + host).status == nil)
        for end in [" HTTP/1.1\r\n" + host, ""] {
            #expect(Self.parse("GET /" + String(repeating: "x", count: 8_192) + end) == .rejected(414))
        }
        let line = "GET / HTTP/1.1\r\n"
        #expect(Self.parse(line + "X: " + String(repeating: "x", count: 32_000) + "\r\n" + host).status == nil)
        for end in ["\r\n" + host, ""] {
            #expect(Self.parse(line + "X: " + String(repeating: "x", count: 33_000) + end) == .rejected(431))
        }
        #expect(Self.parse(line + String(repeating: "X: y\r\n", count: 99) + host).status == nil)
        #expect(Self.parse(line + String(repeating: "X: y\r\n", count: 100) + host) == .rejected(431))
        #expect(Self.parse(line + String(repeating: "X:\r\n", count: 20_000)) == .rejected(431))
    }

    /// However the bytes are cut, the outcome is the same.
    @Test func piecesChangeNothing() {
        let texts =
            [
                "GET /a?b HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nRange: bytes=1-2\r\n\r\nGET",
                "\r\nHEAD / HTTP/1.0\r\n\r\n",
                "POST /form HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 12\r\nX: \u{e9}\u{20ac}\r\n\r\n",
            ] + Self.smuggled.map { "POST / HTTP/1.1\r\nHost: a\r\n\($0)\r\n\r\n" }
        var random = SystemRandomNumberGenerator()
        for text in texts.map({ Array($0.utf8) }) {
            let whole = Self.parse(text)
            #expect(Self.parse(text, inPieces: Array(repeating: 1, count: text.count)) == whole)
            for _ in 0..<5 {
                let sizes = (0..<text.count).map { _ in Int.random(in: 1...20, using: &random) }
                #expect(Self.parse(text, inPieces: sizes) == whole, "\(sizes)")
            }
        }
    }

    /// Any bytes at all come to one of the three ends.
    @Test func anyBytes() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n\u{0}\t:;,#%?".utf8)
        for _ in 0..<3_000 {
            let text = (0..<Int.random(in: 0..<80)).map { _ in alphabet.randomElement(using: &random)! }
            _ = Self.parse(Array("GET / HTTP/1.1\r\nHost: a\r\n".utf8) + text, inPieces: [3, 40, 5, 1, 1])
            _ = Self.parse(text, inPieces: [1, 2, 3])
        }
    }
}

extension HTTPRequestParserTests.Outcome {
    /// The status of a refusal.
    var status: Int? { if case .rejected(let status) = self { status } else { nil } }
}
