// What the subcommands have in common that are no servers but run an experiment and end.

import ArgumentParser
import Reactor

struct ExperimentOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How the loop finds out what is ready: \(BackendArgument.names). (default: epoll-lt)", valueName: "name"),
        transform: BackendArgument.parse)
    var backend = Backend.epoll(.levelTriggered)

    @OptionGroup var trace: TraceOptions

    @Option(help: ArgumentHelp("Writes what was found as JSON; '-' is standard output.", valueName: "file"))
    var json: String?

    /// Whether standard output is for people: it is either for people or for programs.
    var printsText: Bool { json != "-" }

    /// A loop as it was asked for.
    func makeLoop() throws -> EventLoop {
        do throws(SocketError) {
            let loop = try EventLoop(backend: backend, kernel: trace.kernel)
            StandardOutput.stopsOnFailure(loop)
            return loop
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}
