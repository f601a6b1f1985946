// Which system calls the framework makes, to the letter: the cost of a connection and of a message.

import Reactor
import ReactorTesting
import SystemPackage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct ScriptedKernelTests {
    private static let start: [ScriptedCall] = [
        .expect(.epollCreate, result: 3), .expect(.eventDescriptor, result: 4),
        .expect(.socket, result: 5), .expect(.bind, 5), .expect(.listen, 5), .expect(.localAddress, 5),
        .expect(.reserve, result: 6),
    ]

    /// DESIGN.md: `accept4` and one `ADD`; one `recv` and one `send` a message; `close`.
    @Test func aConnectionCostsFewSystemCalls() throws {
        let kernel = ScriptedKernel(
            Self.start + [
                .expect(.epollControl, 4), .expect(.epollControl, 5), .wait(.init(5, .readable)),
                .expect(.accept, 5, result: 7), .expect(.accept, 5, fails: .resourceTemporarilyUnavailable),
                .expect(.epollControl, 7), .wait(.init(7, .readable)),
                .receive(7, "hello"), .expect(.send, 7, result: 5),
                .wait(.init(7, [.readable, .peerClosed])), .receive(7, ""), .expect(.close, 7),
            ])
        let loop = try EventLoop(kernel: kernel)
        try loop.listen(on: .loopback(port: 7788)) { _ in EchoHandler() }
        for _ in 0..<3 { try loop.turn() }
        try kernel.verify()
        kernel.ignored = Set(KernelCall.allCases)
        loop.shutdown()
        #expect(kernel.sent[7] == Array("hello".utf8))
    }

    @Test func aDifferenceIsReadable() throws {
        let kernel = ScriptedKernel([.expect(.epollCreate, result: 3), .expect(.socket, result: 4)])
        #expect(throws: SocketError.self) { try EventLoop(kernel: kernel) }
        #expect(kernel.differences.first == "call 2: expected socket, got eventDescriptor")
        #expect(throws: ScriptDifference.self) { try kernel.verify() }
    }
}
