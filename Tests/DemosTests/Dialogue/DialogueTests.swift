// The dialogue in the simulated world: what is said, in pieces of any size, by peers of all manners.

import Demos
import Reactor
import ReactorTesting
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(20))) struct DialogueTests {
    private static let greeting = "hello; I answer with 'zero' for each 'o', until you say 'bye'\n"

    private static func talk(
        _ text: String, _ rules: DialogueRules? = nil, seed: UInt64 = 1, faults: Faults = .none,
        _ backend: Backend = .epoll(), ending: (SimulatedClient) -> Void = { $0.closeWrite() }
    ) throws -> String {
        let rules = try #require(rules ?? DialogueRules())
        let world = try Simulation(seed: seed, faults: faults, backend: backend)
        try world.listen { _ in Dialogue(rules).framed(by: Dialogue.framing) }
        let client = world.connect()
        client.write(text)
        ending(client)
        try world.run { client.isOver }
        try world.check()
        return client.text
    }

    @Test(arguments: Backend.all) func greetsRepliesAndStops(_ backend: Backend) throws {
        for seed in 0..<10 as Range<UInt64> {
            let said = try Self.talk(
                "hello you\r\n\nwörld\nbye\nnobody hears this\n", seed: seed, faults: survivableFaults, backend)
            let expected = """
                \(Self.greeting)hellzero yzerou

                wörld
                goodbye; that was 3 messages, and I replaced 2 times

                """
            #expect(said == expected, "seed \(seed)")
        }
    }

    /// What nc -N does: it says all, and ends its side.
    @Test func aClientThatEndsGetsGoodbye() throws {
        #expect(try Self.talk("no\n") == Self.greeting + "nzero\ngoodbye; that was 1 message, and I replaced once\n")
        #expect(try Self.talk("") == Self.greeting + "goodbye; that was 0 messages, and I replaced 0 times\n")
    }

    @Test func whatIsNoMessageIsSaidToBeNone() throws {
        #expect(try Self.talk("half") == Self.greeting + "goodbye; the stream ended 4 bytes into a line\n")
        let long = String(repeating: "o", count: 1025)
        #expect(try Self.talk(long + "\n") == Self.greeting + "goodbye; a line of more than 1024 bytes\n")
        #expect(try Self.talk(long) { _ in } == Self.greeting + "goodbye; a line of more than 1024 bytes\n")
    }

    /// The longest answer there is, to one who does not read: reading from it pauses, and memory stays within the limits.
    @Test func theLongestRepliesWaitForTheirReader() throws {
        let rules = try #require(DialogueRules(replacing: "o", by: String(repeating: "x", count: 64)))
        let world = try Simulation(seed: 1)
        try world.listen { _ in Dialogue(rules).framed(by: Dialogue.framing) }
        let client = world.connect()
        client.stall()
        client.write(String(repeating: String(repeating: "o", count: 1024) + "\n", count: 50))
        client.closeWrite()
        try world.run(for: .seconds(5))
        #expect(!client.isOver)
        client.resume()
        try world.run { client.isOver }
        let isAll = client.text.hasSuffix("goodbye; that was 50 messages, and I replaced 51200 times\n")
        #expect(isAll && client.received.count > 50 * 65_536)
        try world.check()
    }

    @Test func aServerThatEndsTakesItsLeave() throws {
        let world = try Simulation(seed: 1)
        let rules = try #require(DialogueRules())
        try world.listen { _ in Dialogue(rules).framed(by: Dialogue.framing) }
        let client = world.connect()
        client.write("no\n")
        try world.run { client.text.hasSuffix("nzero\n") }
        world.loop.drain(within: .seconds(5))
        try world.run { client.isOver }
        #expect(client.text.hasSuffix("goodbye; that was 1 message, and I replaced once\n"))
        try world.check()
    }

    /// A character may be several bytes, or several scalars; one that begins like it is another.
    @Test(arguments: [
        ("é", "e", "né è e", "ne è e"), ("👍🏽", "ok", "👍🏽👍👍🏽", "ok👍ok"), ("o", "oo", "ooo", "oooooo"),
        ("x", "y", "", ""), (" ", "_", "a b ", "a_b_"),
    ])
    func replacesWholeCharacters(character: String, word: String, message: String, answer: String) throws {
        let rules = try #require(DialogueRules(replacing: Character(character), by: word))
        #expect(
            try Self.talk(message + "\nbye\n", rules).split(separator: "\n", omittingEmptySubsequences: false)[1]
                == answer)
    }

    @Test func impossibleRulesAreInvalid() {
        #expect(DialogueRules(by: "") == nil)
        #expect(DialogueRules(by: "two\nlines") == nil)
        #expect(DialogueRules(by: String(repeating: "x", count: 65)) == nil)
        #expect(DialogueRules(until: "") == nil)
        #expect(DialogueRules(replacing: "\r\n") == nil)
        #expect(DialogueRules(until: String(repeating: "x", count: 1025)) == nil)
    }
}
