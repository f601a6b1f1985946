// TFTP with programs that nobody here wrote: tftp-hpa, atftp and curl as clients of this server, and this client with
// tftpd-hpa as its server.

import FoundationEssentials
import Glibc
import Reactor
import Subprocess
import Testing

@testable import ReactorCommand

/// A client that nobody here wrote.
struct ForeignClient: Sendable {
    let name: String
    let get: @Sendable (_ port: String, _ remote: String, _ local: String) -> [String]
    let put: @Sendable (_ port: String, _ local: String, _ remote: String) -> [String]

    static let tftpHPA = ForeignClient(name: "tftp") { port, remote, local in
        ["-m", "binary", "127.0.0.1", port, "-c", "get", remote, local]
    } put: { port, local, remote in
        ["-m", "binary", "127.0.0.1", port, "-c", "put", local, remote]
    }
    static let atftp = ForeignClient(name: "atftp") { port, remote, local in
        ["--option", "blksize 8192", "-g", "-r", remote, "-l", local, "127.0.0.1", port]
    } put: { port, local, remote in
        ["--option", "blksize 8192", "-p", "-l", local, "-r", remote, "127.0.0.1", port]
    }
    static let curl = ForeignClient(name: "curl") { port, remote, local in
        ["-sS", "--tftp-blksize", "8192", "-o", local, "tftp://127.0.0.1:\(port)/\(remote)"]
    } put: { port, local, remote in
        ["-sS", "--tftp-blksize", "8192", "-T", local, "tftp://127.0.0.1:\(port)/\(remote)"]
    }

    static let sizes = [0, 1, 511, 512, 513, 1024]
    static let large = 33 << 20
}

// One after the other: each starts many processes, and moves many bytes.
@Suite(.serialized, .timeLimit(.minutes(20))) struct TFTPInteroperabilityTests {
    private func exchange(_ client: ForeignClient, _ sizes: [Int]) async throws {
        try await TFTPFolder.with { folder in
            for size in sizes { try folder.write(size, as: "f\(size)") }
            let outcome = try await TFTPCommandTests.serve(folder, ["--writable"]) { server in
                for size in sizes {
                    let got = try await Program.run(
                        .name(client.name), client.get(server.port, "f\(size)", folder.file("got\(size)")))
                    // curl makes no file of an empty one.
                    let isEmpty = size == 0 && !folder.names.contains("got0")
                    #expect(folder.has(size, as: "got\(size)") || isEmpty, "\(size): \(got)")
                    let put = try await Program.run(
                        .name(client.name), client.put(server.port, folder.file("f\(size)"), "put\(size)"))
                    #expect(folder.has(size, as: "put\(size)"), "\(size): \(put)")
                }
            }
            #expect(outcome.output.hasPrefix("\(sizes.count) files read, \(sizes.count) written, 0 transfers failed"))
        }
    }

    @Test(.enabled("there is no tftp (tftp-hpa)") { await Program.isHere("tftp") })
    func tftpHPA() async throws { try await exchange(.tftpHPA, ForeignClient.sizes) }

    @Test(
        .enabled("there is no atftp") { await Program.isHere("atftp") },
        arguments: [ForeignClient.sizes, [ForeignClient.large]])
    func atftp(_ sizes: [Int]) async throws { try await exchange(.atftp, sizes) }

    @Test(
        .enabled("there is no curl") { await Program.isHere("curl") },
        arguments: [ForeignClient.sizes, [ForeignClient.large]])
    func curl(_ sizes: [Int]) async throws { try await exchange(.curl, sizes) }

    @Test(
        .enabled("there is no in.tftpd (tftpd-hpa)") { await Program.isHere("in.tftpd") },
        .enabled("tftpd-hpa runs as root only") { geteuid() == 0 })
    func tftpdHPA() async throws {
        try await TFTPFolder.with { folder in
            try await TFTPFolder.with { local in
                for size in ForeignClient.sizes + [ForeignClient.large] { try folder.write(size, as: "f\(size)") }
                try await Self.runServer(of: folder) { address in
                    for size in ForeignClient.sizes + [ForeignClient.large] {
                        for options in [["--plain"], ["--block-size", "8192"]]
                        where size < 1 << 20 || options.count == 2 {
                            let got = try await Program.run(
                                Program.reactor, ["tftp", "get", address, "f\(size)", local.file("got")] + options)
                            #expect(got.status == .exited(0) && local.has(size, as: "got"), "\(size): \(got.error)")
                            let name = "put\(size)-\(options.count)"
                            let put = try await Program.run(
                                Program.reactor, ["tftp", "put", address, local.file("got"), name] + options)
                            #expect(put.status == .exited(0), "\(size): \(put.error)")
                            // Its last acknowledgement may come before the file is written out.
                            try await eventually { folder.has(size, as: name) }
                        }
                    }
                    let missing = try await Program.run("tftp", "get", address, "missing", local.file("missing"))
                    #expect(missing.status == .exited(1) && missing.error.contains("File not found"))
                }
            }
        }
    }

    /// Runs tftpd-hpa on a port of its own, in the foreground.
    private static func runServer(of folder: TFTPFolder, _ body: @escaping @Sendable (String) async throws -> Void)
        async throws
    {
        let port = try freePort()
        _ = try await Subprocess.run(
            .name("in.tftpd"),
            arguments: [
                "--foreground", "--address", "127.0.0.1:\(port)", "--create", "--secure", "--user", "root", folder.path,
            ],
            input: .none, output: .discarded, error: .discarded
        ) { execution in
            defer { try? execution.send(signal: .kill) }
            try await eventually { isBound(port) }
            try await body("127.0.0.1:\(port)")
        }
    }

    private static func freePort() throws -> UInt16 {
        final class Nobody: DatagramHandler {
            func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {}
        }
        let loop = try EventLoop()
        defer { loop.shutdown() }
        return try loop.bindDatagrams(on: .loopback(port: 0), handler: Nobody()).address.port
    }

    /// Whether a UDP socket has this port, from what the kernel tells (proc(5)).
    private static func isBound(_ port: UInt16) -> Bool {
        let table = (try? String(contentsOfFile: "/proc/net/udp", encoding: .utf8)) ?? ""
        let digits = String(port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - digits.count) + digits
        return table.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            return fields.count > 1 && fields[1].hasSuffix(suffix)
        }
    }
}
