// Chance that repeats itself.

import ReactorTesting
import Testing

@Suite(.timeLimit(.minutes(20))) struct SeededGeneratorTests {
    @Test func theSameSeedGivesTheSameNumbers() {
        var first = SeededGenerator(seed: 7)
        var second = SeededGenerator(seed: 7)
        for _ in 0..<100 { #expect(first.next() == second.next()) }
    }

    @Test func numbersStayInTheirRange() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<1000 {
            let number = random.number(in: 3...9)
            #expect((3...9).contains(number))
        }
        let (least, never, always) = (random.below(1), random.chance(0), random.chance(1))
        #expect(least == 0 && !never && always)
    }
}
