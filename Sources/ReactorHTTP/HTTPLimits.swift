// What a request may use up. Everything has a default, and none is "without limit". What a connection may use up is in
// `Limits`; this knows no connection.

public import Reactor

/// The limits of requests.
public struct HTTPLimits: Sendable {
    /// Bytes of the request line, its end not counted; more are answered 414. Default: 8,192, as RFC 9112, 3 recommends.
    public var requestLineBytes = 8_192
    /// Bytes of a request's head, at most 65,535; more are answered 431. Default: 32 KiB.
    public var headBytes = 32_768
    /// Fields of a head, and of a trailer section; more are answered 431. Default: 100.
    public var fields = 100
    /// Bytes of a request's body; more are answered 413. Default: 1 MiB. It is read and thrown away, unless it is a form's.
    public var bodyBytes = 1_048_576
    /// Bytes of a form's body, which is kept until it is whole; more are answered 413. Default: 64 KiB.
    public var formBytes = 65_536
    /// Bytes of all chunk extensions of a body; more are answered 400. Default: 1,024.
    public var chunkExtensionBytes = 1_024
    /// Bytes of a trailer section; more are answered 431. Default: 8,192.
    public var trailerBytes = 8_192

    /// How long a head may take from its first byte, whatever drips in meanwhile; then it is answered 408. Default: 10 s.
    public var headTime = Duration.seconds(10)
    /// How fast a body has to come in; one that is slower is answered 408. Default: 500 bytes per second after 30 s.
    public var bodyRate = MinimumRate()
    /// Requests answered a connection and turn of the loop, after which others have their turn. Default: 64.
    public var requestsPerTurn = 64

    /// The defaults.
    public init() {}
}
