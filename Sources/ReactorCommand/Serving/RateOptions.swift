// How fast a server's connections may be, on the command line.

import ArgumentParser
import Reactor

struct RateOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Bytes a second that a connection may send, and as many that it is sent, on average. (default: no limit)",
            valueName: "n"),
        transform: CountArgument.parse)
    var rateLimit: Int?

    /// Sets the rates in a server's limits.
    func apply(to limits: inout Limits) {
        limits.readRate = rateLimit.map { RateLimit(bytesPerSecond: $0) }
        limits.writeRate = limits.readRate
    }
}
