// How slowly a client may upload, on the command line.

import ArgumentParser
import Reactor

struct UploadOptions: ParsableArguments {
    private static let defaults = MinimumRate()

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Bytes per second that an upload must reach on average after its first 30 s; a slower one is closed. \
            (default: \(UploadOptions.defaults.bytesPerSecond))
            """, valueName: "n"),
        transform: CountArgument.parse)
    var minUploadRate = UploadOptions.defaults.bytesPerSecond

    /// The least rate of uploads on a server whose connections are no faster than this.
    func rate(besides rates: RateOptions) -> MinimumRate {
        var rate = Self.defaults
        // A client that the server itself slows down is not slow.
        rate.bytesPerSecond = min(minUploadRate, rates.rateLimit.map { max(1, $0 / 2) } ?? .max)
        return rate
    }
}
