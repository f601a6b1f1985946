// The PROXY protocol against the program that it comes from: a real HAProxy between a client and `reactor echo`.

import Subprocess
import Testing

@Suite(.timeLimit(.minutes(20))) struct HAProxyTests {
    /// Every byte of a load comes back through HAProxy, which says in each way of its own whose connection it is.
    @Test(
        .enabled("there is no haproxy", RunningHAProxy.isHere),
        arguments: ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
    func aLoadThroughHAProxyIsEchoed(_ option: String) async throws {
        let arguments = ["--proxy-protocol", "127.0.0.0/8", "--allow", "127.0.0.7/32", "--stats"]
        let outcome = try await RunningServer.run(arguments) { server in
            try await RunningHAProxy.run(before: server.address, option) { address in
                // As clients with two addresses: the one is allowed and the other is not, and only the header can tell.
                let friend = try await Self.netcat("127.0.0.7", address)
                #expect(friend == "hello\n")
                let stranger = try await Self.netcat("127.0.0.8", address)
                #expect(stranger == "")
            }
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.contains("served 1 connection (1 refused)"), "\(outcome.output)")
        #expect(outcome.output.contains("refused: its address is not allowed"))
    }

    /// Sends a line from an address, half-closes, and answers what came back.
    private static func netcat(_ source: String, _ address: String) async throws -> String {
        let port = try #require(address.split(separator: ":").last)
        let host = address.split(separator: ":")[0]
        return try await Subprocess.run(
            .name("sh"), arguments: ["-c", "echo hello | nc -N -s \(source) \(host) \(port)"], input: .none,
            output: .string(limit: Program.outputLimit), error: .discarded
        ).standardOutput
    }
}
