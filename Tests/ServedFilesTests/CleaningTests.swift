// What a killed server has left behind is removed, and nothing else; no client reaches such a name.

import Glibc
import Reactor
import SystemPackage
import TestSupport
import Testing

@testable import ServedFiles

@Suite(.timeLimit(.minutes(20))) struct CleaningTests {
    private static let names = [".reactor-1a2b3c.part", "dir/.reactor-zzzzzzzzzzzzz.part", "dir/deep/.reactor-0.part"]

    @Test func filesOfAKilledWriterAreRemoved() throws {
        let tree = try ServedTree()
        let directory = try ServedDirectory(FilePath(tree.root))
        for name in Self.names { try tree.write("root/\(name)", "half") }
        // Not ours: other names, other kinds, what a link leads to.
        let others = [
            ".reactor-.part", ".reactor-1A.part", ".reactor-a b.part", ".reactor-12345678901234.part",
            ".reactor-1.part~",
            "reactor-1.part", "x.reactor-1.part",
        ]
        for name in others { try tree.write("root/\(name)", "kept") }
        try tree.write("outside/.reactor-1.part", "kept")
        tree.make(directory: "root/.reactor-2.part")
        tree.link("root/.reactor-3.part", "plain")
        unsafe mkfifo(tree.root + "/.reactor-4.part", 0o600)
        // Written this moment: a writer may be about to lock it.
        #expect(directory.removeAbandonedFiles() == 0)
        #expect(directory.removeAbandonedFiles(olderThan: .zero, isRecursive: false) == 1)
        #expect(directory.removeAbandonedFiles(olderThan: .zero) == 2)
        for name in Self.names { #expect(tree.read("root/\(name)") == nil, "\(name)") }
        for name in others { #expect(tree.read("root/\(name)") == "kept", "\(name)") }
        #expect(tree.read("outside/.reactor-1.part") == "kept")
        #expect(
            tree.names(in: "root").count { [".reactor-2.part", ".reactor-3.part", ".reactor-4.part"].contains($0) } == 3
        )
        #expect(tree.read("root/plain") == "plain")
    }

    /// The lock of a living writer keeps its file, however old that is.
    @Test func aFileThatIsBeingWrittenStays() throws {
        let tree = try ServedTree()
        let directory = try ServedDirectory(FilePath(tree.root))
        let file = try directory.create(Array("dir/fresh".utf8))
        try file.descriptor.writeAll("fresh".utf8)
        let other = try ServedDirectory(FilePath(tree.root))
        #expect(other.removeAbandonedFiles(olderThan: .seconds(-5)) == 0)
        try file.commit(replacing: false)
        #expect(other.removeAbandonedFiles(olderThan: .seconds(-5)) == 0 && tree.read("root/dir/fresh") == "fresh")
    }

    @Test func noClientReachesSuchAName() throws {
        let tree = try ServedTree()
        let directory = try ServedDirectory(FilePath(tree.root))
        for name in Self.names + [".reactor-x y.part"] { try tree.write("root/\(name)", "half") }
        for name in Self.names + [
            ".reactor-x y.part", ".reactor-new.part", "dir/.reactor-1.part/x", "/.reactor-1.part/",
        ] {
            let path = Array(name.utf8)
            let attempts: [() throws -> Void] = [
                { try directory.open(path).close() }, { try directory.create(path).discard() },
                { try directory.remove(path) }, { _ = try directory.entry(at: path) },
                { _ = try directory.entries(of: path, limit: 9) },
            ]
            for (index, attempt) in attempts.enumerated() {
                var kind: FileAccessError.Kind?
                do { try attempt() } catch { kind = (error as? FileAccessError)?.kind }
                // A path that ends with a slash is no name that could be made.
                let isName = name.last != "/" || index == 0 || index == 4
                #expect(kind == (isName ? .reservedName : .invalidName), "\(name) \(index)")
            }
        }
        for path in ["", "dir", "dir/deep"] {
            let names = try directory.entries(of: Array(path.utf8), limit: 1000).0.map(\.name)
            #expect(!names.contains { NewFile.isTemporary($0) })
        }
        #expect("\(FileAccessError(.reservedName))" == "this name is reserved for incomplete files")
    }
}
