// `reactor echo --udp`, tried as a user would.

import Reactor
import Subprocess
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct DatagramEchoCommandTests {
    @Test(arguments: EchoCommandTests.backends) func servesDatagramsOfEverySize(_ backend: String) async throws {
        let outcome = try await RunningServer.run(["--udp", "--backend", backend]) { server in
            #expect(server.firstLine.hasSuffix("UDP)"))
            for count in [0, 5, 65_507] {
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
                let answer = try DatagramQuestion.ask(server.address, bytes)
                let isSame = answer == bytes
                #expect(isSame, "\(count) bytes")
            }
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output == "received 3 datagrams with 65512 bytes, sent 3 with 65512, dropped 0")
    }

    @Test func repliesInUpperCase() async throws {
        _ = try await RunningServer.run(["--udp", "--upper"]) { server in
            let answer = try DatagramQuestion.ask(server.address, Array("hello".utf8))
            #expect(answer == Array("HELLO".utf8))
        }
    }

    @Test func linesAreNoMatterOfDatagrams() async throws {
        let outcome = try await Program.run("echo", "--udp", "--lines")
        #expect(outcome.status == .exited(64) && outcome.error.contains("--lines is for connections"))
    }

    @Test func anAddressInUseIsSaidInOneLine() async throws {
        _ = try await RunningServer.run(["--udp"]) { server in
            let second = try await Program.run("echo", "--udp", "--listen", server.address)
            #expect(second.status == .exited(1) && second.error.contains("cannot listen on \(server.address)"))
        }
    }
}
