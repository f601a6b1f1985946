// The load on a chat, against the chat itself on real sockets: it counts what there is to count.

import Demos
import LoadGenerator
import Reactor
import Testing

@Suite(.timeLimit(.minutes(20))) struct ChatLoadTests {
    /// Runs a load on a server, both on one loop.
    private static func run(
        _ limits: ChatLimits = ChatLimits(), _ change: (inout ChatLoadConfiguration) -> Void
    ) throws -> ChatLoadResult {
        let loop = try EventLoop()
        let chat = ChatServer(limits: limits)
        let listener = try loop.listen(on: "127.0.0.1:0", framing: ChatSession.framing(limits)) { _ in ChatSession(chat)
        }
        var configuration = ChatLoadConfiguration(addresses: [listener.address])
        (configuration.members, configuration.rate) = (12, 50)
        configuration.duration = .milliseconds(500)
        change(&configuration)
        var result: ChatLoadResult?
        let load = ChatLoad(configuration, on: loop) {
            result = $0
            loop.stop()
        }
        loop.schedule(after: .seconds(20)) { loop.stop() }
        load.begin()
        try loop.run()
        return try #require(result)
    }

    @Test func everyDeliveryIsTimed() throws {
        let result = try Self.run { $0.size = 100 }
        #expect(result.failure == nil)
        #expect(result.lost == 0)
        #expect(result.local.expected >= 20 * 11)
        #expect(result.local.count == result.local.expected)
        #expect(result.local.latency?.count == result.local.count)
        #expect(result.remote.expected == 0)
    }

    @Test func whoStallsIsNotExpectedToGetAnything() throws {
        let result = try Self.run { $0.stalled = 2 }
        #expect(result.local.count == result.local.expected)
        #expect(result.local.expected % 9 == 0)
    }

    @Test func aServerThatRefusesIsNoResult() throws {
        var limits = ChatLimits()
        limits.membersPerRoom = 3
        let full = try Self.run(limits) { $0.duration = .milliseconds(1) }
        #expect(full.failure?.contains("rejected a member") == true)
    }

    @Test func noServer() throws {
        let loop = try EventLoop()
        let address = try loop.listen(on: "127.0.0.1:0") { _ in throw CancellationError() }.address
        loop.shutdown()
        let result = try Self.run { $0.addresses = [address] }
        #expect(result.failure?.contains("connection refused") == true)
    }
}
