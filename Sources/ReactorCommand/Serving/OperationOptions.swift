// How a running server is watched, on the command line. Every server among the subcommands takes these options.

import ArgumentParser
import Reactor

struct OperationOptions: ParsableArguments {
    @OptionGroup var trace: TraceOptions

    @Option(
        help: ArgumentHelp(
            """
            Accept commands of this user on a Unix socket there, see 'reactor top'. Try it with: \
            echo help | nc -NU PATH
            """, valueName: "path"))
    var admin: String?

    /// The system that the server's loop runs on.
    var kernel: any SystemCalls { trace.kernel(ServerLog.trace) }

    /// Begins what was asked for on a loop.
    func begin(on loop: EventLoop, inheriting inheritance: Inheritance?) throws(SocketError) {
        if let admin { try loop.serveAdministration(at: admin, inheriting: inheritance) }
    }
}
