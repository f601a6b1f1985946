// `reactor tftp`, tried as a user would, with its own client.

import FoundationEssentials
import Subprocess
import Testing

@testable import ReactorCommand

// One after the other: each starts many processes, and moves many bytes.
@Suite(.serialized, .timeLimit(.minutes(20))) struct TFTPCommandTests {
    /// Runs a server of a folder.
    static func serve(
        _ folder: TFTPFolder, _ options: [String] = [], in namespace: String? = nil,
        at place: [String] = ["--listen", "127.0.0.1:0"],
        _ body: @escaping @Sendable (RunningServer) async throws -> Void
    ) async throws -> Program.Outcome {
        try await RunningServer.run(
            command: ["tftp", "serve", folder.path], options, at: place, in: namespace, body)
    }

    @Test func filesGoBothWays() async throws {
        try await TFTPFolder.with { folder in
            let outcome = try await Self.serve(folder, ["--writable", "--verbose"]) { server in
                #expect(server.firstLine.hasSuffix("UDP, writable)"))
                let cases =
                    [0, 511, 512, 513, 300_000].map { ($0, []) } + [
                        (1024, ["--plain"]), (70_000, ["--mode", "netascii"]),
                    ]
                for (size, options) in cases {
                    try folder.write(size, as: "f\(size)")
                    let got = try await Program.run(
                        Program.reactor, ["tftp", "get", server.address, "f\(size)", folder.file("got")] + options)
                    #expect(got.status == .exited(0) && folder.has(size, as: "got"), "\(got.error)")
                    let put = try await Program.run(
                        Program.reactor, ["tftp", "put", server.address, folder.file("got"), "put\(size)"] + options)
                    #expect(put.status == .exited(0) && folder.has(size, as: "put\(size)"), "\(put.error)")
                }
            }
            #expect(outcome.status == .exited(0))
            #expect(outcome.output.contains("read f300000 (octet): 300000 bytes in "))
            #expect(
                outcome.output.hasSuffix("packets retransmitted")
                    && outcome.output.contains("\n7 files read, 7 written, 0"))
            #expect(!folder.names.contains { $0.hasPrefix(".") }, "files that are not complete were left")
        }
    }

    /// Asked at any of its addresses, a server that has all of them answers from there.
    @Test func aServerOnAllAddressesRepliesFromTheOneThatWasAsked() async throws {
        try await TFTPFolder.with { folder in
            try folder.write(30_000, as: "file")
            _ = try await Self.serve(folder, ["--writable"], at: ["--listen", "0.0.0.0:0"]) { server in
                for host in ["127.0.0.1", "127.0.0.2"] {
                    let place = "\(host):\(server.port)"
                    let got = try await Program.run("tftp", "get", place, "file", folder.file("got"))
                    #expect(got.status == .exited(0) && folder.has(30_000, as: "got"), "\(got.error)")
                    let put = try await Program.run("tftp", "put", place, folder.file("file"), host)
                    #expect(put.status == .exited(0) && folder.has(30_000, as: host), "\(put.error)")
                }
            }
        }
    }

    /// 67,585 blocks: their numbers go round once.
    @Test func moreThan32MiBOfSmallBlocks() async throws {
        try await TFTPFolder.with { folder in
            let size = 33 << 20
            try folder.write(size, as: "large")
            _ = try await Self.serve(folder, ["--writable"]) { server in
                let options = ["--block-size", "512", "--window", "64", "--json", "-"]
                let got = try await Program.run(
                    Program.reactor, ["tftp", "get", server.address, "large", folder.file("got")] + options)
                #expect(got.status == .exited(0) && folder.has(size, as: "got"), "\(got.error)")
                #expect(got.output.contains("\"blocks\" : 67585") && got.output.contains("\"windowSize\" : 64"))
                let put = try await Program.run(
                    Program.reactor, ["tftp", "put", server.address, folder.file("got"), "put"] + options)
                #expect(put.status == .exited(0) && folder.has(size, as: "put"), "\(put.error)")
            }
        }
    }

    @Test func nothingOutsideOfTheDirectoryIsServed() async throws {
        try await TFTPFolder.with { outside in
            try outside.write("secret", as: "secret")
            try await TFTPFolder.with { folder in
                try FileManager.default.createSymbolicLink(
                    atPath: folder.file("link"), withDestinationPath: outside.file("secret"))
                try FileManager.default.createSymbolicLink(
                    atPath: folder.file("directory"), withDestinationPath: outside.path)
                let back = "../\(outside.path.split(separator: "/").last ?? "")/secret"
                let names = [back, "/etc/passwd", "link", "directory/secret", "..", "a\u{1B}]0;b"]
                let outcome = try await Self.serve(folder, ["--writable", "--replace", "--verbose"]) { server in
                    for name in names {
                        let got = try await Program.run("tftp", "get", server.address, name, outside.file("got"))
                        #expect(got.status == .exited(1) && got.errorLines.count == 1, "\(name): \(got.error)")
                        let put = try await Program.run("tftp", "put", server.address, outside.file("secret"), name)
                        let isHere = folder.names.contains(name)
                        #expect(put.status == .exited(1) || isHere, "\(name)")
                    }
                }
                #expect(!outcome.output.contains("\u{1B}"), "names of strangers reach a terminal")
                #expect(outside.text("secret") == "secret" && outside.names == ["secret"])
            }
        }
    }

    @Test func errorsAreOneLineAndLeaveNothing() async throws {
        try await TFTPFolder.with { folder in
            try folder.write("old", as: "old")
            _ = try await Self.serve(folder) { server in
                #expect(server.firstLine.hasSuffix("UDP, read-only)"))
                let missing = try await Program.run("tftp", "get", server.address, "missing", folder.file("old"))
                #expect(missing.status == .exited(1) && missing.errorLines.count == 1)
                #expect(missing.error.contains("file missing: the other side says: no such file"))
                let refused = try await Program.run("tftp", "put", server.address, folder.file("old"), "new")
                #expect(refused.status == .exited(1) && refused.error.contains("permission denied"))
                let full = try await Program.run("tftp", "get", server.address, "old", "/dev/full")
                #expect(full.status == .exited(1) && full.errorLines.count == 1)
                // The server has nothing to do with it.
                #expect(full.error.contains("cannot write /dev/full: no space is left"), "\(full.error)")
                #expect(!full.error.contains(server.address), "\(full.error)")
                let output = try await Program.run("tftp", "get", server.address, "old", "-")
                #expect(output.output == "old" && output.error.hasPrefix("got old: 3 bytes"))
            }
            #expect(folder.text("old") == "old" && folder.names == ["old"])
            _ = try await Self.serve(folder, ["--writable"]) { server in
                let exists = try await Program.run("tftp", "put", server.address, folder.file("old"), "old")
                #expect(exists.status == .exited(1) && exists.error.contains("file already exists"))
            }
            let silent = try await Program.run(
                "tftp", "get", "127.0.0.1:9", "f", folder.file("got"), "--patience", "200ms", "--json",
                folder.file("json"))
            #expect(silent.status == .exited(1) && silent.error.contains("no reply"))
            #expect(folder.text("json")?.contains("\"failure\" : \"no reply") == true)
            #expect(folder.names == ["json", "old"])
        }
    }

    @Test(arguments: [
        ["serve"], ["serve", "/", "--replace"], ["serve", "/", "--max-transfers", "0"], ["serve", "/", "--loops", "2"],
        ["get"], ["get", "127.0.0.1"], ["get", "127.0.0.1:x", "f"], ["get", "::1", "f"], ["get", "127.0.0.1", ""],
        ["get", "127.0.0.1", "f", "--block-size", "7"], ["get", "127.0.0.1", "f", "--window", "-1"],
        ["get", "127.0.0.1", "f", "--mode", "mail"], ["get", "127.0.0.1", "f", "-", "--json", "-"],
        ["put", "127.0.0.1", "-"], ["put", "127.0.0.1", "f", "--timeout", "256"],
    ]) func senselessCommandLinesAreRefused(_ arguments: [String]) async throws {
        let outcome = try await Program.run(Program.reactor, ["tftp"] + arguments)
        #expect(outcome.status == .exited(64) && outcome.errorLines.count <= 2, "\(outcome.error)")
    }

    @Test func whatCannotBeServedOrReadIsSaid() async throws {
        let missing = try await Program.run("tftp", "serve", "/nonesuch")
        #expect(missing.status == .exited(1) && missing.error.contains("cannot serve /nonesuch"))
        let unreadable = try await Program.run("tftp", "put", "127.0.0.1:9", "/nonesuch")
        #expect(unreadable.status == .exited(1) && unreadable.error.contains("cannot read /nonesuch"))
        let directory = try await Program.run("tftp", "put", "127.0.0.1:9", "/tmp")
        #expect(directory.status == .exited(1) && directory.errorLines.count == 1)
        let nowhere = try await Program.run("tftp", "get", "127.0.0.1:9", "f", "/nonesuch/f")
        #expect(nowhere.status == .exited(1) && nowhere.error.contains("cannot write /nonesuch/f"))
    }

    /// A tenth of all datagrams is lost on their way to the server's host, and on their way back.
    @Test(
        .enabled("no network namespaces can be made here", NetworkNamespaces.areAllowed),
        .enabled("there is no nft") { await Program.isHere("nft") })
    func aTenthIsLostBetweenTwoHosts() async throws {
        try await TFTPFolder.with { folder in
            try folder.write(150_000, as: "file")
            try await NetworkNamespaces.run(2) { hosts in
                let (client, host) = (hosts.names[0], hosts.names[1])
                for name in hosts.names {
                    let rules =
                        "table inet t { chain c { type filter hook input priority 0; meta l4proto udp numgen random mod 100 < 10 drop; }; }"
                    let made = try await Program.run(.name("ip"), ["netns", "exec", name, "nft", rules])
                    try #require(made.status == .exited(0), "\(made.error)")
                }
                _ = try await Self.serve(folder, ["--writable"], in: host, at: ["--listen", "10.77.0.2:6969"]) { _ in
                    let got = try await Program.run(
                        in: client, "tftp", "get", "10.77.0.2:6969", "file", folder.file("got"))
                    #expect(got.status == .exited(0) && folder.has(150_000, as: "got"), "\(got.error)")
                    let put = try await Program.run(
                        in: client, "tftp", "put", "10.77.0.2:6969", folder.file("file"), "put")
                    #expect(put.status == .exited(0) && folder.has(150_000, as: "put"), "\(put.error)")
                }
            }
        }
    }
}
