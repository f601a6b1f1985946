// The options shared by the experiments: subcommands that run once on a loop, print what they found, and exit.

import ArgumentParser
import Reactor

struct ExperimentOptions: ParsableArguments {
    @OptionGroup var selector: BackendOptions

    @OptionGroup var trace: TraceOptions

    @Option(help: ArgumentHelp("Write the findings as JSON to this file; '-' is standard output.", valueName: "file"))
    var json: String?

    /// Whether standard output carries text for people; with `--json -` it carries JSON only.
    var printsText: Bool { json != "-" }

    /// Returns a new event loop with the requested back end and tracing, which stops when output cannot be written.
    ///
    /// - Throws: ``CommandFailure`` when the loop cannot be created.
    func makeLoop() throws -> EventLoop {
        do throws(SocketError) {
            let loop = try EventLoop(backend: selector.backend, kernel: trace.kernel)
            StandardOutput.stopsOnFailure(loop)
            return loop
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}
