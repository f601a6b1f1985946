// The chat on the simulated network: many members, every fault that ends no connection, and those who do not read.

import Reactor
import ReactorTesting
import TestSupport
import Testing

@testable import Demos

@Suite(.timeLimit(.minutes(20))) struct ChatNetworkTests {
    @Test(arguments: Backend.all) func everyLineReachesEverybodyInOrder(_ backend: Backend) throws {
        for seed in 0..<2 as Range<UInt64> {
            var limits = ChatLimits()
            (limits.linesPerSecond, limits.burst) = (1_000, 1_000)
            let world = try ChatWorld(seed: seed, faults: survivableFaults, backend: backend, chatLimits: limits)
            let members = try (0..<20).map { try world.join("m\($0)") }
            for number in 0..<10 {
                for (index, member) in members.enumerated() { member.write("\(index) says \(number)\r\n") }
            }
            try world.run { members.allSatisfy { $0.heard >= 190 } }
            for (index, member) in members.enumerated() {
                let lines = member.lines
                for other in 0..<20 where other != index {
                    let said = lines.filter { $0.hasPrefix("<m\(other)> ") }
                    #expect(said == (0..<10).map { "<m\(other)> \(other) says \($0)" }, "seed \(seed)")
                }
            }
            try world.simulation.check()
        }
    }

    /// Members who come, speak and go at any moment, on a network that loses connections: nothing is left of them.
    @Test(arguments: Backend.all) func aMemberWhoLeavesLeavesNothingBehind(_ backend: Backend) throws {
        for seed in 0..<4 as Range<UInt64> {
            let world = try ChatWorld(seed: seed, faults: .harsh, backend: backend)
            let clients = (0..<40).map { number in
                let client = world.simulation.connect()
                client.write("m\(number)\n/join room\(number % 3)\nhello\n/msg m1 hi\n/leave\n")
                return client
            }
            try world.simulation.run(for: .seconds(2))
            for (index, client) in clients.enumerated() where !client.isOver {
                switch index % 4 {
                case 0: client.reset()
                case 1: client.closeWrite()
                case 2: client.write("/quit\n")
                default: client.close()
                }
            }
            try world.simulation.run(within: .seconds(300)) { world.simulation.loop.connectionCount == 0 }
            #expect(world.chat.memberCount == 0)
            #expect(world.chat.rooms.count == 1)
            try world.simulation.check()
        }
    }

    /// One member who stops reading is dropped after its time; all others get every line as soon as without it.
    @Test(arguments: Backend.all) func onlyAMemberWhoDoesNotReadIsDropped(_ backend: Backend) throws {
        func run(stalled: Bool) throws -> (arrivals: [SimulatedClient.Arrival], slow: SimulatedClient, world: ChatWorld)
        {
            var limits = Limits()
            (limits.outputHighWatermark, limits.outputLowWatermark) = (8 * 1024, 4 * 1024)
            var chatLimits = ChatLimits()
            (chatLimits.linesPerSecond, chatLimits.burst) = (10_000, 10_000)
            let world = try ChatWorld(seed: 3, backend: backend, chatLimits: chatLimits, limits: limits)
            let (anna, bob, slow) = (try world.join("anna"), try world.join("bob"), try world.join("slow"))
            if stalled { slow.stall() }
            let before = bob.arrivals.count
            for number in 0..<400 {
                anna.write("\(number) " + String(repeating: "x", count: 1_000) + "\n")
                try world.simulation.run(for: .milliseconds(20))
            }
            #expect(bob.lines.count { $0.hasPrefix("<anna>") } == 400)
            return (Array(bob.arrivals[before...]), slow, world)
        }
        let (with, slow, world) = try run(stalled: true)
        #expect(world.chat.memberCount == 2)
        #expect(world.chat.statistics.droppedAsSlow == 1)
        #expect(world.simulation.clients[1].has("* slow was dropped: too slow"))
        slow.resume()
        try world.run { slow.isOver }
        #expect(slow.wasReset, "a cut stream must not look whole")
        let (without, _, other) = try run(stalled: false)
        #expect(other.chat.statistics.droppedAsSlow == 0)
        // The last line but for the notice of the other's end arrives at the same moment of virtual time.
        #expect(with.count - without.count <= 1)
        let delay = without[without.count - 1].time.duration(to: with[with.count - 1].time)
        #expect(abs(delay / .milliseconds(1)) < 20)
        try world.simulation.check()
        try other.simulation.check()
    }

    /// A burst puts a member who does read above the watermark for a moment, which is no reason to drop it.
    @Test func aBurstDropsNoMember() throws {
        var limits = Limits()
        (limits.outputHighWatermark, limits.outputLowWatermark) = (2_000, 1_000)
        var chatLimits = ChatLimits()
        (chatLimits.linesPerSecond, chatLimits.burst) = (1_000, 1_000)
        let world = try ChatWorld(chatLimits: chatLimits, limits: limits)
        let (anna, bob) = (try world.join("anna"), try world.join("bob"))
        anna.write((0..<200).map { "\($0) " + String(repeating: "x", count: 500) + "\n" }.joined())
        try world.run { bob.lines.count { $0.hasPrefix("<") } == 200 }
        try world.simulation.run(for: .seconds(5))
        #expect(world.chat.memberCount == 2)
        try world.simulation.check()
    }

    @Test func aFloodEndsOnlyWhoSendsIt() throws {
        let world = try ChatWorld()
        let (anna, bob) = (try world.join("anna"), try world.join("bob"))
        anna.write(String(repeating: "spam\n", count: 1_000))
        try world.run { anna.isOver }
        #expect(anna.text.hasSuffix("! you sent too many lines and are dropped\n"))
        #expect(bob.lines.count { $0 == "<anna> spam" } <= 10)
        try world.run { bob.lines.last == "* anna was dropped: flooding" }
        try world.simulation.check()
    }

    @Test func aLineThatIsTooLongIsRejectedAndEndsItsSender() throws {
        let world = try ChatWorld()
        let (anna, bob) = (try world.join("anna"), try world.join("bob"))
        anna.write(String(repeating: "x", count: 1_024) + "\r\n")
        try world.run { bob.lines.last?.hasPrefix("<anna> xxx") == true }
        anna.write(String(repeating: "x", count: 1_025))
        try world.run { anna.isOver }
        #expect(anna.text.hasSuffix("! a line has at most 1024 bytes; goodbye\n"))
        try world.run { bob.lines.last?.hasPrefix("* anna was dropped: a line") == true }
        try world.simulation.check()
    }

    /// Half a line may be half a command: nobody sees it, and its sender is told so.
    @Test(arguments: Backend.all) func aLineWithoutItsEndIsRejectedAndNotSaid(_ backend: Backend) throws {
        let world = try ChatWorld(backend: backend)
        let (anna, bob) = (try world.join("anna"), try world.join("bob"))
        anna.write("whole\n/msg bob sec")
        anna.closeWrite()
        try world.run { anna.isOver }
        #expect(anna.text.hasSuffix("! your last line was incomplete and was not sent; goodbye\n"))
        try world.run { bob.lines.last?.hasPrefix("* anna was dropped: a line") == true }
        #expect(bob.has("<anna> whole") && !bob.text.contains("sec"))
        try world.simulation.check()
    }

    /// Clients that connect, give a name and leave, 612 times a second.
    @Test(arguments: Backend.all) func aFloodOfNamesIsBounded(_ backend: Backend) throws {
        let world = try ChatWorld(seed: 5, backend: backend)
        let anna = try world.join("anna")
        var count = 0
        let before = anna.lines.count
        let timer = world.simulation.loop.schedule(after: .zero, repeating: .microseconds(1_634)) {
            let client = world.simulation.connect()
            client.write("flood\(count)\n/quit\n")
            count += 1
        }
        try world.simulation.run(for: .seconds(1))
        world.simulation.loop.cancel(timer)
        try world.simulation.run(for: .seconds(3))
        let lines = anna.lines.dropFirst(before)
        #expect(count > 600 && world.chat.memberCount == 1)
        // Twenty at once, and five a second.
        #expect(lines.count <= 20 + 5 * 4, "\(lines.count)")
        let counted = lines.filter { $0.hasSuffix("too many at once to name them") }
        #expect(counted.count >= 2)
        func sum(_ word: String) -> Int {
            counted.reduce(lines.count { $0.contains("* flood") && $0.contains(word) }) { sum, line in
                let words = line.split { " ,".contains($0) }
                guard let place = words.firstIndex(of: word[...]) else { return sum }
                return sum + (Int(words[place - 1]) ?? 0)
            }
        }
        // Every change was reported, by name or by number.
        #expect(sum("joined") == count && sum("left") == count)
        try world.simulation.check()
    }

    /// From an address that is not this machine's, not even the names are taken.
    @Test func aFloodOfNamesFromOneAddressIsRefused() throws {
        var chatLimits = ChatLimits()
        (chatLimits.entriesPerSecond, chatLimits.entryBurst) = (1, 5)
        let world = try ChatWorld(chatLimits: chatLimits)
        let clients = try (0..<20).map { number in
            let client = world.simulation.connect(from: try SocketAddress("192.0.2.7:0"))
            client.write("m\(number)\n")
            return client
        }
        try world.run { clients.allSatisfy { $0.lines.count >= 2 } }
        #expect(world.chat.memberCount == 5 && world.chat.statistics.refusedEntries == 15)
        let refused = try #require(clients.first { $0.text.contains("! too many members join from your address") })
        _ = try world.join("local")
        try world.simulation.run(for: .seconds(2))
        refused.write("late\n")
        try world.run { refused.has("* welcome, late") }
        try world.simulation.check()
    }

    @Test func whoGivesNoNameIsNotKept() throws {
        let world = try ChatWorld()
        let client = world.simulation.connect()
        client.write("a b c\n")
        try world.simulation.run(for: .seconds(11))
        #expect(!client.isOver, "a line is a message")
        let silent = world.simulation.connect()
        try world.simulation.run(for: .seconds(11))
        #expect(silent.isOver)
        try world.simulation.check()
    }

    @Test func theServersEndIsReported() throws {
        let world = try ChatWorld()
        let members = try ["anna", "bob"].map { try world.join($0) }
        world.simulation.loop.drain()
        try world.run { members.allSatisfy(\.isOver) }
        for member in members { #expect(member.lines.last == "* this server is closing; goodbye") }
        try world.simulation.check()
    }
}
