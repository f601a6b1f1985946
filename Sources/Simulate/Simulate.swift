// `simulate`: random programs against the reference model, as many as one has time for. The tests run two thousand; this
// is for the nights.

import ArgumentParser
import Reactor
import ReactorTesting
import SystemPackage

@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Check the framework with random programs on the simulated kernel.",
        discussion: """
            Each seed is one program: connects, writes, pauses, half-closes, resets, closes inside callbacks, timers and \
            stops, under faults of all kinds, in virtual time. What each side saw is compared with a reference model. A \
            violation is printed with its seed and the last events; the same seed shows the same again.

            EXAMPLES
              swift run -c release simulate --seeds 100000
              swift run -c release simulate --first 4711 --seeds 1 --backend epoll-et --trace 300

            It ends with status 0 when every program kept to the model, with 1 when one did not.
            """)

    @Option(help: "How many seeds, each on every back end that is asked for.")
    var seeds = 10_000

    @Option(help: "The first seed.")
    var first: UInt64 = 1

    @Option(help: "One back end only: \(Backend.all.map(\.description).joined(separator: ", ")). (default: all)")
    var backend: String?

    @Option(help: "How many of the last events a violation shows.")
    var trace = 60

    @Option(help: "End after so many violations.")
    var violations = 3

    func validate() throws {
        guard seeds > 0 else { throw ValidationError("--seeds is \(seeds): it has to be at least 1") }
        if let backend, Backend(backend) == nil {
            throw ValidationError("'\(backend)' is no back end: use one of \(Backend.all.map(\.description))")
        }
    }

    func run() throws {
        let backends = backend.flatMap { Backend($0) }.map { [$0] } ?? Backend.all
        let start = ContinuousClock.now
        var found = 0
        var programs = 0
        for offset in 0..<seeds {
            let seed = first &+ UInt64(offset)
            for backend in backends {
                programs += 1
                let program = RandomProgram(seed: seed)
                program.traceLength = trace
                do {
                    try program.run(on: backend)
                } catch {
                    found += 1
                    try print("\(backend): \(error)\n")
                    if found == violations { throw ExitCode(1) }
                }
            }
            if (offset + 1).isMultiple(of: max(1, seeds / 20)) {
                try print(
                    "\(offset + 1) of \(seeds) seeds, \(programs) programs, \(found) violations, \(start.duration(to: .now))"
                )
            }
        }
        if found > 0 { throw ExitCode(1) }
        try print("no violation in \(programs) programs: seeds \(first) to \(first &+ UInt64(seeds - 1))")
    }

    /// Writes a line at once. Output that cannot be written ends the run: without a word where its reader has gone.
    private func print(_ line: String) throws {
        let line = line + "\n"
        do throws(Errno) {
            try LinuxKernel.shared.writeAll(line.utf8Span.span, to: .standardOutput)
        } catch {
            if error == .brokenPipe { throw ExitCode(1) }
            throw OutputFailure(description: "cannot write to standard output: \(error.outputWords)")
        }
    }
}

/// Why output could not be written, in one line.
private struct OutputFailure: Error, CustomStringConvertible {
    let description: String
}
