// `simulate`: runs random programs against the reference model, as many as time allows. The tests run two thousand;
// this is for overnight runs.

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
            stops, under all kinds of faults, in virtual time. The bytes and events of each side are compared with a \
            reference model. A violation is printed with its seed and the last events; the seed reproduces it.

            EXAMPLES
              swift run -c release simulate --seeds 100000
              swift run -c release simulate --first 4711 --seeds 1 --backend epoll-et --trace 300

            Exit status: 0 if every program conformed to the model, 1 otherwise.
            """)

    @Option(help: "The number of seeds, each run on every selected back end.")
    var seeds = 10_000

    @Option(help: "The first seed.")
    var first: UInt64 = 1

    @Option(help: "Run on one back end only: \(Backend.all.map(\.description).joined(separator: ", ")). (default: all)")
    var backend: String?

    @Option(help: "The number of events shown with a violation.")
    var trace = 60

    @Option(help: "The number of violations after which to stop.")
    var violations = 3

    func validate() throws {
        guard seeds > 0 else { throw ValidationError("invalid number of seeds \(seeds); use at least 1") }
        if let backend, Backend(backend) == nil {
            throw ValidationError("invalid back end '\(backend)'; use one of \(Backend.all.map(\.description))")
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

    /// Writes a line immediately. A failed write ends the run, silently if the reader is gone (`EPIPE`).
    private func print(_ line: String) throws {
        let line = line + "\n"
        do throws(Errno) {
            try LinuxKernel.shared.writeAll(line.utf8Span.span, to: .standardOutput)
        } catch {
            if error == .brokenPipe { throw ExitCode(1) }
            throw OutputFailure(description: "cannot write to standard output: \(error.namedDescription)")
        }
    }
}

/// The reason why output could not be written, in one line.
private struct OutputFailure: Error, CustomStringConvertible {
    let description: String
}
