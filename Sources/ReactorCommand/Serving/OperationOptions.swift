// How a running server is watched, on the command line. Every server among the subcommands takes these options.

import ArgumentParser
import Reactor

struct OperationOptions: ParsableArguments {
    @Flag(help: "Print each system call, readiness event and callback to standard error, one line each.")
    var trace = false

    @Option(
        help: ArgumentHelp(
            """
            Accept commands of this user on a Unix socket there, see 'reactor top'. Try it with: \
            echo help | nc -NU PATH
            """, valueName: "path"))
    var admin: String?

    /// The system that the server's loop runs on.
    var kernel: any Kernel {
        trace ? TracingKernel { StandardError.write($0 + "\n") } : LinuxKernel.shared
    }

    /// Begins what was asked for on a loop.
    func begin(on loop: EventLoop, inheriting inheritance: Inheritance?) throws(SocketError) {
        if let admin { try loop.serveAdministration(at: admin, inheriting: inheritance) }
    }
}
