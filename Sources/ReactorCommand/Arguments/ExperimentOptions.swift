// What the subcommands have in common that are no servers but run an experiment and end.

import ArgumentParser
import Reactor

struct ExperimentOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How the loop finds out what is ready: \(BackendArgument.names). (default: epoll-lt)", valueName: "name"),
        transform: BackendArgument.parse)
    var backend = Backend.epoll(.levelTriggered)

    @Flag(help: "Print each system call, readiness event and callback to standard error, one line each.")
    var trace = false

    @Option(help: ArgumentHelp("Writes what was found as JSON; '-' is standard output.", valueName: "file"))
    var json: String?

    /// Whether standard output is for people: it is either for people or for programs.
    var printsText: Bool { json != "-" }

    /// A loop as it was asked for.
    func makeLoop() throws -> EventLoop {
        let kernel: any SystemCalls = trace ? TracingKernel { StandardError.write($0 + "\n") } : LinuxKernel.shared
        do throws(SocketError) {
            return try EventLoop(backend: backend, kernel: kernel)
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}
