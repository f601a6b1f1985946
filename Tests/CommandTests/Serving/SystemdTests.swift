// Sockets that a service manager passes on (sd_listen_fds(3)): each server takes those of its kind, and names the others.

import Subprocess
import Testing

@testable import ReactorCommand

@Suite(.enabled("there is no python3") { await Program.isHere("python3") }, .timeLimit(.minutes(20)))
struct SystemdTests {
    /// What a service manager does: sockets from descriptor 3 on, bound before the program starts. A datagram waits in each
    /// datagram socket.
    private static let manager = """
        import os, socket, sys
        kinds, program = sys.argv[1], sys.argv[2:]
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "s" else socket.SOCK_DGRAM)
                   for kind in kinds]
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for kind, one in zip(kinds, sockets):
            one.bind(("127.0.0.1", 0))
            one.listen(16) if kind == "s" else client.sendto(b"hello", one.getsockname())
        print(*("127.0.0.1:%d" % one.getsockname()[1] for one in sockets), flush=True)
        kept = [os.dup(one.fileno()) for one in sockets]
        high = [__import__("fcntl").fcntl(fd, 1030, 100) for fd in kept]  # F_DUPFD_CLOEXEC
        for place, fd in enumerate(high):
            os.dup2(fd, 3 + place, inheritable=True)
        names = ":".join("unit%d" % place for place in range(len(kinds)))
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kinds)), LISTEN_FDNAMES=names)
        os.execv(program[0], program)
        """

    private func start(_ kinds: String, _ arguments: [String]) async throws -> (
        addresses: [String], outcome: Program.Outcome, lines: [String]
    ) {
        let outcome = try await Program.run(
            .name("python3"), ["-c", Self.manager, kinds, Program.reactor.description] + arguments)
        let lines = outcome.output.split(separator: "\n").map(String.init)
        return (try #require(lines.first).split(separator: " ").map(String.init), outcome, Array(lines.dropFirst()))
    }

    @Test(arguments: [
        ["udp", "serve", "--count", "1"], ["udp", "listen", "--count", "1"], ["echo", "--udp", "--end-with-input"],
        ["tftp", "serve", "/", "--end-with-input"], ["broadcast", "listen", "--end-with-input"],
    ]) func aDatagramServerTakesADatagramSocket(_ arguments: [String]) async throws {
        let (addresses, outcome, lines) = try await start("d", arguments)
        #expect(outcome.status == .exited(0) && outcome.errorLines.isEmpty, "\(outcome.error)")
        #expect(lines.first?.hasPrefix("listening on \(addresses[0]) (") == true, "\(lines)")
        if arguments[0] == "udp" { #expect(lines.contains { $0.contains("sent 5 bytes: \"hello\"") }, "\(lines)") }
    }

    @Test(arguments: [
        ("dd", ["echo", "--udp", "--end-with-input"]), ("dd", ["tftp", "serve", "/", "--end-with-input"]),
        ("dd", ["udp", "listen", "--count", "2"]), ("ss", ["echo", "--end-with-input"]),
    ]) func theFirstLineNamesAllSockets(_ kinds: String, _ arguments: [String]) async throws {
        let (addresses, outcome, lines) = try await start(kinds, arguments)
        #expect(outcome.status == .exited(0) && outcome.errorLines.isEmpty, "\(outcome.error)")
        #expect(lines.first?.hasPrefix("listening on \(addresses[0]) and \(addresses[1]) (") == true, "\(lines)")
    }

    /// What it does not serve is closed, and said; what it serves is served.
    @Test(
        arguments: [
            ("sd", 1, ["echo", "--udp", "--end-with-input"]), ("ds", 0, ["tftp", "serve", "/", "--end-with-input"]),
            ("sd", 0, ["echo", "--end-with-input"]),
        ] as [(String, Int, [String])]) func theOtherKindIsRefusedByName(
            _ kinds: String, _ taken: Int, _ arguments: [String]
        ) async throws
    {
        let (addresses, outcome, lines) = try await start(kinds, arguments)
        #expect(outcome.status == .exited(0))
        #expect(lines.first?.hasPrefix("listening on \(addresses[taken]) (") == true, "\(lines)")
        let other = 1 - taken
        #expect(outcome.errorLines.count == 1)
        #expect(outcome.error.hasPrefix("reactor: cannot take over descriptor \(3 + other) (unit\(other)): it is a "))
        #expect(outcome.error.contains("socket on \(addresses[other]), and this server takes "), "\(outcome.error)")
    }

    @Test(arguments: [
        ("s", ["echo", "--udp"], "datagrams"), ("s", ["udp", "serve"], "datagrams"),
        ("ss", ["tftp", "serve", "/"], "datagrams"), ("s", ["broadcast", "listen"], "datagrams"),
        ("d", ["echo"], "connections"), ("d", ["http", "/"], "connections"),
    ]) func aServerWithNothingToServeDoesNotStart(_ kinds: String, _ arguments: [String], _ wanted: String)
        async throws
    {
        let (addresses, outcome, _) = try await start(kinds, arguments)
        #expect(outcome.status == .exited(1) && outcome.errorLines.count == 1)
        #expect(outcome.error.contains("descriptor 3 (unit0)") && outcome.error.contains(addresses[0]))
        #expect(outcome.error.contains("this server takes \(wanted)"), "\(outcome.error)")
    }
}
