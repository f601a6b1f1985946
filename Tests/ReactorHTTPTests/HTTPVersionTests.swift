// A file that was replaced is served as it is now, whatever its size and its time claim; and what is served without a
// descriptor.

import Glibc
import Reactor
import ReactorTesting
import ServedFiles
import SystemPackage
import TestSupport
import Testing

@testable import ReactorHTTP

@Suite(.timeLimit(.minutes(20))) struct HTTPVersionTests {
    /// Asks on the simulated kernel, and again a second later, when something of the file has changed.
    @Test(arguments: ["inode", "change of the status", "nanoseconds of it", "time", "size"])
    func anyPartOfAVersionCounts(_ part: String) throws {
        let world = try HTTPWorld()
        let first = try world.get("/small.txt")
        var file = try #require(world.files.files["small.txt"])
        file.bytes = Array("HELLO, WORLD\n".utf8)
        switch part {
        case "inode": file.inode = 2
        case "change of the status": file.changed.seconds += 1
        case "nanoseconds of it": file.changed.nanoseconds += 1
        case "time": file.modified -= 1
        default: file.bytes.append(1)
        }
        world.files.files["small.txt"] = file
        try world.simulation.run(for: .seconds(1))
        let second = try world.get("/small.txt")
        #expect(second.content == file.bytes)
        #expect(second.fields["etag"] != first.fields["etag"])
        let tag = first.fields["etag"] ?? ""
        #expect(try world.get("/small.txt", "GET", "If-None-Match: \(tag)").status == 200)
        #expect(try world.get("/small.txt", "GET", "Range: bytes=0-1", "If-Range: \(tag)").status == 200)
        try world.simulation.check()
    }

    /// A change in the tick of the clock in which the file was read leaves no trace: it is read again until that is over.
    @Test func aFileThatWasChangedThisMomentIsReadAgain() throws {
        let world = try HTTPWorld()
        world.files.files["small.txt"]?.changed.seconds = HTTPWorld.now
        #expect(try world.get("/small.txt").content == HTTPWorld.small)
        world.files.files["small.txt"]?.bytes = Array("HELLO, WORLD\n".utf8)
        try world.simulation.run(for: .seconds(1))
        #expect(try world.get("/small.txt").text == "HELLO, WORLD\n")
        try world.simulation.check()
    }

    /// An older file in place of a newer one: a date in between is no reason for "not modified".
    @Test func anOlderFileIsAnotherFile() throws {
        let world = try HTTPWorld()
        for path in ["/small.txt", "/large.bin"] {
            let later = "If-Modified-Since: Tue, 14 Nov 2023 22:13:21 GMT"
            #expect(try world.get(path, "GET", later).status == 200)
        }
        try world.simulation.check()
    }

    // MARK: Descriptors

    @Test func aCachedFileNeedsNoDescriptor() throws {
        let world = try HTTPWorld()
        #expect(try world.get("/small.txt").status == 200)
        world.files.failure = FileAccessError(Errno.tooManyOpenFiles)
        try world.simulation.run(for: .seconds(5))
        #expect(try world.get("/small.txt").content == HTTPWorld.small)
        // What was not read needs one.
        let refused = try world.get("/a%20b.txt")
        #expect(refused.status == 503 && refused.fields["retry-after"] == "1")
        #expect(refused.text == "503 Service Unavailable: too many files are open; try again later\n")
        world.files.failure = nil
        #expect(try world.get("/a%20b.txt").status == 200)
        try world.simulation.check()
    }

    /// Downloads that are not read take places; when all are taken, only what needs one is refused, until one is free again.
    @Test(arguments: Backend.all) func filesOnTheirWayAreCounted(_ backend: Backend) throws {
        let budget = FileBudget(3)
        let world = try HTTPWorld(backend: backend) { $0.openFiles = budget }
        world.files.files["large.bin"]?.bytes = [UInt8](repeating: 1, count: 3_000_000)
        let stalled = (0..<3).map { _ in world.simulation.connect() }
        for client in stalled {
            client.stall()
            client.write("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        }
        try world.simulation.run { budget.openFiles == 3 }
        #expect(try world.get("/large.bin").status == 503)
        #expect(try world.get("/large.bin", "GET", "Range: bytes=0-1").status == 503)
        #expect(try world.get("/large.bin", "HEAD").status == 200)
        #expect(try world.get("/large.bin", "GET", "If-None-Match: *").status == 304)
        #expect(try world.get("/small.txt").status == 200)
        stalled[0].reset()
        try world.simulation.run { budget.openFiles == 2 }
        #expect(try world.get("/large.bin").status == 200)
        for client in stalled { client.reset() }
        try world.simulation.run { budget.openFiles == 0 }
        try world.simulation.check()
    }

    // MARK: Slow bodies

    private static let post = "POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"

    @Test(arguments: Backend.all) func aBodyThatDripsInIsTooSlow(_ backend: Backend) throws {
        let world = try HTTPWorld(backend: backend) { $0.limits.formBytes = 1_000_000 }
        let client = world.simulation.connect()
        client.write(Self.post + "Content-Length: 60000\r\n\r\n")
        let begin = world.simulation.now
        for _ in 0..<20 where !client.isOver {
            client.write("a")
            try world.simulation.run(for: .seconds(2))
        }
        #expect(client.isOver && client.text.hasPrefix("HTTP/1.1 408 "))
        #expect(begin.duration(to: world.simulation.now) <= .seconds(34))
        try world.simulation.check()
    }

    @Test func aBodyThatKeepsTheRateMayTakeLong() throws {
        let world = try HTTPWorld { $0.limits.formBytes = 1_000_000 }
        let client = world.simulation.connect()
        client.write(Self.post + "Content-Length: 60002\r\nConnection: close\r\n\r\na=")
        // 600 bytes per second, for 100 s.
        for _ in 0..<100 {
            client.write(String(repeating: "b", count: 600))
            try world.simulation.run(for: .seconds(1))
        }
        try world.simulation.run { client.isOver }
        #expect(client.text.hasPrefix("HTTP/1.1 200 "), "\(client.text.prefix(200))")
        try world.simulation.check()
    }

    @Test func theRateIsTakenLiterally() {
        let start = MonotonicTime(nanoseconds: 5)
        var clock = UploadClock(MinimumRate(), at: start)
        #expect(clock.deadline == start.advanced(by: .seconds(30)))
        clock.received(250)
        clock.received(500)
        #expect(clock.deadline == start.advanced(by: .milliseconds(31_500)))
        for (rate, grace) in [(0, Duration.seconds(-1)), (-1, .zero), (.min, .seconds(Int64.min)), (1, .zero)] {
            var clock = UploadClock(MinimumRate(bytesPerSecond: rate, grace: grace), at: start)
            clock.received(2)
            #expect(clock.deadline == start.advanced(by: .seconds(2)), "one byte per second is the least")
        }
        var endless = UploadClock(MinimumRate(bytesPerSecond: .max, grace: .seconds(Int64.max)), at: start)
        endless.received(.max)
        #expect(endless.deadline == .never)
    }

    // MARK: On a real file system

    /// Ways to replace a file so that its size and its time stay the same.
    @Test(arguments: ["rename over", "in place", "link swapped", "link to link"])
    func equalSizeAndTimeAreNoReasonToServeTheOldFile(_ way: String) throws {
        let tree = try ServedTree()
        let name = way.hasPrefix("link") ? "current" : "page"
        try tree.write("root/page", "old contents")
        try tree.write("root/next", "new contents")
        for file in ["page", "next"] { Self.age("\(tree.root)/\(file)") }
        if way == "link swapped" { tree.link("root/current", "page") }
        if way == "link to link" {
            tree.link("root/hop", "page")
            tree.link("root/current", "hop")
        }
        let world = try RealFiles(tree)
        let before = try world.get("/\(name)")
        #expect(before.text == "old contents")
        switch way {
        case "rename over": tree.rename("root/next", to: "root/page")
        case "in place":
            try tree.write("root/page", "new contents")
            Self.age("\(tree.root)/page")
        case "link swapped":
            tree.link("root/swap", "next")
            tree.rename("root/swap", to: "root/current")
        default:
            tree.link("root/swap", "next")
            tree.rename("root/swap", to: "root/hop")
        }
        try world.simulation.run(for: .seconds(1))
        let after = try world.get("/\(name)")
        #expect(after.text == "new contents" && after.fields["last-modified"] == before.fields["last-modified"])
        #expect(after.fields["etag"] != before.fields["etag"])
    }

    /// Sets a file's time to the beginning of 2020.
    private static func age(_ path: String) {
        var times = [timespec(tv_sec: 1_577_836_800, tv_nsec: 5), timespec(tv_sec: 1_577_836_800, tv_nsec: 5)]
        #expect(unsafe utimensat(AT_FDCWD, path, &times, 0) == 0)
    }

    /// Names that are not UTF-8 are shown, and their links lead to them.
    @Test func namesThatAreNotUTF8AreListedEscaped() throws {
        let tree = try ServedTree()
        let directory = try ServedDirectory(FilePath(tree.root))
        let file = try directory.create(Array("dir/".utf8) + [0x61, 0xff, 0xc3])
        _ = try file.descriptor.writeAll("odd".utf8)
        try file.commit(replacing: false)
        let names = try #require(DirectoryNames.read(Array("/dir/".utf8), in: directory))
        let page = names.page(of: Array("/dir/".utf8))
        #expect(page.contains("<a href=\"./a%FF%C3\">a\\xff\\xc3</a>"), "\(page)")
        let root = try #require(DirectoryNames.read(Array("/".utf8), in: directory)).page(of: Array("/".utf8))
        #expect(root.contains("new\\x0aline") && !root.contains("new%0A") && root.contains(">ü</a>"))
        #expect(FileName.text([0xe2, 0x82, 0xac, 0xe2, 0x82]) == "€\\xe2\\x82")
        #expect(FileName.text([0x7f, 0xc2, 0x85, 0xed, 0xa0, 0x80]) == "\\x7f\\xc2\\x85\\xed\\xa0\\x80")
    }
}

/// A file server on the simulated network, with the files of a real directory in memory: read from there whenever they are
/// opened.
private final class RealFiles: FileStore {
    let simulation: Simulation
    private let directory: ServedDirectory

    init(_ tree: ServedTree) throws {
        simulation = try Simulation(seed: 1)
        directory = try ServedDirectory(FilePath(tree.root))
        let clock = HTTPClock { (HTTPWorld.now, 0) }
        var made: HTTPFileServer?
        try simulation.listen { _ in HTTPSession(made!) }
        made = HTTPFileServer(self, kernel: simulation.kernel, options: .init(), clock: clock)
    }

    func open(_ path: [UInt8]) throws(FileAccessError) -> ServedFile {
        let file = try directory.open(path)
        let version = file.version
        let text = ServedTree.text(of: file.descriptor.fd)
        file.close()
        return ServedFile(OwnedDescriptor(simulation.kernel.openFile(Array(text.utf8))), version)
    }

    func get(_ path: String) throws -> HTTPTestResponse {
        let client = simulation.connect()
        client.write("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        try simulation.run { client.isOver }
        return try #require(try HTTPTestResponse.all(client.received).last)
    }
}
