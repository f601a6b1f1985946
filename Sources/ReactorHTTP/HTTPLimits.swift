// The limits of one request. Every limit has a default and none is unlimited. The limits of a connection are in
// `Limits`.

public import Reactor

/// The limits of each HTTP request.
public struct HTTPLimits: Sendable {
    /// The most bytes of a request line, without its CR LF; more get the response 414. Default: 8,192; RFC 9112, 3
    /// recommends at least 8,000.
    public var requestLineBytes = 8_192
    /// The most bytes of a request head; more get the response 431. Default: 32 KiB. Values above 65,535 are reduced to
    /// that.
    public var headBytes = 32_768
    /// The most fields of a head, and of a trailer section; more get the response 431. Default: 100.
    public var fields = 100
    /// The most bytes of a request body, which is read and discarded unless it is a form; more get the response 413.
    /// Default: 1 MiB.
    public var bodyBytes = 1_048_576
    /// The most bytes of a form, which is buffered until it is complete; more get the response 413. Default: 64 KiB.
    public var formBytes = 65_536
    /// The most bytes of all chunk extensions of one body together; more get the response 400. Default: 1,024.
    public var chunkExtensionBytes = 1_024
    /// The most bytes of a trailer section; more get the response 431. Default: 8,192.
    public var trailerBytes = 8_192

    /// The time within which a head must arrive, from its first byte; then the response is 408. Further bytes do not
    /// extend it. Default: 10 s.
    public var headTime = Duration.seconds(10)
    /// The least average rate of a body; a slower one gets the response 408. Default: 500 B/s, after 30 s of grace.
    public var bodyRate = MinimumRate()
    /// The budget of requests per connection and turn of the loop; further pipelined ones wait for a later turn.
    /// Default: 64.
    public var requestsPerTurn = 64

    /// Creates the default limits.
    public init() {}
}
