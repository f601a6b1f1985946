// `reactor udp` and `reactor broadcast`, tried as a user would.

import Subprocess
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct UDPCommandTests {
    @Test func aSenderReceivesTheTimeAndSeesItsPorts() async throws {
        let outcome = try await RunningServer.run(command: ["udp", "serve"]) { server in
            let unbound = try await Program.run("udp", "send", server.address, "hello", "world")
            #expect(unbound.status == .exited(0), "\(unbound.error)")
            let lines = unbound.output.split(separator: "\n")
            try #require(lines.count == 3)
            #expect(lines[0] == "the socket is not bound yet: 0.0.0.0:0")
            #expect(
                lines[1].hasPrefix("sent 11 bytes to \(server.address); the kernel bound the socket to 0.0.0.0:"))
            #expect(lines[2].contains("\"time: 20") && lines[2].contains(", you are 127.0.0.1:"))

            let bound = try await Program.run("udp", "send", server.address, "hi", "--bind", "127.0.0.9:0")
            #expect(
                bound.output.hasPrefix("the socket is bound to 127.0.0.9:")
                    && bound.output.contains("you are 127.0.0.9:"))

            let connected = try await Program.run("udp", "send", server.address, "hi", "--connect")
            #expect(connected.output.hasPrefix("the socket is 127.0.0.1:"))
            #expect(connected.output.contains("connected to \(server.address); connecting sent nothing"))
            #expect(connected.status == .exited(0))
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output.contains("sent 11 bytes: \"hello world\", answered \"time: 20"))
        #expect(outcome.output.contains("received 3 datagrams"))
    }

    @Test func whatIsLongerThanTheReceiversMemoryIsCut() async throws {
        let outcome = try await RunningServer.run(command: ["udp", "serve"], ["--size", "4"]) { server in
            let sent = try await Program.run("udp", "send", server.address, "--length", "3000", "--size", "10")
            #expect(
                sent.output.contains("sent 3000 bytes")
                    && sent.output.contains("(of a longer datagram, the rest of which is lost): \"time: 2"))
        }
        #expect(outcome.output.contains("sent 4 bytes of a longer datagram, the rest of which is lost: \"xxxx\""))
    }

    /// Nothing was sent: that is no loss on the way.
    @Test(arguments: [[], ["--wait", "none"], ["--connect"], ["--count", "3"], ["--bind", "127.0.0.1:0"]])
    func whatFitsIntoNoDatagramIsRefused(_ options: [String]) async throws {
        let outcome = try await Program.run(
            Program.reactor, ["udp", "send", "127.0.0.1:9", "--length", "65508"] + options)
        #expect(outcome.status == .exited(1) && outcome.errorLines.count == 1)
        #expect(
            outcome.error.hasPrefix(
                "reactor: cannot send to 127.0.0.1:9: message too long (EMSGSIZE); a datagram has at most 65507"),
            "\(outcome.error)")
        #expect(!outcome.output.contains("sent 65508"))
    }

    /// More than the socket has room for at once waits, and all of it is sent.
    @Test func moreThanThereIsRoomForIsSentInTime() async throws {
        let outcome = try await RunningServer.run(command: ["udp", "listen"], ["--size", "1"]) { server in
            let sent = try await Program.run(
                "udp", "send", server.address, "--length", "60000", "--count", "100", "--wait", "3s")
            #expect(sent.error.contains("no reply within 3s"), "\(sent.error)")
        }
        #expect(outcome.output.contains("sent 1 bytes of a longer datagram"))
    }

    @Test(arguments: ["127.0.0.1", "127.0.0.2"]) func aServerOnAllAddressesRepliesToAConnectedClient(_ host: String)
        async throws
    {
        _ = try await RunningServer.run(command: ["udp", "serve"], at: ["--listen", "0.0.0.0:0"]) { server in
            let sent = try await Program.run(
                "udp", "send", "\(host):\(server.port)", "hi", "--connect", "--wait", "10s")
            #expect(
                sent.status == .exited(0) && sent.output.contains("\(host):\(server.port) answered"), "\(sent.error)")
        }
    }

    @Test func aConnectedSocketReportsAnAbsentPeer() async throws {
        let port = try RunningRedis.freePort()
        let connected = try await Program.run("udp", "send", "127.0.0.1:\(port)", "hello", "--connect")
        #expect(connected.status == .exited(1))
        #expect(connected.errorLines.count == 1 && connected.error.contains("onnection refused"))
        let unconnected = try await Program.run("udp", "send", "127.0.0.1:\(port)", "hello", "--wait", "50ms")
        #expect(unconnected.status == .exited(1) && unconnected.error.contains("no reply within 50ms"))
    }

    @Test func aFailureToSendIsAlsoALineOfJSON() async throws {
        let port = try RunningRedis.freePort()
        let sent = try await Program.run("udp", "send", "127.0.0.1:\(port)", "hello", "--connect", "--json")
        #expect(sent.status == .exited(1))
        let last = sent.output.split(separator: "\n").last ?? ""
        #expect(last.hasPrefix("{\"event\":\"failed\",\"failure\":") && last.contains("ECONNREFUSED"), "\(sent.output)")
        #expect(sent.errorLines.count == 1 && sent.error.contains("ECONNREFUSED"))
    }

    @Test func aDatagramOfNoBytesIsSent() async throws {
        let outcome = try await RunningServer.run(command: ["udp", "listen", "--count", "1"]) { server in
            let sent = try await Program.run("udp", "send", server.address, "--length", "0", "--wait", "none")
            #expect(sent.status == .exited(0), "\(sent.error)")
        }
        #expect(outcome.output.contains("sent 0 bytes: \"\""))
    }

    @Test func aListenerShowsDatagramsInLinesOfJSONAndSendsNoReply() async throws {
        let outcome = try await RunningServer.run(command: ["udp", "listen", "--count", "2"]) { server in
            for text in ["a\u{1B}[1m", ""] {
                let sent = try await Program.run("udp", "send", server.address, text, "--wait", "none", "--json")
                #expect(
                    sent.status == .exited(0)
                        && sent.output.hasPrefix("{\"event\":\"opened\",\"local\":\"0.0.0.0:0\"}\n"))
            }
        }
        #expect(outcome.output.contains("sent 5 bytes: \"a?[1m\"") && outcome.output.contains("sent 0 bytes: \"\""))
    }

    @Test(arguments: [
        ["udp", "send"], ["udp", "send", "127.0.0.1"], ["udp", "send", "127.0.0.1:1", "x", "--length", "3"],
        ["udp", "serve", "--size", "0"], ["udp", "serve", "--max-connections", "3"], ["broadcast", "send"],
        ["broadcast", "listen", "--group", "10.0.0.1"], ["broadcast", "listen", "--interface", "nonesuch"],
        ["broadcast", "send", "127.255.255.255:1", "--hops", "256"],
    ]) func senselessCommandLinesAreSaidInOneLine(_ arguments: [String]) async throws {
        let outcome = try await Program.run(Program.reactor, arguments)
        #expect(outcome.status == .exited(64) && outcome.errorLines.count <= 2, "\(outcome.error)")
    }
}

@Suite(.timeLimit(.minutes(20))) struct BroadcastCommandTests {
    @Test func loopbackHasABroadcastAddress() async throws {
        let everybody = "127.255.255.255"
        _ = try await RunningServer.run(
            command: ["broadcast", "listen", "--name", "one"], at: ["--listen", "\(everybody):0"]
        ) { server in
            let port = server.port
            _ = try await RunningServer.run(
                command: ["broadcast", "listen", "--name", "two"], at: ["--listen", "\(everybody):\(port)"]
            ) { _ in
                let sent = try await Program.run(
                    "broadcast", "send", "\(everybody):\(port)", "who", "--expect", "2", "--within", "10s")
                #expect(sent.status == .exited(0))
                #expect(sent.output.contains("\"here: one\"") && sent.output.contains("\"here: two\""))
                #expect(sent.output.hasSuffix("replies: 2\n"))
                let forbidden = try await Program.run("broadcast", "send", "\(everybody):\(port)", "who", "--forbid")
                #expect(
                    forbidden.status == .exited(1)
                        && forbidden.error.contains("ermission denied (EACCES); without --forbid"))
            }
            let alone = try await Program.run(
                "broadcast", "send", "\(everybody):\(port)", "who", "--within", "100ms", "--json")
            #expect(alone.output.hasSuffix("{\"event\":\"ended\",\"replies\":1}\n"))
        }
        let nobody = try await Program.run("broadcast", "send", "\(everybody):9", "who", "--within", "20ms")
        #expect(nobody.status == .exited(1) && nobody.error.contains("no reply from"))
    }

    /// Two hosts that listen, and one that asks: by broadcast, and by groups of both families.
    @Test(.enabled("no network namespaces can be made here", NetworkNamespaces.areAllowed))
    func allHostsOfANetworkReply() async throws {
        try await NetworkNamespaces.run(3) { hosts in
            let (asker, beta, gamma) = (hosts.names[0], hosts.names[1], hosts.names[2])
            for (place, address, more) in [
                (["--listen", "0.0.0.0:7791"], "10.77.0.255:7791", []),
                (["--listen", "0.0.0.0:7791"], "255.255.255.255:7791", []),
                (["--group", "239.1.2.3", "--interface", "eth0"], "239.1.2.3:7791", ["--interface", "br0"]),
                (["--group", "ff05::4242", "--interface", "eth0"], "[ff05::4242]:7791", ["--interface", "br0"]),
            ] as [([String], String, [String])] {
                // The limited broadcast goes where the default route does.
                if address.hasPrefix("255") {
                    _ = try await Program.run(.name("ip"), ["-n", asker, "route", "add", "default", "dev", "br0"])
                }
                _ = try await RunningServer.run(
                    command: ["broadcast", "listen", "--name", "beta"], at: place, in: beta
                ) { _ in
                    _ = try await RunningServer.run(
                        command: ["broadcast", "listen", "--name", "gamma"], at: place, in: gamma
                    ) { _ in
                        let (executable, words) = try await Program.reactor(
                            ["broadcast", "send", address, "who", "--expect", "2", "--within", "10s"] + more, in: asker)
                        let sent = try await Program.run(executable, words)
                        #expect(sent.status == .exited(0), "\(address): \(sent.error)")
                        let answers = sent.output.split(separator: "\n").filter { $0.contains("here: ") }
                        #expect(
                            Set(answers.map { $0.split(separator: "\"").last ?? "" }) == ["here: beta", "here: gamma"])
                    }
                }
            }
        }
    }
}
