// Real directories: that no path and no link leads out of one, that only regular files are opened, and what a listing shows.

import FoundationEssentials
import Glibc
import Reactor
import ServedFiles
import SystemPackage
import Testing

@testable import ReactorHTTP

/// A folder with a file to be served, and secrets beside it.
private final class SiteTree {
    let path: String
    /// What must not be seen.
    static let secret = "the secret"

    init() throws {
        var name = Array("/tmp/reactor-http-XXXXXX".utf8CString)
        path = unsafe String(cString: mkdtemp(&name)!)
        for folder in ["root", "root/sub", "root-beside", "outside"] { unsafe mkdir("\(path)/\(folder)", 0o755) }
        try write("root/file.txt", "public")
        try write("root/sub/<b>&.txt", "public")
        try write("root/sub/line\nbreak", "public")
        try write("root/.hidden", "public")
        for place in ["secret", "outside/secret", "root-beside/secret"] { try write(place, Self.secret) }
        for (link, target) in [
            ("inside", "file.txt"), ("inside-sub", "sub"), ("up", ".."), ("up-secret", "../secret"),
            ("absolute", "\(path)/secret"), ("absolute-folder", "\(path)/outside"), ("etc", "/etc"),
            ("passwd", "/etc/passwd"),
            ("slash", "/"), ("loop", "loop"), ("chain", "up"), ("sub/up", "../.."), ("sub/back", "../file.txt"),
            ("sub/deep", "../../outside/secret"), ("proc", "/proc/self/root"), ("cwd", "/proc/self/cwd"),
            ("null", "/dev/null"),
            ("dangling", "nothing"), ("beside", "../root-beside"), ("zero", "/dev/zero"),
        ] { unsafe symlink(target, "\(path)/root/\(link)") }
        unsafe mkfifo("\(path)/root/fifo", 0o644)
        unsafe mknod("\(path)/root/device", S_IFCHR | 0o644, 0x103)  // /dev/null; for root only
        let socket = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: "\(path)/root/socket".utf8) }
        _ = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(socket)
    }

    private func write(_ name: String, _ text: String) throws {
        let file = try FileDescriptor.open(
            FilePath("\(path)/\(name)"), .writeOnly, options: [.create], permissions: [.ownerReadWrite, .otherRead])
        try file.closeAfter { _ = try file.writeAll(text.utf8) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

@Suite(.timeLimit(.minutes(20))) struct HTTPDirectoryTests {
    /// Asks a server for a target, without a network in between.
    private static func get(_ target: String, _ server: HTTPFileServer) throws -> HTTPTestResponse {
        let bytes = Array("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var parser = HTTPRequestParser()
        do throws(HTTPRequestError) {
            guard unsafe try parser.parse(bytes.span.bytes) else { return HTTPTestResponse() }
            let response = unsafe try server.response(
                to: parser.head, bytes.span.bytes, content: [], closes: false, at: MonotonicTime(nanoseconds: 1))
            switch consume response {
            case .bytes(let bytes): return try! HTTPTestResponse.all(bytes)[0]
            case .file: preconditionFailure("no file here is so large")
            }
        } catch {
            return HTTPTestResponse(status: error.status)
        }
    }

    private static func server(_ tree: SiteTree, lists: Bool = false) throws -> HTTPFileServer {
        var options = HTTPFileServer.Options()
        options.listsDirectories = lists
        return HTTPFileServer(
            try ServedDirectory(FilePath("\(tree.path)/root")), kernel: LinuxKernel.shared, options: options)
    }

    /// Paths that lead out of the directory, or try to.
    private static let ways: [String] = {
        let dots = [
            "..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "..%00", "...", ". .", "..;", "%c0%ae%c0%ae", "%uff0e%uff0e",
            "..%c0%af",
        ]
        let slashes = ["/", "//", "/./", "%2f", "%2F", "\\", "%5c", "%252f", "/%2e/"]
        var ways = dots.flatMap { dot in slashes.map { slash in "/\(dot)\(slash)secret" } }
        ways += dots.map { "/sub/\($0)/\($0)/secret" }
        for link in [
            "up/secret", "up-secret", "absolute", "absolute-folder/secret", "etc/passwd", "passwd", "slash/etc/passwd",
            "loop",
            "chain/secret", "sub/up/secret", "sub/deep", "proc/etc/passwd", "cwd/Package.swift", "null", "zero",
            "dangling",
            "beside/secret", "up/root/file.txt", "up", "etc", "slash", "fifo", "device", "socket", "fifo/",
            "sub/up/root/sub/back",
        ] { ways.append("/\(link)") }
        ways += [
            "/../../../../../../etc/passwd", "//etc/passwd", "///secret", "/file.txt/../../secret", "/file.txt%00.html",
        ]
        ways += [
            "/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/-beside/secret", "/../root-beside/secret", "/..%5csecret",
            "/sub/../../secret",
        ]
        return ways
    }()

    @Test func noWayLeadsOut() throws {
        let tree = try SiteTree()
        let server = try Self.server(tree, lists: true)
        #expect(Self.ways.count >= 80)
        for way in Self.ways {
            let response = try Self.get(way, server)
            #expect([400, 404].contains(response.status), "\(way): \(response.status)")
            #expect(!response.text.contains(SiteTree.secret) && !response.text.contains("root:"), "\(way)")
        }
    }

    @Test func whatIsThereIsServed() throws {
        let tree = try SiteTree()
        let server = try Self.server(tree)
        for way in [
            "/file.txt", "/inside", "/sub/back", "/inside-sub/back", "//file.txt", "/.hidden", "/sub/%3cb%3e%26.txt",
        ] {
            #expect(try Self.get(way, server).text == "public", "\(way)")
        }
        #expect(try Self.get("/inside-sub", server).fields["location"] == "/inside-sub/")
        #expect(try Self.get("/", server).status == 404, "nothing is listed by default")
        if getuid() != 0 {
            unsafe chmod("\(tree.path)/root/file.txt", 0)
            #expect(try Self.get("/file.txt?", server).status == 403)
        }
    }

    @Test func aListing() throws {
        let tree = try SiteTree()
        let server = try Self.server(tree, lists: true)
        let root = try Self.get("/", server).text
        #expect(root.contains("<a href=\"./file.txt\">file.txt</a>") && root.contains("<a href=\"./sub/\">sub/</a>"))
        #expect(!root.contains("hidden") && !root.contains("../"))
        let sub = try Self.get("/sub/", server).text
        #expect(sub.contains("<a href=\"./%3Cb%3E%26.txt\">&lt;b&gt;&amp;.txt</a>") && sub.contains("href=\"../\""))
        // Its request would be refused.
        #expect(sub.contains("<li>line\\x0abreak</li>") && !sub.contains("%0A"))
        #expect(try Self.get("/fifo/", server).status == 404)
        #expect(try Self.get("/up/", server).status == 404)
    }
}
