// Several hosts on one network, for the time of a test: network namespaces, joined by a bridge in the first one (ip-netns(8),
// veth(4)). Names are this test's own, and all of it is gone when the test is over.

import Glibc
import Subprocess
import Testing

/// Hosts that are namespaces.
struct NetworkNamespaces: Sendable {
    /// The hosts' names. The first one's interface is `br0`, that of the others `eth0`.
    let names: [String]

    /// Whether this test may make some.
    @Sendable static func areAllowed() async -> Bool {
        guard geteuid() == 0, await Program.isHere("ip") else { return false }
        let name = "reactor-probe-\(getpid())-\(UInt32.random(in: .min ... .max))"
        guard let made = try? await Program.run(.name("ip"), ["netns", "add", name]), made.status == .exited(0) else {
            return false
        }
        let bridge = try? await Program.run(.name("ip"), ["-n", name, "link", "add", "br0", "type", "bridge"])
        _ = try? await Program.run(.name("ip"), ["netns", "del", name])
        return bridge?.status == .exited(0)
    }

    /// Runs `body` with hosts 10.77.0.1, 10.77.0.2, ... and fd77::1, fd77::2, ...
    static func run(_ count: Int, _ body: (NetworkNamespaces) async throws -> Void) async throws {
        let number = UInt32.random(in: .min ... .max)
        let hosts = NetworkNamespaces(names: (1...count).map { "reactor-\(getpid())-\(number)-\($0)" })
        do {
            try await hosts.make()
            try await body(hosts)
        } catch {
            await hosts.remove()
            throw error
        }
        await hosts.remove()
    }

    private func make() async throws {
        for name in names { try await ip("netns", "add", name) }
        try await ip("-n", names[0], "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        for (index, name) in names.enumerated().dropFirst() {
            try await ip(
                "-n", names[0], "link", "add", "v\(index)", "type", "veth", "peer", "name", "eth0", "netns", name)
            try await ip("-n", names[0], "link", "set", "v\(index)", "master", "br0", "up")
        }
        for (index, name) in names.enumerated() {
            let interface = index == 0 ? "br0" : "eth0"
            try await ip(
                "-n", name, "addr", "add", "10.77.0.\(index + 1)/24", "broadcast", "10.77.0.255", "dev", interface)
            try await ip("-n", name, "addr", "add", "fd77::\(index + 1)/64", "dev", interface, "nodad")
            try await ip("-n", name, "link", "set", "lo", "up")
            try await ip("-n", name, "link", "set", interface, "up")
        }
    }

    private func remove() async {
        // Also when the test was cancelled: what is started from here on is not.
        await Task.detached { [names] in
            for name in names { _ = try? await Program.run(.name("ip"), ["netns", "del", name]) }
        }.value
    }

    private func ip(_ arguments: String...) async throws {
        let outcome = try await Program.run(.name("ip"), arguments)
        try #require(outcome.status == .exited(0), "ip \(arguments): \(outcome.error)")
    }
}
