// What keeps a datagram server from answering without end: anyone can send a datagram with any source address, and two
// servers that answer each other, or one that answers itself, exchange datagrams until one of them ends (CVE-2024-2169).

/// Which answers a datagram socket withholds.
///
/// An answer is a datagram that a handler sends to a source while ``DatagramHandler/received(_:from:on:)`` handles a
/// datagram from there. Other datagrams are not limited. An answer that is withheld is dropped
/// (``DatagramSendResult/withheld``) and counted (``DatagramStatistics/withheld``).
///
/// Three rules, from certain to cautious:
/// - A source with the socket's own port, which covers every address of its own, or with a port below 1,024, where
///   services such as echo, chargen and DNS answer by themselves, gets no answer.
/// - A source that sends the socket's own answers back is either another server that answers or a client that repeats
///   itself. It gets ``returnedPerSecond`` answers a second. A loop runs as fast as both sides can, exceeds the limit
///   soon, and ends when an answer is withheld, because nothing else keeps it going; a loop over a path so slow that it
///   stays below the limit costs next to nothing.
/// - All other answers to one source are limited to ``perSecond``.
///
/// A source is an address and a port. Sources share a table of a fixed size, so that a flood from invented addresses
/// takes no memory; two sources that share an entry share its rate.
public struct AnswerLimits: Sendable, Hashable {
    /// Whether a source with the socket's own port or a port below 1,024 gets no answer. Default: yes.
    public var refusesReflectingPorts = true
    /// Answers per second to a source that sends this socket's answers back; at least 1. `nil` is no limit. Default: 100.
    ///
    /// An answer counts as sent back when a datagram from the same source begins or ends with the same 32 bytes, or is
    /// the same where it is shorter, in upper or lower case. Only recent answers are remembered.
    public var returnedPerSecond: Int? = 100
    /// Answers at once to such a source after a time of rest; at least 1. Default: 1,000, so that a client may measure round
    /// trips with one and the same datagram.
    public var returnedBurst = 1_000
    /// Answers per second to one source, and as many at once; at least 1. `nil` is no limit. Default: 100,000, more than a
    /// client reaches that waits for each answer.
    public var perSecond: Int? = 100_000

    /// The defaults.
    public init() {}

    /// No answer is withheld: for protocols in which answering forever is impossible, and for load tests.
    public static let unlimited: AnswerLimits = {
        var limits = AnswerLimits()
        (limits.refusesReflectingPorts, limits.returnedPerSecond, limits.perSecond) = (false, nil, nil)
        return limits
    }()
}
