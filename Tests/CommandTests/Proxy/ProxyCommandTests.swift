// `reactor proxy` as a program: its errors, its summary, its admin commands, and HAProxy behind it.

import FoundationEssentials
import Reactor
import Subprocess
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct ProxyCommandTests {
    @Test(arguments: [
        (["--to", "127.0.0.1:7793"], "would connect to itself"),
        (["--listen", "0.0.0.0:7000", "--to", "localhost:7000"], "would connect to itself"),
        (["--to", "a:1,a:1=2"], "--to has a:1 twice"), (["--to", "a"], "use HOST:PORT"),
        (["--to", "a:1=0"], "the weight must be 1 to 1000"), ([], "--to"),
        (["--to", "a:1", "--balance", "random"], "use round-robin or least-connections"),
        (["--to", "a:1", "--send-proxy", "v3"], "use v1 or v2"),
        (["--to", "a:1", "--max-connections", "900000000"], "two descriptors"),
    ])
    func aMistakeIsOneLine(_ arguments: [String], _ words: String) async throws {
        let outcome = try await Program.run(Program.reactor, ["proxy"] + arguments)
        #expect(outcome.status == .exited(64))
        #expect(outcome.error.contains(words), "\(outcome.error)")
        #expect(outcome.errorLines.count == 1, "\(outcome.error)")
    }

    @Test func aLoadIsSpreadAndNothingIsLost() async throws {
        _ = try await RunningServer.run { first in
            _ = try await RunningServer.run { second in
                let to = [
                    "--to", "\(first.address),\(second.address)", "--loops", "2", "--balance", "least-connections",
                ]
                let outcome = try await RunningServer.run(command: ["proxy"], to) { proxy in
                    let load = try await Program.run(
                        "load", proxy.address, "--connections", "8", "--duration", "300ms", "--size", "4096")
                    #expect(load.status == .exited(0), "\(load.output) \(load.error)")
                }
                #expect(outcome.status == .exited(0))
                #expect(outcome.output.contains("proxied 8 connections (0 refused, 0 without an upstream, 0 retries)"))
                #expect(outcome.output.contains("\(first.address): 4 connections, 0 failed"), "\(outcome.output)")
                #expect(outcome.output.contains("\(second.address): 4 connections, 0 failed"))
            }
        }
    }

    @Test func theAdminSocketShowsAndDrainsUpstreams() async throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/s"
        _ = try await RunningServer.run { server in
            let words = ["--to", server.address, "--admin", path, "--loops", "2"]
            let outcome = try await RunningServer.run(command: ["proxy"], words) { proxy in
                let echoed = try await Self.netcat(["-N", "127.0.0.1", proxy.port], "hello\n")
                #expect(echoed == "hello\n")
                let table = try await Self.netcat(["-NU", path], "upstreams\n")
                #expect(table.contains("proxied: 1\n"), "\(table)")
                #expect(table.contains(server.address), "\(table)")
                let drained = try await Self.netcat(["-NU", path], "drain \(server.address) json\n")
                #expect(drained == "{\"upstream\":\"\(server.address)\",\"draining\":true,\"connections\":0}\n")
                let refused = try await Self.netcat(["-N", "127.0.0.1", proxy.port], "hello\n")
                #expect(refused == "")
                let mistakes = try await Self.netcat(["-NU", path], "drain x\ndrain\nhelp\n")
                #expect(mistakes.contains("error: no upstream 'x'; use one of \(server.address)"))
                #expect(mistakes.contains("error: drain needs one upstream"))
                #expect(mistakes.contains("undrain UPSTREAM: "))
                _ = try await Self.netcat(["-NU", path], "undrain \(server.address)\n")
                let again = try await Self.netcat(["-N", "127.0.0.1", proxy.port], "hello\n")
                #expect(again == "hello\n")
            }
            #expect(outcome.status == .exited(0))
            #expect(outcome.output.contains("proxied 2 connections (0 refused, 1 without an upstream"))
        }
    }

    /// HAProxy reads our header (`accept-proxy`) and sends one of its own, which names our client.
    @Test(.enabled("there is no haproxy", RunningHAProxy.isHere), arguments: ["v1", "v2"])
    func haproxyReadsOurHeader(_ version: String) async throws {
        let arguments = ["--proxy-protocol", "127.0.0.0/8", "--allow", "127.0.0.7/32"]
        let outcome = try await RunningServer.run(arguments) { server in
            try await RunningHAProxy.run(
                before: server.address, version == "v1" ? "send-proxy" : "send-proxy-v2", accepting: true
            ) { address in
                let words = ["--to", address, "--send-proxy", version]
                let proxy = try await RunningServer.run(command: ["proxy"], words) { proxy in
                    let friend = try await Self.netcat(["-N", "-s", "127.0.0.7", "127.0.0.1", proxy.port], "hello\n")
                    #expect(friend == "hello\n")
                    let stranger = try await Self.netcat(["-N", "-s", "127.0.0.8", "127.0.0.1", proxy.port], "hello\n")
                    #expect(stranger == "")
                }
                #expect(proxy.status == .exited(0))
            }
        }
        #expect(outcome.status == .exited(0))
    }

    /// Sends a text, half-closes, and returns what came back.
    private static func netcat(_ arguments: [String], _ text: String) async throws -> String {
        // Through a shell: a client that is refused may end before it reads, and writing to it would raise SIGPIPE here.
        try await Subprocess.run(
            .name("sh"), arguments: Arguments(["-c", "printf %s \"$0\" | nc \"$@\"", text] + arguments), input: .none,
            output: .string(limit: Program.outputLimit), error: .discarded
        ).standardOutput
    }
}
