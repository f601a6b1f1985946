// What makes no sense is refused with one line that says what, why, and what to do, before anything is begun.

import Glibc
import Subprocess
import Testing

@Suite(.timeLimit(.minutes(20))) struct BadInputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let arguments: [String]
        let status: CInt
        let words: [String]

        init(_ line: String, exits status: CInt = 64, saying words: String...) {
            arguments = line.split(separator: " ").map(String.init)
            self.status = status
            self.words = words
        }

        var testDescription: String { arguments.joined(separator: " ") }
    }

    static let cases = [
        Case("echo --backend kqueue", saying: "kqueue", "--backend", "epoll-lt, epoll-et, poll, select"),
        Case("echo --listen 127.0.0.1:1 --unix /tmp/x", saying: "--unix", "choose one"),
        Case("echo --udp --style async", saying: "--style", "choose one"),
        Case("echo --loops 2 --trace", saying: "--trace", "--loops 1"),
        Case("echo --udp --deny 10.0.0.0/8", saying: "--deny", "--udp", "packet filter"),
        Case("echo --unix @", saying: "--unix", "path is missing"),
        Case("echo --udp --unix /tmp/x", saying: "--udp", "--listen"),
        Case("echo --listen 127.0.0.1", saying: "--listen", "127.0.0.1", "port is missing", "HOST:PORT"),
        Case("echo --listen :80", saying: "host is missing", "0.0.0.0"),
        Case("echo --listen 127.0.0.1:99999", saying: "99999", "0 to 65535"),
        Case("echo --listen 127.0.0.1:+80", saying: "+80", "0 to 65535"),
        Case("echo --listen [::1:80", saying: "brackets"),
        Case("echo --listen host.invalid:1", saying: "host.invalid", "check the name"),
        Case("echo --listen 203.0.113.1:0", exits: 1, saying: "203.0.113.1", "this machine has no such address"),
        Case("echo --upper --lines", saying: "--upper", "--lines", "choose one"),
        Case("echo --max-connections 0", saying: "--max-connections", "at least 1"),
        Case("echo --max-connections -1", saying: "--max-connections", "at least 1"),
        Case("echo --max-connections many", saying: "many", "whole number"),
        Case("echo --max-connections 99999999999999999999", saying: "--max-connections", "at most"),
        Case("echo --max-connections 900000000", saying: "900000000", "ulimit -n", "at most"),
        Case("echo --backend select --max-connections 1020", saying: "select", "1024", "at most 1008"),
        Case("echo --max-connections-per-address 0", saying: "--max-connections-per-address", "at least 1"),
        Case("echo --backlog 0", saying: "--backlog", "at least 1"),
        Case("echo --idle-timeout 5", saying: "--idle-timeout", "500ms, 5s, 2m or 1h"),
        Case("echo --idle-timeout -5s", saying: "--idle-timeout", "500ms, 5s, 2m or 1h"),
        Case("echo --idle-timeout 99999999999999h", saying: "--idle-timeout", "a hundred years"),
        Case("echo --rate-limit 0", saying: "--rate-limit", "at least 1"),
        Case("echo --rate-limit fast", saying: "fast", "whole number"),
        Case("echo --drain 0", saying: "--drain", "above zero"),
        Case("echo --loops 0", saying: "--loops", "at least 1"),
        Case("echo --loops 2000", saying: "--loops", "at most 1024"),
        Case("echo --distribution fair", saying: "--distribution", "listeners, round-robin or least-loaded"),
        Case("echo --allow 10.0.0.0/33", saying: "--allow", "10.0.0.0/33", "from 0 to 32"),
        Case("echo --deny 10.0.0.0/8,10.0.0.1/8", saying: "--deny", "10.0.0.1/8", "use 10.0.0.0/8"),
        Case("echo --proxy-protocol proxy.example.org", saying: "--proxy-protocol", "proxy.example.org", "numeric"),
        Case("echo --cpu 100000", saying: "--cpu", "no such processor"),
        Case("echo --bogus", saying: "--bogus"),
        Case("models", saying: "--model"),
        Case("models --model apache", saying: "apache", "iterative, fork, thread"),
        Case("models --model fork --udp", saying: "--udp", "no connections"),
        Case("models --model fork --trace", saying: "--trace", "strace"),
        Case("models --model fork --max-connections 5000", saying: "--max-connections", "4096"),
        Case("models --model fork --listen unix:/tmp/x", saying: "--listen", "reactor echo"),
        Case("models --model prefork --workers 0", saying: "--workers", "at least 1"),
        Case("models --model thread --listen 203.0.113.1:0", exits: 1, saying: "203.0.113.1", "no such address"),
        Case("models compare --models fork,apache", saying: "apache", "iterative, fork"),
        Case("models compare --udp --models fork", saying: "--udp", "fork"),
        Case("load 127.0.0.1:1 --mode datagrams --size 70000", saying: "datagram", "65507"),
        Case("models compare --held 100000", saying: "--held", "at most 4000"),
        Case("models compare --duration 1h", saying: "--duration", "10ms to 60s"),
        Case("chat serve --backplane 127.0.0.1:6379", saying: "--backplane", "redis://HOST:PORT"),
        Case("chat serve --backplane redis://:secret@127.0.0.1:6379", saying: "--backplane", "not supported"),
        Case("chat serve --backplane redis://127.0.0.1", saying: "--backplane", "port is missing"),
        Case("chat serve --name B@D", saying: "--name", "lower-case"),
        Case("chat serve --history 1000", saying: "--history", "at most 50"),
        Case("chat serve --patience 0", saying: "--patience", "above zero"),
        Case("chat join 127.0.0.1", saying: "port is missing"),
        Case("chat join 127.0.0.1:1 --rate 0", saying: "--rate", "at least 1"),
        Case("chat load 127.0.0.1:1 --size 2000", saying: "--size", "at most 1000"),
        Case("chat load 127.0.0.1:1 --members 1 --stalled 1", saying: "--stalled", "at least 2"),
        Case("chat load 127.0.0.1:1 --members 1", saying: "--members", "at least 2"),
        Case("load 127.0.0.1", saying: "127.0.0.1", "port is missing"),
        Case("load 127.0.0.1:9 --connections 900000", saying: "900000", "ulimit -n", "at most"),
        Case("load 127.0.0.1:9 --connections 0", saying: "connections", "at least 1"),
        Case("load 127.0.0.1:9 --size 0", saying: "size", "at least 1"),
        Case("load 127.0.0.1:9 --depth 99999999", saying: "depth", "at most"),
        Case("load 127.0.0.1:9 --duration 0s", saying: "--duration", "above zero", "none"),
        Case("load 127.0.0.1:9 --duration 0", saying: "--duration", "above zero", "none"),
        Case("load 127.0.0.1:9 --rate 0", saying: "rate", "use 0.001 to"),
        Case("load 127.0.0.1:9 --mode fast", saying: "fast", "echo, idle, churn"),
        Case("load 127.0.0.1:9 --json /nonexistent/file", exits: 1, saying: "/nonexistent/file", "name another file"),
        Case("backlog --backlog -1", saying: "--backlog", "0 to 4096"),
        Case("backlog --backlog 4097", saying: "--backlog", "0 to 4096"),
        Case("tftp get 127.0.0.1:1 x --block-size -1", saying: "--block-size", "8 to 65464"),
        Case("tftp get 127.0.0.1:1 x --block-size 99999999999999999999", saying: "--block-size", "8 to 65464"),
        Case("broadcast send 127.255.255.255:1 --within 200ms", exits: 1, saying: "within 200ms"),
        Case("bench --backends poll,kqueue", saying: "--backends", "epoll-lt, epoll-et, poll, select"),
        Case("bench --scenarios 1+", saying: "1+", "ACTIVE+IDLE"),
        Case("bench --scenarios 0", saying: "--scenarios", "1 to"),
        Case("bench --rounds 0", saying: "--rounds", "at least 1"),
        Case("bench --rounds 1001", saying: "--rounds", "1 to 1000"),
        Case("bench --duration 1ms", saying: "--duration", "10ms to 1h"),
        Case("bench --json /nonexistent/file", exits: 1, saying: "/nonexistent/file", "name another file"),
        Case("nonsense", saying: "nonsense"),
    ]

    @Test(arguments: cases) func isRefusedInOneLine(_ test: Case) async throws {
        let outcome = try await Program.run(Program.reactor, test.arguments)
        Self.expect(outcome, exits: test.status, saying: test.words)
    }

    @Test func portInUse() async throws {
        _ = try await RunningServer.run { server in
            let outcome = try await Program.run("echo", "--listen", server.address)
            Self.expect(outcome, exits: 1, saying: [server.address, "in use", "choose another port"])
        }
    }

    @Test(.enabled(if: geteuid() != 0, "to root every port is free"))
    func privilegedPort() async throws {
        let outcome = try await Program.run("echo", "--listen", "127.0.0.1:80")
        Self.expect(outcome, exits: 1, saying: ["127.0.0.1:80", "permission denied", "choose a higher one"])
    }

    private static func expect(_ outcome: Program.Outcome, exits status: CInt, saying words: [String]) {
        #expect(outcome.status == .exited(status))
        #expect(outcome.output == "")
        #expect(outcome.errorLines.count == 1, "\(outcome.error)")
        #expect(outcome.error.hasPrefix("reactor: ") && outcome.error.hasSuffix("\n"))
        for word in words { #expect(outcome.error.contains(word), "\(outcome.error)") }
    }

    @Test(arguments: [
        [], ["echo"], ["chat"], ["chat", "serve"], ["chat", "join"], ["chat", "load"], ["load"], ["bench"],
        ["models"], ["models", "compare"],
    ])
    func helpIsNoError(_ subcommand: [String]) async throws {
        let outcome = try await Program.run(Program.reactor, subcommand + ["--help"])
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.contains("USAGE: reactor"))
        #expect(outcome.error == "")
    }
}
