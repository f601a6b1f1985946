// The rate limit of a server's connections on the command line.

import ArgumentParser
import Reactor

struct RateOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Limit each connection to this many bytes per second in each direction, on average. (default: no limit)",
            valueName: "n"),
        transform: CountArgument.parse)
    var rateLimit: Int?

    /// Sets the read and write rates of a server's limits.
    func apply(to limits: inout Limits) {
        limits.readRate = rateLimit.map { RateLimit(bytesPerSecond: $0) }
        limits.writeRate = limits.readRate
    }
}
