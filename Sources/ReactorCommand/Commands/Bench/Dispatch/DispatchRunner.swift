// The run of `reactor bench dispatch`: every place of the figure, in rounds in which the methods take turns, so that
// other work on the machine affects all of them alike.

import Reactor

/// The runner of a plan.
struct DispatchRunner {
    let plan: DispatchPlan
    let rounds: Int
    let progress: BenchProgress
    /// Whether to end: measured so far is kept.
    let isCancelled: () throws -> Bool

    /// Takes all samples; a failed one is recorded, and the run continues.
    ///
    /// - Throws: What `isCancelled` throws.
    func run(into report: inout FigureReport) throws {
        var figures = [figure("Dispatching one event"), figure("The same with all descriptors registered again")]
        let samples = plan.cells.count * plan.methods.count * rounds
        var sample = 0
        cells: for cell in plan.cells {
            let pairs: DispatchPairs
            do { pairs = try DispatchPairs(cell.pairs) } catch {
                report.failures.append("\(cell.pairs.grouped) pairs: \(error)")
                sample += plan.methods.count * rounds
                continue
            }
            for round in 1...rounds {
                // Every round begins with another method, because the machine drifts within a round too.
                for step in plan.methods.indices {
                    if try isCancelled() {
                        report.wasStopped = true
                        break cells
                    }
                    let line = (step + round) % plan.methods.count
                    sample += 1
                    let name =
                        "\(cell.pairs.grouped) pairs, \(cell.active.grouped) active, \(plan.methods[line].name)"
                    progress.began(name, sample, of: samples)
                    do {
                        let times = try measure(plan.methods[line], cell, pairs)
                        figures[0].add(times.loop, at: cell, line)
                        figures[1].add(times.total, at: cell, line)
                        progress.ended("\(name): \(FigureText.number(times.loop)) us per event")
                    } catch {
                        report.failures.append("\(name): \(error)")
                    }
                }
            }
        }
        report.figures = figures
        report.findings = DispatchFindings.sentences(figures[0])
    }

    private func figure(_ title: String) -> Figure {
        let lines = plan.methods.map { FigureLine(name: $0.name, yardstickOf: $0.yardstickOf) }
        return Figure(
            title: "select, poll and epoll: \(title.lowercased())", xTitle: "socket pairs", yTitle: "us per event",
            panels: plan.active.map { FigurePanel(title: plan.title($0), lines: lines) },
            notes: [
                "\(plan.writes.grouped) chained writes; the median of \(plan.iterations) iterations in each of \(rounds) "
                    + "rounds, in which the methods take turns. Solid: the framework; dashed: plain C with the same calls.",
                "select has bitmaps of its own here: the C library's end at 1,024 descriptors.",
            ])
    }

    /// Returns the medians of one sample, in microseconds per event.
    private func measure(_ method: DispatchMethod, _ cell: DispatchCell, _ pairs: DispatchPairs) throws -> (
        loop: Double, total: Double
    ) {
        // A fresh loop, because a second epoll set with the same descriptors would be woken as well.
        let loop: any DispatchLoop =
            switch method.value {
            case .reactor(let backend): try ReactorDispatch(backend, pairs)
            case .plain(let plain): try PlainCDispatch(plain, pairs)
            }
        _ = try loop.iterate(active: cell.active, writes: plan.writes)  // the first registers, and warms up
        var (loops, totals): ([Double], [Double]) = ([], [])
        let end = ContinuousClock.now + plan.patience
        while loops.count < plan.iterations {
            let iteration = try loop.iterate(active: cell.active, writes: plan.writes)
            let events = Double(max(1, iteration.events)) * 1e3
            loops.append(Double(iteration.loopNanoseconds) / events)
            totals.append(Double(iteration.totalNanoseconds) / events)
            if loops.count >= 3 && ContinuousClock.now > end { break }
        }
        return (BenchMedian.median(loops), BenchMedian.median(totals))
    }
}

extension Figure {
    fileprivate mutating func add(_ value: Double, at cell: DispatchCell, _ line: Int) {
        panels[cell.panel].lines[line].add(value, at: Double(cell.pairs))
    }
}

extension FigureLine {
    /// Adds a sample to the point at a place.
    mutating func add(_ value: Double, at x: Double) {
        if let index = points.lastIndex(where: { $0.x == x }) {
            points[index].values.append(value)
        } else {
            points.append(FigurePoint(x: x, values: [value]))
        }
    }
}
