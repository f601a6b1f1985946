// No name and no link leads out of a served directory: every vector on a real directory, for reading and for writing.

import Glibc
import ServedFiles
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct TraversalTests {
    /// A path and what comes of it: the contents that it opens, or why it opens none.
    struct Vector: CustomTestStringConvertible, Sendable {
        let path: [UInt8]
        let contents: String?
        let kind: FileAccessError.Kind?

        init(_ path: String, _ contents: String) {
            (self.path, self.contents, kind) = (Array(path.utf8), contents, nil)
        }

        init(_ path: String, _ kind: FileAccessError.Kind) { self.init(Array(path.utf8), kind) }

        init(_ path: [UInt8], _ kind: FileAccessError.Kind) { (self.path, contents, self.kind) = (path, nil, kind) }

        var testDescription: String { String(decoding: path.prefix(60), as: UTF8.self) }
    }

    static let vectors: [Vector] =
        [
            // What may be read, however its path is written.
            Vector("plain", "plain"), Vector("/plain", "plain"), Vector("//plain", "plain"), Vector("./plain", "plain"),
            Vector("dir/nested", "dir/nested"), Vector("dir//nested", "dir/nested"),
            Vector("dir/./nested", "dir/nested"), Vector("dir/../plain", "plain"),
            Vector("dir/deep/../../plain", "plain"), Vector("dir/deep/bottom", "dir/deep/bottom"),
            Vector(".hidden", ".hidden"), Vector("with space", "with space"), Vector("...", "..."), Vector("ü", "ü"),
            Vector("new\nline", "new\nline"), Vector("-rf", "-rf"), Vector("~", "~"), Vector("%2e", "%2e"),
            Vector("..plain", "..plain"), Vector("back\\slash", "back\\slash"), Vector("*", "*"),
            // Links that stay inside.
            Vector("in", "plain"), Vector("in-in", "plain"), Vector("in-dir/nested", "dir/nested"),
            Vector("dir/back", "plain"), Vector("dir/round", "dir/nested"), Vector("in-dir/back", "plain"),
            Vector("dot/dot/plain", "plain"), Vector("long-30", "plain"),
            // Up and out.
            Vector("..", .notFound), Vector("../secret", .notFound), Vector("/../secret", .notFound),
            Vector("../root/plain", .notFound), Vector("dir/../../secret", .notFound),
            Vector("dir/deep/../../../secret", .notFound), Vector("./../secret", .notFound),
            Vector("//..//secret", .notFound), Vector("../../../../../../../../etc/passwd", .notFound),
            Vector("dir/../dir/../../secret", .notFound), Vector("../root-beside", .notFound),
            Vector("../outside/file", .notFound), Vector("plain/../../secret", .notFound),
            // Absolute paths are below the directory.
            Vector("/etc/passwd", .notFound), Vector("/proc/self/environ", .notFound), Vector("/dev/null", .notFound),
            Vector("/tmp", .notFound), Vector("///etc/passwd", .notFound),
            // Encodings that somebody else would have to undo.
            Vector("%2e%2e/secret", .notFound), Vector("..%2fsecret", .notFound), Vector("..\\secret", .notFound),
            Vector([0xc0, 0xae, 0xc0, 0xae, 0x2f] + Array("secret".utf8), .notFound),
            Vector([0xff, 0xfe], .notFound), Vector("．．/secret", .notFound), Vector("file:///etc/passwd", .notFound),
            // Links that lead out, or nowhere.
            Vector("out", .notFound), Vector("out-in", .notFound), Vector("out-dir/file", .notFound),
            Vector("out-dir", .notFound), Vector("up/secret", .notFound), Vector("dir/up/secret", .notFound),
            Vector("dir/sneak", .notFound), Vector("chain/secret", .notFound), Vector("round-trip", .notFound),
            Vector("absolute", .notFound), Vector("absolute-in", .notFound),
            Vector("dir/absolute-up/secret", .notFound),
            Vector("etc", .notFound), Vector("slash/etc/passwd", .notFound), Vector("process", .notFound),
            Vector("null", .notFound), Vector("dangling", .notFound), Vector("loop", .notFound),
            Vector("self", .notFound), Vector("self/plain", .notFound), Vector("long-44", .notFound),
            // What is no regular file.
            Vector("", .noFile), Vector("/", .noFile), Vector(".", .noFile), Vector("dir", .noFile),
            Vector("dir/", .noFile), Vector("in-dir", .noFile), Vector("pipe", .noFile), Vector("to-pipe", .noFile),
            Vector("socket", .noFile), Vector("dir/..", .noFile),
            // A file is no directory.
            Vector("plain/", .notFound), Vector("plain/x", .notFound), Vector("in/", .notFound),
            // What no file can be called.
            Vector("plain\0", .invalidName), Vector("\0", .invalidName), Vector("plain\0/../../secret", .invalidName),
            Vector(String(repeating: "a", count: 256), .invalidName),
            Vector(String(repeating: "a/", count: 2048), .invalidName),
            Vector(String(repeating: "../", count: 1000) + "etc/passwd", .notFound),
            Vector(String(repeating: "x", count: 100_000), .invalidName),
            // Not there.
            Vector("nothing", .notFound), Vector("nothing/../plain", .notFound), Vector("PLAIN", .notFound),
        ]

    @Test func noVectorLeadsOut() throws {
        let tree = try ServedTree()
        let directory = try ServedDirectory(FilePath(tree.root))
        #expect(Self.vectors.count >= 80)
        for vector in Self.vectors { Self.check(vector, in: directory) }
    }

    private static func check(_ vector: Vector, in directory: ServedDirectory) {
        do throws(FileAccessError) {
            let file = try directory.open(vector.path)
            let text = ServedTree.text(of: file.descriptor.fd)
            let size = file.size
            file.close()
            #expect(text == vector.contents && size == text.utf8.count, "\(vector.testDescription)")
        } catch {
            #expect(error.kind == vector.kind, "\(vector.testDescription): \(error.kind), \(error.errno as Any)")
        }
    }

    /// The links of /proc lead to what no path leads to, and are none to follow.
    @Test(arguments: ["exe", "cwd/Package.swift", "root/etc/passwd", "fd/0", "fd/1", "task/../exe", "ns/net"])
    func magicLinksAreNotFollowed(_ path: String) throws {
        let directory = try ServedDirectory("/proc/self")
        Self.check(Vector(path, .notFound), in: directory)
    }

    @Test(arguments: ["null", "zero", "full", "random", "tty", "ptmx"]) func devicesAreNotOpened(_ name: String) throws
    {
        let directory = try ServedDirectory("/dev")
        #expect(throws: FileAccessError.self) {
            let file = try directory.open(Array(name.utf8))
            file.close()
        }
    }

    @Test func theDirectoryIsTheOneThatWasMeant() throws {
        let tree = try ServedTree()
        let directory = try ServedDirectory(FilePath(tree.root))
        tree.rename("root", to: "elsewhere")
        tree.link("root", "outside")
        Self.check(Vector("plain", "plain"), in: directory)
        Self.check(Vector("file", .notFound), in: directory)
        // The link is followed by whoever opens it anew, for that is the operator.
        let other = try ServedDirectory(FilePath(tree.root))
        Self.check(Vector("file", ServedTree.secret), in: other)
    }

    @Test func whatIsNoDirectoryIsNotServed() throws {
        let tree = try ServedTree()
        for (path, kind) in [("/root/plain", FileAccessError.Kind.notFound), ("/nothing", .notFound)] {
            do throws(FileAccessError) {
                _ = try ServedDirectory(FilePath(tree.folder + path))
                Issue.record("\(path) is no directory")
            } catch {
                #expect(error.kind == kind)
            }
        }
    }

    @Test(.enabled(if: geteuid() != 0, "to root every file may be read"))
    func whatMayNotBeReadSaysSo() throws {
        let tree = try ServedTree()
        unsafe chmod(tree.root + "/plain", 0)
        Self.check(Vector("plain", .notPermitted), in: try ServedDirectory(FilePath(tree.root)))
    }
}
