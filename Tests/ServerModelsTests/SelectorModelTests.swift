// The reactor in one file, on the simulated kernel: short reads and writes, interrupted calls, resets, no descriptors.

import Reactor
import ReactorTesting
import Testing

@testable import ServerModels

@Suite(.timeLimit(.minutes(20))) struct SelectorModelTests {
    static let backends: [Backend] = [.select, .poll, .epoll(.levelTriggered), .epoll(.edgeTriggered)]
    static let address = SocketAddress.loopback(port: 7788)

    /// Runs a model until a condition holds, or for so many turns.
    static func run(_ model: SelectorModel, until condition: () -> Bool) -> Bool {
        for _ in 0..<30_000 {
            if condition() { return true }
            model.turn()
        }
        return condition()
    }

    @Test(arguments: backends) func echoesEveryByteInAnyWeather(_ backend: Backend) throws {
        for seed in 1...12 as ClosedRange<UInt64> {
            var faults = Faults.none
            faults.shortTransfer = 0.5
            faults.interruption = 0.1
            faults.wouldBlock = 0.1
            faults.spuriousReadiness = 0.1
            let world = try Simulation(seed: seed, faults: faults)
            let before = world.kernel.openDescriptorCount
            let listener = try ModelSockets.listen(on: Self.address, backlog: 16, world.kernel)
            let model = try SelectorModel(listener, backend, world.kernel, limit: 100)
            let clients = (0..<4).map { _ in world.connect(to: Self.address) }
            for (index, client) in clients.enumerated() {
                client.write(String(repeating: "\(index) is here. ", count: 4_000))
                client.closeWrite()
            }
            #expect(Self.run(model) { clients.allSatisfy(\.isOver) }, "\(backend), seed \(seed)")
            for (index, client) in clients.enumerated() {
                let isSame = client.text == String(repeating: "\(index) is here. ", count: 4_000)
                #expect(isSame, "\(backend), seed \(seed), client \(index)")
            }
            model.end()
            _ = world.kernel.close(listener)
            #expect(world.kernel.openDescriptorCount == before, "\(backend), seed \(seed)")
        }
    }

    @Test(arguments: backends) func aClientThatDoesNotReadStallsNoOther(_ backend: Backend) throws {
        let world = try Simulation(seed: 7)
        let listener = try ModelSockets.listen(on: Self.address, backlog: 16, world.kernel)
        let model = try SelectorModel(listener, backend, world.kernel, limit: 100)
        let staller = world.connect(to: Self.address)
        staller.stall()
        staller.write(String(repeating: "x", count: 1_000_000))
        let other = world.connect(to: Self.address)
        other.write("hello")
        #expect(Self.run(model) { other.text == "hello" })
        staller.resume()
        #expect(Self.run(model) { staller.received.count == 1_000_000 })
        model.end()
    }

    @Test(arguments: backends) func whatIsAboveTheLimitWaitsUntilSomebodyLeaves(_ backend: Backend) throws {
        let world = try Simulation(seed: 3)
        let listener = try ModelSockets.listen(on: Self.address, backlog: 16, world.kernel)
        let model = try SelectorModel(listener, backend, world.kernel, limit: 2)
        let clients = (0..<3).map { _ in world.connect(to: Self.address) }
        for client in clients { client.write("hello") }
        #expect(Self.run(model) { clients.count { $0.text == "hello" } == 2 })
        let waiting = try #require(clients.first { $0.text.isEmpty })
        try #require(clients.first { $0.text == "hello" }).close()
        #expect(Self.run(model) { waiting.text == "hello" })
        model.end()
    }

    /// The listener stays ready, but the loop does not ask it without end; and when somebody leaves, there is room again.
    @Test(arguments: backends) func outOfDescriptorsItPauses(_ backend: Backend) throws {
        let world = try Simulation(seed: 5)
        let listener = try ModelSockets.listen(on: Self.address, backlog: 16, world.kernel)
        let model = try SelectorModel(listener, backend, world.kernel, limit: 100)
        world.kernel.descriptorMaximum = world.kernel.openDescriptorCount + 3 + 2
        let clients = (0..<4).map { _ in world.connect(to: Self.address) }
        for client in clients { client.write("hello") }
        #expect(Self.run(model) { clients.count { $0.text == "hello" } == 2 })
        let end = world.now.advanced(by: .seconds(1))
        var turns = 0
        _ = Self.run(model) {
            turns += 1
            return world.now >= end
        }
        #expect(turns < 60)
        for client in clients where client.text == "hello" { client.close() }
        #expect(Self.run(model) { clients.allSatisfy { $0.text == "hello" } })
        model.end()
    }
}
