// The minimum rate of uploads on the command line.

import ArgumentParser
import Reactor

struct UploadOptions: ParsableArguments {
    private static let defaults = MinimumRate()

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Close an upload that averages fewer bytes per second than this after its first 30 s. \
            (default: \(UploadOptions.defaults.bytesPerSecond))
            """, valueName: "n"),
        transform: CountArgument.parse)
    var minUploadRate = UploadOptions.defaults.bytesPerSecond

    /// Returns the minimum rate of uploads for a server with these rate limits.
    func rate(besides rates: RateOptions) -> MinimumRate {
        var rate = Self.defaults
        // A client that the server's own rate limit slows down must not be closed for it: require at most half the
        // limit.
        rate.bytesPerSecond = min(minUploadRate, rates.rateLimit.map { max(1, $0 / 2) } ?? .max)
        return rate
    }
}
