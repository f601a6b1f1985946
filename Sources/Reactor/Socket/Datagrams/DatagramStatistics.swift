// The counters of a datagram socket: plain additions on the loop's thread.

/// The counters of a datagram socket since its creation.
public struct DatagramStatistics: Sendable, Hashable {
    /// Datagrams received, including truncated ones.
    public internal(set) var received = 0
    /// Bytes received.
    public internal(set) var bytesReceived = 0
    /// Datagrams received truncated.
    public internal(set) var truncated = 0
    /// Datagrams accepted by the kernel.
    public internal(set) var sent = 0
    /// Bytes accepted by the kernel.
    public internal(set) var bytesSent = 0
    /// Datagrams not sent: too large, queue full, or still queued when the socket was closed.
    public internal(set) var dropped = 0
    /// Replies withheld by the ``ReplyLimits``.
    public internal(set) var withheld = 0
    /// Errors reported by the kernel, about a refused datagram or about the peer.
    public internal(set) var failures = 0
    /// Calls of recvmmsg(2).
    public internal(set) var receiveCalls = 0
    /// Calls of sendmmsg(2).
    public internal(set) var sendCalls = 0
}
