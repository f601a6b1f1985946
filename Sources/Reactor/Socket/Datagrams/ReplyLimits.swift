// Keeps a datagram server out of reply loops: source addresses can be spoofed, and two servers that reply to each
// other, or one that replies to itself, would exchange datagrams indefinitely (CVE-2024-2169).

/// The limits on replies of a datagram socket.
///
/// A reply is a datagram that a handler sends to a source while ``DatagramHandler/received(_:from:on:)`` handles a
/// datagram from that source. Other datagrams are not limited. A withheld reply is dropped
/// (``DatagramSendResult/withheld``) and counted (``DatagramStatistics/withheld``).
///
/// There are three rules, from certain to cautious:
/// - No reply goes to a source with the socket's own port, which covers all of its own addresses, or with a port below
///   1,024, where services such as echo, chargen and DNS reply by themselves.
/// - A source that returns the socket's own replies is either another server that replies or a client that repeats
///   itself. It gets ``returnedPerSecond`` replies per second. A loop runs as fast as both sides can, soon exceeds the
///   limit, and ends with the first withheld reply, because nothing else keeps it going; a loop over a path slow enough
///   to stay below the limit costs next to nothing.
/// - All other replies to one source are limited to ``perSecond``.
///
/// A source is an address and a port. Sources share a table of fixed size, so a flood from spoofed addresses takes no
/// memory; two sources that share an entry share its rate.
public struct ReplyLimits: Sendable, Hashable {
    /// Whether sources with the socket's own port or a port below 1,024 get no reply. Default: yes.
    public var refusesReflectingPorts = true
    /// Replies per second to a source that returns this socket's replies; at least 1, `nil` for unlimited. Default:
    /// 100.
    ///
    /// A reply counts as returned when a datagram from the same source begins or ends with the same 32 bytes, or equals
    /// the reply if it is shorter, ignoring case. Only recent replies are remembered.
    public var returnedPerSecond: Int? = 100
    /// The burst of replies to such a source after a pause; at least 1. Default: 1,000, so that a client may measure
    /// round trips with identical datagrams.
    public var returnedBurst = 1_000
    /// Replies per second to one source, and the burst; at least 1, `nil` for unlimited. Default: 100,000, more than a
    /// client reaches that waits for each reply.
    public var perSecond: Int? = 100_000

    /// Creates limits with their default values.
    public init() {}

    /// Limits that withhold nothing, for load tests and for protocols that cannot loop.
    public static let unlimited: ReplyLimits = {
        var limits = ReplyLimits()
        (limits.refusesReflectingPorts, limits.returnedPerSecond, limits.perSecond) = (false, nil, nil)
        return limits
    }()
}
