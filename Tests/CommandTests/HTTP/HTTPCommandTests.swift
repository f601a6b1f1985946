// `reactor http`, tried with clients that nobody here wrote: curl, wrk, ab, hey, and a browser.

import FoundationEssentials
import Subprocess
import SystemPackage
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct HTTPCommandTests {
    @Sendable static func isCurlHere() async -> Bool { await isHere("curl") }
    @Sendable static func isWrkHere() async -> Bool { await isHere("wrk") }
    @Sendable static func isApacheBenchHere() async -> Bool { await isHere("ab") }
    @Sendable static func isHeyHere() async -> Bool { await isHere("hey") }
    @Sendable static func isChromiumHere() async -> Bool { await isHere("chromium") }

    private static func isHere(_ name: String) async -> Bool {
        (try? await Executable.name(name).resolveExecutablePath(in: .inherit)) != nil
    }

    /// A folder of files, for the time of a test.
    private final class Site: Sendable {
        let path = "/tmp/reactor-http-test-\(UInt64.random(in: 0...UInt64.max))"
        static let large = [UInt8](repeating: 0x79, count: 3_000_000)

        init() throws {
            try FileManager.default.createDirectory(atPath: "\(path)/sub", withIntermediateDirectories: true)
            try write("1k.txt", [UInt8](repeating: 0x78, count: 1024))
            try write("large.bin", Self.large)
            // A page with an image: eight pixels wide, sixteen high, red.
            let image =
                "<svg xmlns='http://www.w3.org/2000/svg' width='8' height='16'><rect width='8' height='16' fill='red'/></svg>"
            try write("image.svg", Array(image.utf8))
            let script =
                "onload = () => document.title = 'image ' + images[0].naturalWidth + 'x' + images[0].naturalHeight"
            let page = "<!DOCTYPE html><title>no</title><img src='../image.svg'><script src='script.js'></script>"
            try write("sub/index.html", Array(page.utf8))
            try write("sub/script.js", Array(script.replacing("images", with: "document.images").utf8))
        }

        private func write(_ name: String, _ bytes: [UInt8]) throws {
            let file = try FileDescriptor.open(
                FilePath("\(path)/\(name)"), .writeOnly, options: [.create], permissions: [.ownerReadWrite, .otherRead])
            _ = try file.closeAfter { try file.writeAll(bytes) }
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private static func serve(
        _ options: [String] = [], _ body: @escaping @Sendable (RunningServer, Site) async throws -> Void
    ) async throws -> Program.Outcome {
        let site = try Site()
        return try await RunningServer.run(command: ["http", site.path], options) { try await body($0, site) }
    }

    /// Runs a client to its end, and answers its output.
    private static func client(_ name: String, _ arguments: [String]) async throws -> String {
        let outcome = try await Program.run(.name(name), arguments)
        #expect(outcome.status == .exited(0), "\(outcome.error)")
        return outcome.output
    }

    private static func curl(_ arguments: String...) async throws -> String {
        try await client("curl", ["-sS"] + arguments)
    }

    @Test(.enabled("there is no curl", isCurlHere), arguments: ["epoll-et", "poll"])
    func servesCurl(_ backend: String) async throws {
        let outcome = try await Self.serve(["--form", "/form", "--list", "--backend", backend]) { server, site in
            let url = "http://\(server.address)"
            #expect(try await Self.curl("\(url)/1k.txt") == String(repeating: "x", count: 1024))
            let head = try await Self.curl("-I", "\(url)/1k.txt")
            #expect(head.contains("Content-Length: 1024\r\n"))
            let tag = try #require(head.split(separator: "\r\n").first { $0.hasPrefix("ETag: ") }).dropFirst(6)
            let status = ["-o", "/dev/null", "-w", "%{http_code} %{size_download} %{num_connects}\n"]
            let again = try await Self.client(
                "curl", ["-sS", "-H", "If-None-Match: \(tag)"] + status + ["\(url)/1k.txt"])
            #expect(again == "304 0 1\n")
            let part = try await Self.client("curl", ["-sS", "-r", "1000000-"] + status + ["\(url)/large.bin"])
            #expect(part == "206 2000000 1\n")
            // Two at a time over one connection, the second of a directory by way of its redirect.
            let two = try await Self.client(
                "curl", ["-sSL"] + status + ["\(url)/large.bin", "-o", "/dev/null", "\(url)/sub"])
            #expect(two.hasPrefix("200 3000000 1\n200 ") && two.hasSuffix(" 0\n"), "\(two)")
            let form = try await Self.curl("-H", "Transfer-Encoding: chunked", "-d", "name=<b>&x=%C3%A9", "\(url)/form")
            #expect(form.contains("<dt>name</dt><dd>&lt;b&gt;</dd>\n<dt>x</dt><dd>é</dd>"))
            let waits = try await Self.curl("-H", "Expect: 100-continue", "-d", "a=b", "\(url)/form")
            #expect(waits.contains("<dt>a</dt><dd>b</dd>"))
            #expect(try await Self.curl("-0", "\(url)/1k.txt").count == 1024)
            #expect(try await Self.curl("--path-as-is", "\(url)/../../etc/passwd").hasPrefix("400 Bad Request"))
            #expect(try await Self.curl("\(url)/").contains("<a href=\"./sub/\">"))
        }
        #expect(outcome.status == .exited(0))
        #expect(
            outcome.output.hasPrefix("served 10 connections (0 refused), 11 requests processed, 1 rejected"),
            "\(outcome.output)")
        #expect(outcome.error == "")
    }

    @Test(.enabled("there is no wrk", isWrkHere)) func servesWrk() async throws {
        _ = try await Self.serve(["--loops", "2"]) { server, _ in
            let output = try await Self.client("wrk", ["-t1", "-c32", "-d1s", "http://\(server.address)/1k.txt"])
            #expect(output.contains("Requests/sec"))
            #expect(!output.contains("Socket errors") && !output.contains("Non-2xx"), "\(output)")
        }
    }

    @Test(.enabled("there is no ab", isApacheBenchHere), arguments: [[], ["-k"]])
    func servesApacheBench(_ options: [String]) async throws {
        _ = try await Self.serve { server, _ in
            let output = try await Self.client(
                "ab", ["-q", "-c", "16", "-n", "1000"] + options + ["http://\(server.address)/1k.txt"])
            #expect(
                output.contains(#/Complete requests: +1000\n/#) && output.contains(#/Failed requests: +0\n/#),
                "\(output)")
        }
    }

    @Test(.enabled("there is no hey", isHeyHere)) func servesHey() async throws {
        _ = try await Self.serve { server, _ in
            let output = try await Self.client("hey", ["-c", "10", "-n", "1000", "http://\(server.address)/1k.txt"])
            #expect(output.contains("[200]\t1000 responses"), "\(output)")
        }
    }

    /// The page's script says how large the image is that came with it.
    @Test(.enabled("there is no chromium", isChromiumHere)) func showsAPageInABrowser() async throws {
        _ = try await Self.serve { server, site in
            let output = try await Self.client(
                "chromium",
                [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                    "--virtual-time-budget=5000",
                    "--user-data-dir=\(site.path)/profile", "--dump-dom", "http://\(server.address)/sub",
                ])
            #expect(output.contains("<title>image 8x16</title>"), "\(output)")
        }
    }

    @Test func saysWhatIsWrongInOneLine() async throws {
        for (arguments, status, words) in [
            (["http"], 64, "directory"), (["http", "/nothing/here"], 1, "no such directory"),
            (["http", "/dev/null"], 1, "not a directory"),
            (["http", "/tmp", "--form", "form"], 64, "begins with a slash"),
            (["http", "/tmp", "--max-body", "0"], 64, "at least 1"),
        ] as [([String], Int32, String)] {
            let outcome = try await Program.run(Program.reactor, arguments)
            #expect(outcome.status == .exited(status))
            #expect(outcome.errorLines.count == 1 && outcome.error.contains(words), "\(outcome.error)")
        }
    }
}
