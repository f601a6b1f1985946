// The PROXY protocol against the program that it comes from: a real HAProxy between a client and `reactor echo`.

import FoundationEssentials
import Glibc
import Subprocess
import Testing

@Sendable private func isHAProxyHere() async -> Bool {
    (try? await Executable.name("haproxy").resolveExecutablePath(in: .inherit)) != nil
}

@Suite struct HAProxyTests {
    /// Every byte of a load comes back through HAProxy, which says in each way of its own whose connection it is.
    @Test(
        .enabled("there is no haproxy", isHAProxyHere),
        arguments: ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
    func aLoadThroughHAProxyIsEchoed(_ option: String) async throws {
        let arguments = ["--proxy-protocol", "127.0.0.0/8", "--allow", "127.0.0.7/32", "--stats"]
        let outcome = try await RunningServer.run(arguments) { server in
            try await Self.throughHAProxy(server.address, option) { address in
                // As clients with two addresses: the one is allowed and the other is not, and only the header can tell.
                let friend = try await Self.netcat("127.0.0.7", address)
                #expect(friend == "hello\n")
                let stranger = try await Self.netcat("127.0.0.8", address)
                #expect(stranger == "")
            }
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.contains("served 1 connections (1 refused)"), "\(outcome.output)")
        #expect(outcome.output.contains("refused: its address is not allowed"))
    }

    /// Sends a line from an address, half-closes, and answers what came back.
    private static func netcat(_ source: String, _ address: String) async throws -> String {
        let port = try #require(address.split(separator: ":").last)
        let host = address.split(separator: ":")[0]
        return try await Subprocess.run(
            .name("nc"), arguments: ["-N", "-s", source, "\(host)", "\(port)"], input: .string("hello\n"),
            output: .string(limit: Program.outputLimit), error: .discarded
        ).standardOutput
    }

    /// Runs `body` with the address of an HAProxy in front of a server.
    ///
    /// HAProxy takes no port 0; but every test has a loopback address of its own, where all ports are free.
    private static func throughHAProxy(
        _ server: String, _ option: String, _ body: (String) async throws -> Void
    ) async throws {
        let process = UInt32(getpid())
        let host = "127.\(64 + process >> 16 & 63).\(process >> 8 & 255).\(process & 255)"
        let address = "\(host):\(7000 + option.utf8.count)"
        let folder = FileManager.default.temporaryDirectory
        let file = folder.appending(path: "reactor-haproxy-\(UUID().uuidString).cfg").path
        let text = """
            defaults
              mode tcp
              timeout connect 5s
              timeout client 10s
              timeout server 10s
            listen echo
              bind \(address)
              unique-id-format %[uuid]
              server echo \(server) \(option)

            """
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        _ = try await Subprocess.run(
            .name("haproxy"), arguments: ["-db", "-f", file], input: .none, output: .discarded, error: .discarded
        ) { execution in
            let number = execution.processIdentifier.value
            try await eventually { Self.listens(number) }
            try await body(address)
            try execution.send(signal: .terminate)
        }
    }

    /// Whether a process listens on a TCP port, from what the kernel tells about its sockets (proc(5)).
    private static func listens(_ process: pid_t) -> Bool {
        let folder = "/proc/\(process)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let sockets = names.compactMap { name in
            try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
        }
        let table = (try? String(contentsOfFile: "/proc/\(process)/net/tcp", encoding: .utf8)) ?? ""
        return table.split(separator: "\n").dropFirst().contains { line in
            let fields = line.split(separator: " ")
            return fields.count > 9 && fields[3] == "0A" && sockets.contains("socket:[\(fields[9])]")
        }
    }
}
