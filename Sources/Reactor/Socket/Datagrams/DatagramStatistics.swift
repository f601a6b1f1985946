// What a datagram socket counts. Plain additions on the loop's thread.

/// Counters of a datagram socket since it was made.
public struct DatagramStatistics: Sendable, Hashable {
    /// Datagrams received, truncated ones included.
    public internal(set) var received = 0
    /// Bytes received.
    public internal(set) var bytesReceived = 0
    /// Datagrams of which only the beginning was received.
    public internal(set) var truncated = 0
    /// Datagrams that the kernel took.
    public internal(set) var sent = 0
    /// Bytes that the kernel took.
    public internal(set) var bytesSent = 0
    /// Datagrams that were not sent: too large, or no room to wait in, or still waiting when the socket was closed.
    public internal(set) var dropped = 0
    /// Answers that were withheld, see ``AnswerLimits``.
    public internal(set) var withheld = 0
    /// Errors that the kernel told, of a datagram that it refused or of the peer.
    public internal(set) var failures = 0
    /// Calls of recvmmsg(2).
    public internal(set) var receiveCalls = 0
    /// Calls of sendmmsg(2).
    public internal(set) var sendCalls = 0
}
