// The options for observing a running server, shared by every server subcommand.

import ArgumentParser
import Reactor

struct OperationOptions: ParsableArguments {
    @OptionGroup var trace: TraceOptions

    @Option(
        help: ArgumentHelp(
            """
            Accept admin commands from the same user on a Unix socket at this path (see 'reactor top'). Try it with: \
            echo help | nc -NU PATH
            """, valueName: "path"))
    var admin: String?

    /// The kernel for the server's loop; its trace goes through ``ServerLog``.
    var kernel: any SystemCalls { trace.kernel(ServerLog.trace) }

    /// Opens the admin socket on a loop, if one was requested.
    ///
    /// - Throws: `SocketError` when the socket cannot be bound.
    func begin(on loop: EventLoop, inheriting inheritance: Inheritance?) throws(SocketError) {
        if let admin { try loop.serveAdministration(at: admin, inheriting: inheritance) }
    }
}
