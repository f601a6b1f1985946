// Making files in a served directory: they are whole when they are there, gone when they are not, and nowhere else.

import Glibc
import Reactor
import ServedFiles
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct WritingTests {
    private static func make(
        _ path: String, _ text: String = "new", replacing: Bool = false, in directory: ServedDirectory
    ) throws(FileAccessError) {
        let file = try directory.create(Array(path.utf8))
        _ = try? file.descriptor.writeAll(text.utf8)
        try file.commit(replacing: replacing, isDurable: true)
    }

    private static func kind(_ body: () throws(FileAccessError) -> Void) -> FileAccessError.Kind? {
        do throws(FileAccessError) { try body() } catch { return error.kind }
        return nil
    }

    @Test func aFileIsThereWhenItIsComplete() throws {
        let tree = try ServedTree()
        let directory = try ServedDirectory(FilePath(tree.root))
        let file = try directory.create(Array("dir/fresh".utf8))
        try file.descriptor.writeAll("fresh".utf8)
        #expect(tree.read("root/dir/fresh") == nil)
        #expect(try directory.entries(of: Array("dir".utf8), limit: 100).0.map(\.name) == Self.dirNames)
        try file.commit(replacing: false)
        #expect(tree.read("root/dir/fresh") == "fresh")
        #expect(tree.names(in: "root/dir").allSatisfy { !$0.hasPrefix(".reactor-") })
    }

    private static let dirNames = ["absolute-up", "back", "deep", "nested", "round", "sneak", "up"].map {
        Array($0.utf8)
    }

    @Test func oneThatIsDiscardedLeavesNothing() throws {
        let tree = try ServedTree()
        let before = tree.names(in: "root")
        let file = try ServedDirectory(FilePath(tree.root)).create(Array("fresh".utf8))
        #expect(tree.names(in: "root").count == before.count + 1)
        file.discard()
        #expect(tree.names(in: "root") == before)
    }

    @Test func whatIsThereStaysUnlessItIsToBeReplaced() throws {
        let tree = try ServedTree()
        let directory = try ServedDirectory(FilePath(tree.root))
        let before = tree.names(in: "root")
        #expect(Self.kind { () throws(FileAccessError) in try Self.make("plain", in: directory) } == .exists)
        #expect(tree.read("root/plain") == "plain")
        try Self.make("plain", replacing: true, in: directory)
        #expect(tree.read("root/plain") == "new")
        // Neither a link, nor a pipe, nor a directory is replaced, and nothing is written through a link.
        for name in ["out", "in", "dangling", "pipe", "socket", "dir", "null"] {
            #expect(
                Self.kind { () throws(FileAccessError) in try Self.make(name, replacing: true, in: directory) }
                    == .noFile)
            #expect(Self.kind { () throws(FileAccessError) in try Self.make(name, in: directory) } == .exists)
        }
        #expect(tree.read("secret") == ServedTree.secret)
        #expect(tree.names(in: "root") == before)
    }

    @Test(arguments: [
        "../new", "/../new", "dir/../../new", "up/new", "out-dir/new", "dir/up/new", "absolute/new", "slash/tmp/new",
        "dir/absolute-up/new", "process/new", "nothing/new", "plain/new", "loop/new", "pipe/new", "dangling/new",
        "", "/", ".", "..", "dir/", "dir/.", "dir/..", "new/", "a\0b", "\0", "../../../../../../tmp/new",
    ]) func noNameLeadsOut(_ path: String) throws {
        let tree = try ServedTree()
        let directory = try ServedDirectory(FilePath(tree.root))
        let before = ["", "root", "outside", "root/dir"].map(tree.names)
        let kind = Self.kind { () throws(FileAccessError) in try Self.make(path, replacing: true, in: directory) }
        #expect(kind == .notFound || kind == .invalidName, "\(path)")
        #expect(["", "root", "outside", "root/dir"].map(tree.names) == before)
    }

    @Test func aLinkThatIsSwappedInLeadsNowhere() throws {
        let tree = try ServedTree()
        let directory = try ServedDirectory(FilePath(tree.root))
        let file = try directory.create(Array("dir/fresh".utf8))
        tree.rename("root/dir", to: "root/moved")
        tree.link("root/dir", "../outside")
        try file.commit(replacing: true)
        #expect(tree.names(in: "outside") == ["file"])
        #expect(tree.read("root/moved/fresh") != nil)
        // Removing takes the link away and not what it leads to.
        try directory.remove(Array("in".utf8))
        #expect(tree.read("root/plain") == "plain")
        #expect(Self.kind { () throws(FileAccessError) in try directory.remove(Array("dir/file".utf8)) } == .notFound)
        #expect(Self.kind { () throws(FileAccessError) in try directory.remove(Array("moved".utf8)) } == .noFile)
        #expect(tree.read("outside/file") == ServedTree.secret)
    }

    @Test func listsWhatIsThere() throws {
        let tree = try ServedTree()
        let directory = try ServedDirectory(FilePath(tree.root))
        let (entries, hasMore) = try directory.entries(of: [], limit: 1000)
        #expect(!hasMore && entries.count == tree.names(in: "root").count)
        let plain = try #require(entries.first { $0.name == Array("plain".utf8) })
        #expect(plain.kind == .file && plain.size == 5 && plain.modified > 1_600_000_000)
        #expect(entries.first { $0.name == Array("dir".utf8) }?.kind == .directory)
        #expect(entries.filter { $0.kind == .other }.count == entries.count - 12 - 1)
        let (first, more) = try directory.entries(of: [], limit: 3)
        #expect(first.count == 3 && more)
        for path in ["..", "out-dir", "up", "plain", "nothing"] {
            #expect(
                Self.kind { () throws(FileAccessError) in _ = try directory.entries(of: Array(path.utf8), limit: 9) }
                    == .notFound)
        }
    }
}
