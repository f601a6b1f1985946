// A real HAProxy for the time of a test, between a client and a server.

import FoundationEssentials
import Glibc
import Subprocess
import Testing

/// HAProxy, as a program.
enum RunningHAProxy {
    @Sendable static func isHere() async -> Bool {
        (try? await Executable.name("haproxy").resolveExecutablePath(in: .inherit)) != nil
    }

    /// Runs `body` with the address of an HAProxy in front of a server.
    ///
    /// HAProxy takes no port 0; but every test has a loopback address of its own, where all ports are free.
    static func run(
        before server: String, _ option: String, accepting acceptsHeader: Bool = false,
        _ body: (String) async throws -> Void
    ) async throws {
        let process = UInt32(getpid())
        let host = "127.\(64 + process >> 16 & 63).\(process >> 8 & 255).\(process & 255)"
        let address = "\(host):\(7000 + option.utf8.count + (acceptsHeader ? 100 : 0))"
        let folder = FileManager.default.temporaryDirectory
        let file = folder.appending(path: "reactor-haproxy-\(UUID().uuidString).cfg").path
        let text = """
            defaults
              mode tcp
              timeout connect 5s
              timeout client 10s
              timeout server 10s
            listen echo
              bind \(address)\(acceptsHeader ? " accept-proxy" : "")
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
