// `reactor echo --udp`, tried as a user would.

import Reactor
import Subprocess
import Testing

@testable import ReactorCommand

@Suite struct DatagramEchoCommandTests {
    /// Sends one datagram and waits for the answer.
    private final class Question: DatagramHandler {
        private(set) var answer: [UInt8]?

        func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
            answer = (0..<bytes.byteCount).map { bytes.byte(at: $0) }
            socket.loop.stop()
        }

        static func ask(_ address: String, _ bytes: [UInt8]) throws -> [UInt8]? {
            let loop = try EventLoop()
            let question = Question()
            var options = DatagramOptions()
            options.datagramSize = 65_535
            let server = try SocketAddress(address)
            let socket = try loop.bindDatagrams(on: "127.0.0.1:0", options: options, handler: question)
            socket.send(bytes, to: server)
            loop.schedule(after: .seconds(10)) { loop.stop() }
            try loop.run()
            return question.answer
        }
    }

    @Test(arguments: EchoCommandTests.backends) func answersDatagramsOfEverySize(_ backend: String) async throws {
        let outcome = try await RunningServer.run(["--udp", "--backend", backend]) { server in
            #expect(server.firstLine.hasSuffix("UDP)"))
            for count in [0, 5, 65_507] {
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
                let answer = try Question.ask(server.address, bytes)
                let isSame = answer == bytes
                #expect(isSame, "\(count) bytes")
            }
        }
        #expect(outcome.status == .exited(0))
        #expect(outcome.output == "received 3 datagrams with 65512 bytes, sent 3 with 65512, dropped 0")
    }

    @Test func answersInUpperCase() async throws {
        _ = try await RunningServer.run(["--udp", "--upper"]) { server in
            let answer = try Question.ask(server.address, Array("hello".utf8))
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
