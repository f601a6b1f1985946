// Files as responses: conditions, ranges, redirects, and the cache.

import Reactor
import ReactorTesting
import ServedFiles
import Testing

@testable import ReactorHTTP

@Suite(.timeLimit(.minutes(20))) struct HTTPFilesTests {
    private static let modified = "Tue, 14 Nov 2023 22:13:20 GMT"

    @Test(arguments: ["/small.txt", "/large.bin"]) func conditions(_ path: String) throws {
        let world = try HTTPWorld()
        let first = try world.get(path)
        let tag = try #require(first.fields["etag"])
        #expect(first.status == 200 && first.fields["last-modified"] == Self.modified)
        #expect(first.fields["date"] == "Fri, 15 Jan 2027 08:00:00 GMT")
        for (field, status) in [
            ("If-None-Match: \(tag)", 304), ("If-None-Match: W/\(tag)", 304), ("If-None-Match: *", 304),
            ("If-None-Match: \"x\", \(tag)", 304), ("If-None-Match: \"x\"", 200),
            ("If-None-Match: \"x\"\r\nIf-Modified-Since: \(Self.modified)", 200),
            ("If-None-Match: \"x\"\r\nIf-None-Match: \(tag)", 304), ("If-Modified-Since: \(Self.modified)", 304),
            ("If-Modified-Since: Tuesday, 14-Nov-23 22:13:20 GMT", 304),
            ("If-Modified-Since: Tue Nov 14 22:13:20 2023", 304),
            ("If-Modified-Since: Tue, 14 Nov 2023 22:13:19 GMT", 200), ("If-Modified-Since: yesterday", 200),
            ("If-Match: \(tag)", 200), ("If-Match: *", 200), ("If-Match: W/\(tag)", 412), ("If-Match: \"x\"", 412),
            ("If-Unmodified-Since: \(Self.modified)", 200), ("If-Unmodified-Since: Tue, 14 Nov 2023 22:13:19 GMT", 412),
            ("If-Match: \"x\"\r\nIf-None-Match: \(tag)", 412), ("Range: bytes=0-1\r\nIf-Range: \(tag)", 206),
            ("Range: bytes=0-1\r\nIf-Range: W/\(tag)", 200), ("Range: bytes=0-1\r\nIf-Range: \"x\"", 200),
            ("Range: bytes=0-1\r\nIf-Range: \(Self.modified)", 206),
            ("Range: bytes=0-1\r\nIf-Range: Tue, 14 Nov 2023 22:13:21 GMT", 200),
        ] {
            let response = try world.get(path, "GET", field)
            #expect(response.status == status, "\(field)")
            if status == 304 { #expect(response.fields["etag"] == tag && response.content.isEmpty) }
        }
        let head = try world.get(path, "HEAD", "Range: bytes=0-1")
        #expect(head.status == 200 && head.fields["content-length"] == first.fields["content-length"])
        #expect(try world.get(path, "HEAD", "If-None-Match: *").status == 304)
        try world.simulation.check()
    }

    @Test(arguments: ["/small.txt", "/large.bin"]) func ranges(_ path: String) throws {
        let world = try HTTPWorld()
        let all = path == "/small.txt" ? HTTPWorld.small : HTTPWorld.large
        let size = all.count
        for (range, part) in [
            ("0-0", 0..<1), ("5-8", 5..<9), ("5-", 5..<size), ("-3", size - 3..<size), ("-999999999", 0..<size),
            ("5-99999999999999999999999", 5..<size), (" 1-2 ,", 1..<3), ("\(size - 1)-", size - 1..<size),
        ] {
            let response = try world.get(path, "GET", "Range: bytes=\(range)")
            #expect(response.status == 206 && response.content == Array(all[part]), "\(range)")
            #expect(response.fields["content-range"] == "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)")
        }
        for range in ["\(size)-", "-0", "99999999999999999999999-"] {
            let response = try world.get(path, "GET", "Range: bytes=\(range)")
            #expect(response.status == 416 && response.fields["content-range"] == "bytes */\(size)", "\(range)")
        }
        // Several, other units, and what is none: the whole file.
        for range in [
            "bytes=0-1,3-4", "lines=1-2", "bytes=2-1", "bytes=", "bytes=-", "bytes=a-b", "bytes=+1-2", "bytes 0-1",
        ] {
            let response = try world.get(path, "GET", "Range: \(range)")
            #expect(response.status == 200 && response.content == all, "\(range)")
        }
        #expect(try world.get("/empty", "GET", "Range: bytes=0-").status == 416)
        try world.simulation.check()
    }

    @Test func paths() throws {
        let world = try HTTPWorld()
        #expect(try world.get("/a%20b.txt").text == "blank")
        #expect(try world.get("/%73mall.txt?query").content == HTTPWorld.small)
        #expect(try world.get("/folder/").content == HTTPWorld.page)
        #expect(try world.get("/folder/").fields["content-type"] == "text/html; charset=utf-8")
        #expect(try world.get("/folder").fields["location"] == "/folder/")
        #expect(try world.get("/folder?a=b").fields["location"] == "/folder/?a=b")
        // Two slashes at the beginning would name another host.
        #expect(try world.get("//folder").fields["location"] == "/folder/")
        for path in ["/", "/bare/", "/nothing", "/small.txt/", "/small.txt/x"] {
            #expect(try world.get(path).status == 404, "\(path)")
        }
        for (method, status, allow) in [
            ("OPTIONS", 204, "GET, HEAD, OPTIONS"), ("PUT", 405, "GET, HEAD, OPTIONS"),
            ("POST", 405, "GET, HEAD, OPTIONS"),
            ("TRACE", 405, "GET, HEAD, OPTIONS"), ("BREW", 501, nil),
        ] {
            let response = try world.get("/small.txt", method)
            #expect(response.status == status && response.fields["allow"] == allow, "\(method)")
        }
        #expect(try world.get("/form", "OPTIONS").fields["allow"] == "GET, HEAD, POST, OPTIONS")
        #expect(try world.get("/form").text.contains("<form"))
        try world.simulation.check()
    }

    /// A file is opened once, looked at once a second, and read again when it has changed.
    @Test func theCache() throws {
        let world = try HTTPWorld()
        let client = world.simulation.connect()
        func get() throws -> String {
            let before = client.received.count
            client.write("GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n")
            try world.simulation.run { client.received.count > before }
            return try #require(try HTTPTestResponse.all(Array(client.received[before...])).first).text
        }
        for _ in 0..<10 { #expect(try get() == "hello, world\n") }
        #expect(world.files.opened == 1)
        world.files.files["small.txt"] = .init(bytes: Array("changed".utf8), modified: 1_700_000_001)
        #expect(try get() == "hello, world\n")
        try world.simulation.run(for: .seconds(1))
        #expect(try get() == "changed")
        #expect(world.files.opened == 3, "looked at, and read")
        world.files.files["small.txt"] = nil
        try world.simulation.run(for: .seconds(1))
        #expect(try get() == "404 Not Found\n")
        try world.simulation.check()
    }

    @Test func theCacheIsBounded() throws {
        let cache = FileCache()
        let clock = HTTPClock { (HTTPWorld.now, 0) }
        clock.update(at: MonotonicTime(nanoseconds: 1))
        for number in 0..<3_000 {
            let path = Array("/\(number)".utf8)
            let facts = HTTPFileFacts(path, FileVersion(size: 60_000, modified: (1, 1)))
            let content = [UInt8](repeating: 1, count: 60_000)
            cache.insert(
                CachedFile(path, facts, content: content, clock, checked: MonotonicTime(nanoseconds: Int64(number))))
            #expect(cache.byteCount <= FileCache.memory)
            let isThere = unsafe cache.file(path.span.bytes, 0..<path.count) != nil
            #expect(isThere)
        }
        #expect(cache.byteCount > FileCache.memory - 70_000)
    }

    /// The date is rewritten once per second, also in prepared responses.
    @Test func theDate() {
        var time = (HTTPWorld.now, 999_999_999)
        let clock = HTTPClock { time }
        clock.update(at: MonotonicTime(nanoseconds: 1_000))
        #expect(clock.text == Array("Fri, 15 Jan 2027 08:00:00 GMT".utf8))
        let facts = HTTPFileFacts([], FileVersion(size: 1, modified: (1, 1)))
        let file = CachedFile([], facts, content: [65], clock, checked: MonotonicTime(nanoseconds: 0))
        time = (HTTPWorld.now + 1, 0)
        clock.update(at: MonotonicTime(nanoseconds: 1_000))
        #expect(clock.seconds == HTTPWorld.now)
        clock.update(at: MonotonicTime(nanoseconds: 1_001))
        file.update(clock)
        #expect(String(decoding: file.response, as: UTF8.self).contains("Date: Fri, 15 Jan 2027 08:00:01 GMT\r\n"))
        #expect(String(decoding: file.closingHead, as: UTF8.self).contains("Date: Fri, 15 Jan 2027 08:00:01 GMT\r\n"))
        #expect(file.response.last == 65)
    }

    @Test func dates() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"), (.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (.min, "Mon, 01 Jan 0001 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] { #expect(String(decoding: HTTPDate.text(seconds), as: UTF8.self) == text) }
        func parse(_ text: String) -> Int? {
            let bytes = Array(text.utf8)
            return unsafe HTTPDate.parse(bytes.span.bytes, 0..<bytes.count, now: HTTPWorld.now)
        }
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            #expect(parse(text) == 784_111_777)
        }
        for text in [
            "", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, +6 Nov 1994 08:49:37 GMT", "06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 99999 08:49:37 GMT", "1",
            "a b c d e",
            "Sun, 06 Nov 1994 08:49 GMT", String(repeating: "9", count: 10_000),
        ] { #expect(parse(text) == nil, "\(text.prefix(50))") }
    }
}
