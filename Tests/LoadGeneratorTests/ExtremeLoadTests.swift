// Every number of a load at its extremes: refused in words that name it, or used, and then the load comes to an end.

import Demos
import LoadGenerator
import Reactor
import Testing

@Suite(.timeLimit(.minutes(20))) struct ExtremeLoadTests {
    private static let integers: [Int] = [.min, -1, 0, 1, Int(Int32.max) + 1, .max]
    private static let doubles: [Double] = [-.infinity, -1, 0, 1, .greatestFiniteMagnitude, .infinity, .nan]
    private static let durations: [Duration] = [
        .seconds(Int64.min) * 2, .seconds(Int64.min), .nanoseconds(-1), .zero, .nanoseconds(1), .seconds(Int64.max),
        .seconds(Int64.max) * 2,
    ]

    /// A number of a configuration, and how it is set to each of its extremes.
    private typealias Number<Root> = (label: String, changes: [(inout Root) -> Void])

    private static func number<Root, Value>(
        _ label: String, _ values: [Value], _ set: @escaping (inout Root, Value) -> Void
    ) -> Number<Root> {
        (label, values.map { value in { set(&$0, value) } })
    }

    private static var load: [Number<LoadConfiguration>] {
        [
            number("connections", integers) { $0.connections = $1 }, number("size", integers) { $0.size = $1 },
            number("depth", integers) { $0.depth = $1 },
            number("duration", durations) { ($0.duration, $0.messages) = ($1, nil) },
            number("messages", integers) { $0.messages = $1 }, number("rate", doubles) { $0.rate = $1 },
            number("connectTimeout", durations) { $0.connectTimeout = $1 },
            number("connectingAtOnce", integers) { $0.connectingAtOnce = $1 },
            number("patience", durations) { $0.patience = $1 },
        ]
    }

    private static var chat: [Number<ChatLoadConfiguration>] {
        [
            number("members", integers) { $0.members = $1 }, number("stalled", integers) { $0.stalled = $1 },
            number("rate", doubles) { $0.rate = $1 }, number("size", integers) { $0.size = $1 },
            number("duration", durations) { $0.duration = $1 },
        ]
    }

    @Test func everyNumberIsInTheTable() throws {
        func expectComplete(_ value: Any, _ labels: [String], apart neutral: [Any.Type]) {
            for child in Mirror(reflecting: value).children {
                let isNeutral = neutral.contains { $0 == type(of: child.value) }
                #expect(isNeutral || labels.contains(child.label ?? ""), "\(child.label ?? "?") is set to no extreme")
            }
        }
        expectComplete(
            LoadConfiguration(address: .loopback(port: 1)), Self.load.map(\.label),
            apart: [SocketAddress.self, LoadMode.self, Backend.self])
        expectComplete(ChatLoadConfiguration(addresses: []), Self.chat.map(\.label), apart: [[SocketAddress].self])
    }

    @Test(arguments: [LoadMode.echo, .churn, .datagrams]) func everyLoadEndsOrIsRefused(_ mode: LoadMode) throws {
        for (label, changes) in Self.load {
            for change in changes {
                let loop = try EventLoop()
                defer { loop.shutdown() }
                let echo = try loop.bindDatagrams(on: "127.0.0.1:0", handler: DatagramEcho())
                let listener = try loop.listen(on: "127.0.0.1:0") { _ in Echo() }
                var load = LoadConfiguration(address: mode == .datagrams ? echo.address : listener.address)
                (load.mode, load.connections, load.messages, load.patience) = (mode, 2, 4, .milliseconds(200))
                change(&load)
                let generator: LoadGenerator
                do throws(LoadConfigurationError) {
                    generator = try LoadGenerator(load, on: loop)
                } catch {
                    #expect(
                        error.description.contains { $0.isNumber } || error.description.contains("zero")
                            || error.description.contains("mode"), "\(label): \(error)")
                    continue
                }
                var result: LoadResult?
                var isLate = false
                generator.start { result = $0 }
                // What would go on for 292 years is ended by hand: twice is at once.
                for time in [500, 600] { loop.schedule(after: .milliseconds(time)) { generator.stop() } }
                loop.schedule(after: .seconds(20)) { isLate = true }
                while result == nil && !isLate { try loop.turn() }
                #expect(result != nil, "\(label) of \(load)")
            }
        }
    }

    @Test func everyChatLoadThatMakesNoSenseSaysSo() throws {
        for (label, changes) in Self.chat {
            for change in changes {
                let loop = try EventLoop()
                defer { loop.shutdown() }
                // Nobody listens there: what makes sense fails because of that.
                var load = ChatLoadConfiguration(addresses: [.loopback(port: 1)])
                change(&load)
                var result: ChatLoadResult?
                let run = ChatLoad(load, on: loop) { result = $0 }
                run.begin()
                #expect(result == nil, "told in a later turn")
                while result == nil { try loop.turn() }
                let failure = try #require(result?.failure)
                #expect(failure.contains("refused") || failure.contains(label), "\(failure)")
            }
        }
        let loop = try EventLoop()
        defer { loop.shutdown() }
        var result: ChatLoadResult?
        ChatLoad(ChatLoadConfiguration(addresses: []), on: loop) { result = $0 }.begin()
        try loop.turn()
        #expect(result?.failure?.contains("no server") == true)
    }

    private final class DatagramEcho: DatagramHandler {
        func received(_ bytes: RawSpan, from peer: SocketAddress, on socket: DatagramSocket) {
            socket.send(bytes, to: peer)
        }
    }
}
