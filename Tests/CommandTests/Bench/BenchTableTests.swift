// The table of a bench.

import Reactor
import Testing

@testable import ReactorCommand

@Suite(.timeLimit(.minutes(20))) struct BenchTableTests {
    @Test func medians() {
        #expect(BenchMedian.median([3]) == 3)
        #expect(BenchMedian.median([9, 1, 5]) == 5)
        #expect(BenchMedian.median([4, 1, 2, 9]) == 3)
        // Each figure for itself: the round in the middle by throughput need not be it by latency.
        let median = BenchMedian([Self.figures(100, p50: 9), Self.figures(300, p50: 1), Self.figures(200, p50: 2)])
        #expect(median.messagesPerSecond == 200)
        #expect(median.p50Nanoseconds == 2)
    }

    @Test func aRowIsABackEndAndABlockAScenario() {
        let alone = BenchScenario(active: 1)
        let crowd = BenchScenario(active: 100, idle: 1_000)
        var cells = [
            BenchCell(.select, alone), BenchCell(.epoll(.edgeTriggered), alone), BenchCell(.select, crowd),
            BenchCell(.poll, crowd),
        ]
        cells[0].rounds = [Self.figures(12_345.6, p50: 25_000)]
        cells[1].rounds = [Self.figures(9, p50: 1)]
        cells[1].note = "failed"
        cells[2].note = "limited to 1,024 descriptors"
        let expected = [
            "                      messages/s         p50         p99       p99.9  server CPU",
            "1 connection",
            "  select                  12,346       25 us       50 us       75 us     4.56 us",
            "  epoll-et                     9     0.00 us     0.00 us     0.00 us     4.56 us  1 round only: failed",
            "100 active connections beside 1,000 idle ones",
            "  select              limited to 1,024 descriptors",
            "  poll                not measured",
        ]
        #expect(BenchTable.text(of: cells) == expected.joined(separator: "\n"))
    }

    @Test func theFactsSayWhatIsPinned() {
        let two = BenchMachine(processors: [2, 5], processorName: "X", kernel: "6.1", descriptors: 9, loadAverage: 0)
        let facts = BenchTable.facts(BenchPlan(), on: two)
        #expect(facts.contains("2 processors (X), Linux 6.1"))
        #expect(facts.contains("the server to processor 2, the load to processor 5"))
        #expect(facts.contains("2.0 s each; the median of 3 rounds"))
        #expect(!facts.contains("load average"))
        let one = BenchMachine(processors: [0], processorName: nil, kernel: "6.1", descriptors: 9, loadAverage: 1.25)
        let facts1 = BenchTable.facts(.quick, on: one)
        #expect(facts1.contains("1 processor, Linux 6.1"))
        #expect(facts1.contains("nothing: server and load share the only processor"))
        #expect(facts1.contains("left out"))
        #expect(facts1.contains("load average was 1.3"))
    }

    private static func figures(_ rate: Double, p50: Int) -> BenchFigures {
        BenchFigures(
            messages: 1, messagesPerSecond: rate, p50Nanoseconds: p50, p99Nanoseconds: 2 * p50,
            p999Nanoseconds: 3 * p50,
            maxNanoseconds: 4 * p50, serverCPUMicrosecondsPerMessage: 4.56, loadCPUMicrosecondsPerMessage: 5)
    }
}
